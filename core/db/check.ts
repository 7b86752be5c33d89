// Owns the check of what callers hand in: every driver refuses the same changes, with the same words, before it does any work.
import { RollcallError } from '../base/errors';
import { type Change, ConstraintViolated, isValue, type Select, type Write } from './database';
import { type Column, layoutOf, positionOf, type Row, type Table, type Value } from './table';

const smallValue = 8;

/**
 * Bytes a change keeps in memory while it waits, about.
 * @throws ConstraintViolated when a value breaks its column's declaration, RollcallError when the change does not fit its tables.
 */
export function weighChange(change: Change): number {
  let bytes = 0;
  const guard = change.guard;
  if (guard !== undefined) {
    bytes += weighRow(guard.table, guard.row);
    if (typeof guard.row[positionOf(guard.table, guard.versionColumn)] !== 'number') {
      throw new RollcallError(`guard of table ${guard.table.name}: '${guard.versionColumn}' holds no version`);
    }
    for (const name of guard.changed ?? []) positionOf(guard.table, name);
  }
  for (const write of change.writes) bytes += weighWrite(write);
  return bytes;
}

function weighWrite(write: Write): number {
  if (write.op === 'put') return weighRow(write.table, write.row);
  let bytes = weighKey(write.table, write.key);
  if (write.op === 'update') {
    const columns = Object.keys(write.set);
    if (columns.length === 0) throw new RollcallError(`update of table ${write.table.name} sets nothing`);
    for (const name of columns) bytes += weighNamed(write.table, name, write.set[name] ?? null, true);
    for (const name in write.where) bytes += weighNamed(write.table, name, write.where[name] ?? null, false);
  }
  return bytes;
}

function weighRow(table: Table, row: readonly Value[]): number {
  const columns = table.columns;
  if (row.length !== columns.length) {
    throw new RollcallError(
      `a row of table ${table.name} has ${row.length} values, the table ${columns.length} columns`,
    );
  }
  let bytes = 0;
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i];
    if (column !== undefined) bytes += weighValue(table, column, row[i] ?? null, true);
  }
  return bytes;
}

/** Checks the values of a primary key. */
export function weighKey(table: Table, key: readonly Value[]): number {
  const positions = layoutOf(table).key;
  if (key.length !== positions.length) {
    throw new RollcallError(
      `a key of table ${table.name} has ${key.length} values, the table's key ${positions.length}`,
    );
  }
  let bytes = 0;
  for (let i = 0; i < positions.length; i++) {
    const column = table.columns[positions[i] ?? 0];
    if (column !== undefined) bytes += weighValue(table, column, key[i] ?? null, true);
  }
  return bytes;
}

function weighNamed(table: Table, name: string, value: Value, stored: boolean): number {
  const column = table.columns[positionOf(table, name)];
  return column === undefined ? 0 : weighValue(table, column, value, stored);
}

/** `stored`: the value is to be kept, so null and length matter; else it is only compared with. */
export function weighValue(table: Table, column: Column, value: Value, stored: boolean): number {
  if (value === null) {
    if (stored && column.nullable !== true)
      throw new ConstraintViolated(`${table.name}.${column.name} must not be null`);
    return smallValue;
  }
  if (typeof value === 'number') {
    if (column.type !== 'integer' || !Number.isSafeInteger(value)) throw wrongType(table, column, value);
    return smallValue;
  }
  if ((typeof value === 'string' ? 'text' : 'blob') !== column.type) throw wrongType(table, column, value);
  if (stored && column.size !== undefined && value.length > column.size) {
    throw new ConstraintViolated(`${table.name}.${column.name} holds at most ${column.size}, not ${value.length}`);
  }
  return value.length + smallValue;
}

/** Most values of one `in`: a statement has room for so many. */
export const maxIn = 1000;

/** @throws RollcallError when a query does not fit its table, or depends on none that is asked before it. */
export function checkSelects(queries: readonly Select[]): void {
  for (const [i, query] of queries.entries()) {
    checkSelect(query);
    const { ifFound } = query;
    if (ifFound && (ifFound.ifFound || placeOf(queries, i, ifFound) < 0)) {
      throw new RollcallError(`a select of table ${query.table.name} depends on one that is not asked before it`);
    }
  }
}

/** Answers one after the other, those that depend on another only when that has found something. @throws as `checkSelects` */
export function answerInTurn(queries: readonly Select[], answer: (query: Select) => Row[]): Row[][] {
  checkSelects(queries);
  const answers = new Map<Select, Row[]>();
  return queries.map((query) => {
    const rows = query.ifFound && answers.get(query.ifFound)?.length === 0 ? [] : answer(query);
    answers.set(query, rows);
    return rows;
  });
}

/** Where the query stands on which query `i` depends; -1 when it is not among those before it. Looked for backwards: it is near. */
export function placeOf(queries: readonly Select[], i: number, condition: Select): number {
  let place = i - 1;
  while (place >= 0 && queries[place] !== condition) place--;
  return place;
}

function checkSelect(query: Select): void {
  const table = query.table;
  for (const name in query.where) {
    const column = table.columns[positionOf(table, name)];
    const condition = query.where[name] ?? null;
    if (column === undefined) continue;
    if (isValue(condition)) {
      weighValue(table, column, condition, false);
    } else if ('in' in condition) {
      if (condition.in.length > maxIn)
        throw new RollcallError(`a select asks for more than ${maxIn} values of ${name}`);
      for (const value of condition.in) weighValue(table, column, value, false);
    } else weighValue(table, column, 'atMost' in condition ? condition.atMost : condition.above, false);
  }
  for (const name of query.columns ?? []) positionOf(table, name);
  if (query.orderBy !== undefined) positionOf(table, query.orderBy);
  if (query.limit !== undefined && !(Number.isSafeInteger(query.limit) && query.limit >= 0)) {
    throw new RollcallError(`a select of table ${table.name} has the limit ${query.limit}`);
  }
}

function wrongType(table: Table, column: Column, value: Value): RollcallError {
  const kind = typeof value === 'object' ? 'blob' : typeof value;
  return new ConstraintViolated(`${table.name}.${column.name} is ${column.type} and cannot hold this ${kind}`);
}
