// Owns the statements that write many rows of one table at once, each equal in meaning to its rows one after the other.
import {
  deleteSql,
  keyText,
  layoutOf,
  plainColumns,
  type Row,
  type Table,
  type Update,
  updateSql,
  type Value,
} from '../../core/api';
import { derived } from './derived';
import { type Flavour, list, mysqlDialect, quote } from './dialect';
import type { TableShape } from './facts';
import { literal } from './literal';

/** Characters of one statement, about: long enough to share its cost among many rows. */
const softLimit = 1 << 20;
/** Rows of one statement. */
const maxRows = 500;

/** A row, or a key. */
export type Cells = readonly Value[];

/** The statements for one table as it is stored. */
export class RowStatements {
  readonly table: Table;
  readonly shape: TableShape;
  readonly flavour: Flavour;
  /** Per column, whether it is latin1. */
  readonly #latin1: readonly boolean[];
  readonly #insert: string;
  readonly #replace: string;

  constructor(table: Table, shape: TableShape, flavour: Flavour) {
    this.table = table;
    this.shape = shape;
    this.flavour = flavour;
    const { names } = layoutOf(table);
    this.#latin1 = names.map((name) => shape.latin1.has(name));
    this.#insert = `INSERT INTO ${quote(table.name)} (${list(names)}) VALUES `;
    this.#replace = ` ${mysqlDialect.orReplace(table)}`;
  }

  /** Inserts rows or replaces those with the same key. Right only where no other index is unique: an upsert would replace by that as well. */
  put(rows: readonly Cells[]): string[] {
    return chunks(this.#rows(rows)).map((chunk) => this.#insert + chunk.join(',') + this.#replace);
  }

  /** Inserts rows; one that is there already is left alone and does not count. */
  create(rows: readonly Cells[]): string[] {
    const tail = ` ${mysqlDialect.orIgnore(this.table)}`;
    return chunks(this.#rows(rows)).map((chunk) => this.#insert + chunk.join(',') + tail);
  }

  /** Inserts rows. @throws by the server when one is there already */
  insert(rows: readonly Cells[]): string[] {
    return chunks(this.#rows(rows)).map((chunk) => this.#insert + chunk.join(','));
  }

  /**
   * Replaces rows whose stored version is the one before theirs. Such a row counts 2, one of another version 0, and one that was not there 1
   * (it is there then: the transaction has to be undone).
   */
  swap(rows: readonly Cells[], versionColumn: string): string[] {
    const version = quote(versionColumn);
    const holds = `${version} = VALUES(${version}) - 1`;
    const { names } = layoutOf(this.table);
    const others = plainColumns(this.table).map((position) => names[position] ?? '');
    // The version last: an assignment sees those before it.
    const set = [...others.filter((name) => name !== versionColumn), versionColumn].map((name) => {
      return `${quote(name)} = IF(${holds}, VALUES(${quote(name)}), ${quote(name)})`;
    });
    const tail = ` ON DUPLICATE KEY UPDATE ${set.join(', ')}`;
    return chunks(this.#rows(rows)).map((chunk) => this.#insert + chunk.join(',') + tail);
  }

  delete(keys: readonly Cells[]): string[] {
    const positions = layoutOf(this.table).key;
    return chunks(keys.map((key) => key.map((value, i) => this.#at(value, positions[i] ?? 0)))).map((chunk) => {
      if (chunk.length === 1) return fill(deleteSql(mysqlDialect, this.table), chunk[0] ?? []);
      const name = quote(this.table.name);
      return `DELETE ${name} FROM ${derived(chunk, this.flavour)} ${this.#joined()}`;
    });
  }

  /** Updates of one shape. */
  update(updates: readonly Update[]): string[] {
    const [first] = updates;
    if (first === undefined) return [];
    const rows = updates.map((update) => this.#updateValues(update));
    return chunks(rows).map((chunk) => {
      if (chunk.length === 1) return fill(updateSql(mysqlDialect, first), this.#inOrder(first, chunk[0] ?? []));
      const keys = this.table.primaryKey.length;
      const columns = Object.keys(first.set);
      const name = quote(this.table.name);
      const set = columns.map((column, i) => `${name}.${quote(column)} = v.c${keys + i}`);
      let at = keys + columns.length;
      const where = Object.entries(first.where ?? {}).map(([column, value]) => {
        return `${name}.${quote(column)} ${value === null ? 'IS NULL' : `= v.c${at++}`}`;
      });
      const filter = where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`;
      return `UPDATE ${derived(chunk, this.flavour)} ${this.#joined()} SET ${set.join(', ')}${filter}`;
    });
  }

  /** Reads and locks the versions of rows: key columns, then the version. Rows that are not there are not in the answer. */
  lock(keys: readonly Cells[], versionColumn: string): string[] {
    const positions = layoutOf(this.table).key;
    const name = quote(this.table.name);
    const columns = [...this.table.primaryKey, versionColumn].map((column) => `${name}.${quote(column)}`).join(', ');
    return chunks(keys.map((key) => key.map((value, i) => this.#at(value, positions[i] ?? 0)))).map((chunk) => {
      return `SELECT ${columns} FROM ${derived(chunk, this.flavour)} ${this.#joined()} FOR UPDATE`;
    });
  }

  literal(column: string, value: Value): string {
    return literal(value, this.shape.latin1.has(column));
  }

  #rows(rows: readonly Cells[]): string[] {
    return rows.map((row) => {
      let text = '(';
      for (let i = 0; i < row.length; i++) text += (i === 0 ? '' : ',') + this.#at(row[i] ?? null, i);
      return `${text})`;
    });
  }

  #at(value: Value, position: number): string {
    return literal(value, this.#latin1[position] === true);
  }

  /** The key, the values of `set`, the values of `where` that are not null. */
  #updateValues({ key, set, where }: Update): string[] {
    const positions = layoutOf(this.table).key;
    const values = key.map((value, i) => this.#at(value, positions[i] ?? 0));
    for (const name in set) values.push(this.literal(name, set[name] ?? null));
    for (const name in where) {
      const value = where[name] ?? null;
      if (value !== null) values.push(this.literal(name, value));
    }
    return values;
  }

  /** `updateSql` wants the values of `set` before the key. */
  #inOrder(update: Update, values: readonly string[]): string[] {
    const keys = update.key.length;
    const sets = Object.keys(update.set).length;
    return [...values.slice(keys, keys + sets), ...values.slice(0, keys), ...values.slice(keys + sets)];
  }

  /** The table's rows that `v` names, found by its key whatever the optimizer thinks of a small table: else it would lock all rows. */
  #joined(): string {
    const name = quote(this.table.name);
    const on = this.table.primaryKey.map((column, i) => `${name}.${quote(column)} = v.c${i}`);
    return `STRAIGHT_JOIN ${name} FORCE INDEX (${quote(this.shape.keyIndex)}) ON ${on.join(' AND ')}`;
  }
}

/** Puts literals where a statement has `?`. */
export function fill(sql: string, literals: readonly string[]): string {
  const parts = sql.split('?');
  let text = parts[0] ?? '';
  for (let i = 1; i < parts.length; i++) text += (literals[i - 1] ?? 'NULL') + parts[i];
  return text;
}

/** One text per row, of a table and a key. */
export function rowName(table: Table, key: Cells): string {
  return `${table.name} ${keyText(key)}`;
}

/** The key of a row after an update. */
export function keyAfter({ table, key, set }: Update): Row {
  return table.primaryKey.map((name, i) => (name in set ? (set[name] ?? null) : (key[i] ?? null)));
}

function chunks<T extends string | readonly string[]>(rows: readonly T[]): T[][] {
  const all: T[][] = [];
  let chunk: T[] = [];
  let length = 0;
  for (const row of rows) {
    const size = typeof row === 'string' ? row.length : row.reduce((sum, value) => sum + value.length, 0);
    if (chunk.length > 0 && (chunk.length >= maxRows || length + size > softLimit)) {
      all.push(chunk);
      chunk = [];
      length = 0;
    }
    chunk.push(row);
    length += size;
  }
  if (chunk.length > 0) all.push(chunk);
  return all;
}
