// Owns the SQL text that drivers share: each kind of write and query as one statement, its parameters in a known order.
import { type Condition, type Guard, isValue, type Select, type Update } from './database';
import { layoutOf, positionOf, type Table, type Value } from './table';

/** What differs between SQL databases. */
export interface Dialect {
  quote(name: string): string;
  /** Follows an INSERT: a row with this primary key is there already, so take over all other columns. */
  orReplace(table: Table): string;
  /** Follows an INSERT: a row with this primary key is there already, so do nothing. */
  orIgnore(table: Table): string;
}

/** Parameters: the row. */
export function putSql(dialect: Dialect, table: Table): string {
  return `${insert(dialect, table)} ${dialect.orReplace(table)}`;
}

/** The guard of a row that must not be there yet: it touches one row or none. Parameters: the row. */
export function guardInsertSql(dialect: Dialect, table: Table): string {
  return `${insert(dialect, table)} ${dialect.orIgnore(table)}`;
}

/** The guard of a row of a known version: it touches one row or none. Parameters: the values of `guardColumns`, the key, the expected version. */
export function guardUpdateSql(dialect: Dialect, guard: Guard): string {
  const { quote } = dialect;
  const { table, versionColumn } = guard;
  const set = guardColumns(guard).map((position) => `${quote(layoutOf(table).names[position] ?? '')} = ?`);
  return `UPDATE ${quote(table.name)} SET ${set.join(', ')} WHERE ${keyIs(dialect, table)} AND ${quote(versionColumn)} = ?`;
}

/** Positions of the columns that the guard of a known version stores. */
export function guardColumns({ table, versionColumn, changed }: Guard): readonly number[] {
  if (changed === undefined) return plainColumns(table);
  return [versionColumn, ...changed].map((name) => positionOf(table, name));
}

/** Positions of the columns outside the primary key, in their order. */
export function plainColumns(table: Table): number[] {
  const layout = layoutOf(table);
  return layout.names.map((_, position) => position).filter((position) => !layout.key.includes(position));
}

/** Parameters: the key. */
export function deleteSql(dialect: Dialect, table: Table): string {
  return `DELETE FROM ${dialect.quote(table.name)} WHERE ${keyIs(dialect, table)}`;
}

/** Parameters: the values of `set`, the key, the values of `where` that are not null. */
export function updateSql(dialect: Dialect, update: Update): string {
  const { quote } = dialect;
  const set = Object.keys(update.set).map((name) => `${quote(name)} = ?`);
  const where = Object.entries(update.where ?? {}).map(([name, value]) => is(dialect, name, value));
  return `UPDATE ${quote(update.table.name)} SET ${set.join(', ')} WHERE ${[keyIs(dialect, update.table), ...where].join(' AND ')}`;
}

/** Updates with the same shape have the same SQL. */
export function updateShape(update: Update): string {
  let shape = Object.keys(update.set).join(',');
  for (const name in update.where) shape += update.where[name] === null ? `|${name} null` : `|${name}`;
  return shape;
}

/** Parameters: `selectValues`. */
export function selectSql(dialect: Dialect, query: Select): string {
  const { quote } = dialect;
  const conditions = Object.entries(query.where).map(([name, condition]) => conditionSql(dialect, name, condition));
  const columns = (query.columns ?? layoutOf(query.table).names).map(quote);
  let sql = `SELECT ${columns.join(', ')} FROM ${quote(query.table.name)}`;
  if (conditions.length > 0) sql += ` WHERE ${conditions.join(' AND ')}`;
  if (query.orderBy !== undefined) sql += ` ORDER BY ${quote(query.orderBy)}`;
  if (query.limit !== undefined) sql += ' LIMIT ?';
  return sql;
}

/** Queries of one table with the same shape have the same SQL. */
export function selectShape(query: Select): string {
  let shape = '';
  for (const name in query.where) {
    const condition = query.where[name] ?? null;
    if (isValue(condition)) shape += condition === null ? `${name} null,` : `${name},`;
    else if ('in' in condition) shape += `${name} ${slotsOf(condition.in)},`;
    else shape += 'atMost' in condition ? `${name}<,` : `${name}>,`;
  }
  if (query.orderBy !== undefined) shape += `|${query.orderBy}`;
  if (query.limit !== undefined) shape += '|limit';
  if (query.columns !== undefined) shape += `|${query.columns.join()}`;
  return shape;
}

/** Calls back with each parameter and the column it is compared with, in the order of the SQL. */
export function selectValues(query: Select, add: (value: Value, column: string | undefined) => void): void {
  for (const name in query.where) {
    const condition = query.where[name] ?? null;
    if (isValue(condition)) {
      if (condition !== null) add(condition, name);
    } else if ('in' in condition) {
      const last = condition.in.length - 1;
      for (let i = 0; i < slotsOf(condition.in); i++) add(condition.in[Math.min(i, last)] ?? null, name);
    } else add('atMost' in condition ? condition.atMost : condition.above, name);
  }
  if (query.limit !== undefined) add(query.limit, undefined);
}

function conditionSql(dialect: Dialect, name: string, condition: Condition): string {
  if (isValue(condition)) return is(dialect, name, condition);
  const column = dialect.quote(name);
  if ('in' in condition) {
    const slots = slotsOf(condition.in);
    return slots === 0 ? '0 = 1' : `${column} IN (${Array(slots).fill('?').join(', ')})`;
  }
  return `${column} ${'atMost' in condition ? '<=' : '>'} ?`;
}

/** Placeholders of an `in`, rounded up (the last value is repeated) so that few different statements arise. */
function slotsOf(values: readonly Value[]): number {
  return values.length === 0 ? 0 : 2 ** Math.ceil(Math.log2(values.length));
}

function insert(dialect: Dialect, table: Table): string {
  const columns = layoutOf(table).names.map((name) => dialect.quote(name));
  return `INSERT INTO ${dialect.quote(table.name)} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
}

function keyIs(dialect: Dialect, table: Table): string {
  return table.primaryKey.map((name) => `${dialect.quote(name)} = ?`).join(' AND ');
}

function is(dialect: Dialect, name: string, value: Value): string {
  return value === null ? `${dialect.quote(name)} IS NULL` : `${dialect.quote(name)} = ?`;
}
