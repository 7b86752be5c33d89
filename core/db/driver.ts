// Owns the door for database drivers: what they share, beside the contract that everybody sees.

export { answerInTurn, checkSelects, placeOf } from './check';
export type { Column, CommitMeter, Index, Outcome, Put, Update } from './database';
export { isValue } from './database';
export type { GroupLimits, Result } from './group';
export { defaultGroupLimits, GroupCommit } from './group';
export type { FoundColumn, FoundTable, TablePlan } from './migrate';
export { isRedundantIndex, planTable, stepOf } from './migrate';
export type { Dialect } from './sql';
export {
  deleteSql,
  guardColumns,
  guardInsertSql,
  guardUpdateSql,
  plainColumns,
  putSql,
  selectShape,
  selectSql,
  selectValues,
  updateShape,
  updateSql,
} from './sql';
export type { Layout } from './table';
export { keyOf, keyText, layoutOf, positionOf } from './table';
export type { ServerUrl, SqliteUrl } from './url';
