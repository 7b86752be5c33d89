// Owns the declaration of a table: names, types and keys, without a word of SQL, for every driver alike.
import { RollcallError } from '../base/errors';

/** What a cell holds. Numbers are whole and within ±2^53; a blob column holds Uint8Array or null only, the others never do. */
export type Value = string | number | null | Uint8Array;

/** Values in the order of the table's columns. */
export type Row = Value[];

export interface Column {
  readonly name: string;
  readonly type: 'integer' | 'text' | 'blob';
  /** Longest value, in characters or bytes; without it a text has no limit worth naming and a blob 16 MiB. */
  readonly size?: number;
  readonly nullable?: boolean;
  /** For rows that somebody else inserts and for columns that a migration adds: we always write every column. */
  readonly default?: string | number;
}

export interface Index {
  readonly name: string;
  readonly columns: readonly string[];
  readonly unique?: boolean;
}

/** Brings a table of version `from` to `from + 1`. */
export interface Migration {
  readonly from: number;
  /** Names of columns in `columns`; each is nullable or has a default. They are added at the end. */
  readonly addColumns: readonly string[];
}

export interface Table {
  readonly name: string;
  /** Kept in the table `version`, as Kamailio does. */
  readonly version: number;
  readonly columns: readonly Column[];
  /** The natural key: the columns that name a row. */
  readonly primaryKey: readonly string[];
  /** Kamailio's tables: a numbered column `id` comes first, the natural key is a unique index beside it, rows never show it. */
  readonly id?: boolean;
  readonly indexes?: readonly Index[];
  readonly migrations?: readonly Migration[];
}

/** Where things stand in a table's rows, worked out once per table. */
export interface Layout {
  readonly names: readonly string[];
  readonly position: ReadonlyMap<string, number>;
  /** Positions of the primary key, in its order. */
  readonly key: readonly number[];
  /** Per column, whether it holds blobs. */
  readonly blob: readonly boolean[];
}

const layouts = new WeakMap<Table, Layout>();

/** @throws RollcallError when the declaration contradicts itself. */
export function layoutOf(table: Table): Layout {
  const known = layouts.get(table);
  if (known !== undefined) return known;
  checkTable(table);
  const names = table.columns.map((column) => column.name);
  const position = new Map(names.map((name, index) => [name, index]));
  const layout: Layout = {
    names,
    position,
    key: table.primaryKey.map((name) => position.get(name) ?? 0),
    blob: table.columns.map((column) => column.type === 'blob'),
  };
  layouts.set(table, layout);
  return layout;
}

/** @throws RollcallError when the table has no such column. */
export function positionOf(table: Table, column: string): number {
  const position = layoutOf(table).position.get(column);
  if (position === undefined) throw new RollcallError(`table ${table.name} has no column '${column}'`);
  return position;
}

/** The primary key's values of a row, in the key's order. */
export function keyOf(table: Table, row: readonly Value[]): Row {
  return layoutOf(table).key.map((position) => row[position] ?? null);
}

/** One text per key, different for different keys: numbers and texts never meet. */
export function keyText(key: readonly Value[]): string {
  let text = '';
  for (const value of key) {
    if (typeof value === 'string') text += `s${value.length}:${value}`;
    else if (typeof value === 'number') text += `n${value};`;
    else if (value === null) text += '-';
    else text += `b${value.length}:${Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1')}`;
  }
  return text;
}

function checkTable(table: Table): void {
  const wrong = (what: string): never => {
    throw new RollcallError(`table '${table.name}': ${what}`);
  };
  const isName = (name: string) => /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name);
  if (!isName(table.name)) wrong('a table name is made of letters, digits and _, at most 64');
  if (!Number.isInteger(table.version) || table.version < 1) wrong('the version is a whole number from 1');
  const columns = new Map<string, Column>();
  for (const column of table.columns) {
    if (!isName(column.name)) wrong(`'${column.name}' cannot be a column name`);
    if (columns.has(column.name)) wrong(`column '${column.name}' is declared twice`);
    if (table.id === true && column.name === 'id') wrong("column 'id' is declared beside id: true");
    columns.set(column.name, column);
  }
  if (table.primaryKey.length === 0) wrong('it needs a primary key');
  for (const name of table.primaryKey) {
    if (columns.get(name)?.nullable === true) wrong(`key column '${name}' cannot be nullable`);
  }
  const used = [table.primaryKey, ...(table.indexes ?? []).map((index) => index.columns)].flat();
  for (const name of used) if (!columns.has(name)) wrong(`'${name}' is used as a key and not declared`);
  for (const migration of table.migrations ?? []) {
    if (migration.from < 1 || migration.from >= table.version)
      wrong(`a migration from ${migration.from} leads nowhere`);
    for (const name of migration.addColumns) {
      const column = columns.get(name);
      if (column === undefined) wrong(`the migration from ${migration.from} adds an undeclared column '${name}'`);
      else if (column.nullable !== true && column.default === undefined) {
        wrong(`column '${name}' is added by a migration, so it is nullable or has a default`);
      }
    }
  }
}
