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
/** Rows of one IN: MariaDB makes a join of one that holds a thousand values. */
const maxTuples = 150;

/** A row, or a key. */
export type Cells = readonly Value[];

/** An INSERT around its rows. */
interface Form {
  readonly head: string;
  readonly tail: string;
  /** Of the columns that a row names. */
  readonly positions: readonly number[];
}

/** The statements for one table as it is stored. */
export class RowStatements {
  readonly table: Table;
  readonly shape: TableShape;
  readonly flavour: Flavour;
  /** Per column, whether it is latin1. */
  readonly #latin1: readonly boolean[];
  readonly #all: readonly number[];
  readonly #replace: string;

  constructor(table: Table, shape: TableShape, flavour: Flavour) {
    this.table = table;
    this.shape = shape;
    this.flavour = flavour;
    const { names } = layoutOf(table);
    this.#latin1 = names.map((name) => shape.latin1.has(name));
    this.#all = names.map((_, position) => position);
    this.#replace = mysqlDialect.orReplace(table);
  }

  /** Inserts rows or replaces those with the same key. Right only where no other index is unique: an upsert would replace by that as well. */
  put(rows: readonly Cells[]): string[] {
    return this.#inserted(rows, this.#form(this.#all, this.#replace));
  }

  /** Inserts rows; one that is there already is left alone and does not count. */
  create(rows: readonly Cells[]): string[] {
    return this.#inserted(rows, this.#form(this.#all, mysqlDialect.orIgnore(this.table)));
  }

  /** Inserts rows. @throws by the server when one is there already */
  insert(rows: readonly Cells[]): string[] {
    return this.#inserted(rows, this.#form(this.#all, ''));
  }

  /**
   * Replaces rows whose stored version is the one before theirs. Such a row counts 2, one of another version 0, and one that was not there 1
   * (it is there then: the transaction has to be undone).
   * @param changed the columns in which the rows may differ from what is stored, beside key and version; all when not given
   */
  swap(rows: readonly Cells[], versionColumn: string, changed?: ReadonlySet<string>): string[] {
    const version = quote(versionColumn);
    const holds = `${version} = VALUES(${version}) - 1`;
    const { names, key } = layoutOf(this.table);
    const others = plainColumns(this.table)
      .map((position) => names[position] ?? '')
      .filter((name) => name !== versionColumn && (changed === undefined || changed.has(name)));
    // The version last: an assignment sees those before it.
    const stored = [...others, versionColumn];
    const set = stored.map((name) => `${quote(name)} = IF(${holds}, VALUES(${quote(name)}), ${quote(name)})`);
    const positions = this.#all.filter((position) => {
      const name = names[position] ?? '';
      return key.includes(position) || stored.includes(name) || this.shape.required.has(name);
    });
    return this.#inserted(rows, this.#form(positions, `ON DUPLICATE KEY UPDATE ${set.join(', ')}`));
  }

  delete(keys: readonly Cells[]): string[] {
    const rows = keys.map((key) => this.#keyValues(key));
    return chunks(rows, maxRows).map((chunk) => {
      if (chunk.length === 1) return fill(deleteSql(mysqlDialect, this.table), chunk[0] ?? []);
      const name = quote(this.table.name);
      return `DELETE ${name} FROM ${derived(chunk, this.flavour)} ${this.#joined()}`;
    });
  }

  /**
   * Updates of one shape, in the hope that each finds its row and changes it: it counts 2 then. One that was not there counts 1 (it is there then:
   * the transaction has to be undone). Undefined: such updates are no upsert, or it would not be cheap.
   */
  touch(updates: readonly Update[]): string[] | undefined {
    const [first] = updates;
    if (first === undefined || !this.shape.clustered || this.shape.strict) return undefined;
    const { primaryKey, columns } = this.table;
    const set = Object.keys(first.set);
    if (primaryKey.some((name) => name in first.set)) return undefined;
    if (Object.keys(first.where ?? {}).length > 0) return undefined;
    const fillers = columns.filter(({ name }) => {
      return this.shape.required.has(name) && !primaryKey.includes(name) && !set.includes(name);
    });
    const names = list([...primaryKey, ...set, ...fillers.map(({ name }) => name)]);
    const end = fillers.map(({ type }) => (type === 'integer' ? ',0' : ",''")).join('');
    const taken = set.map((name) => `${quote(name)} = VALUES(${quote(name)})`);
    const latin1 = set.map((name) => this.shape.latin1.has(name));
    const positions = layoutOf(this.table).key;
    const rows = updates.map(({ key, set }) => {
      let row = '';
      for (let i = 0; i < key.length; i++) row += (i === 0 ? '(' : ',') + this.#at(key[i] ?? null, positions[i] ?? 0);
      let i = 0;
      for (const name in set) row += `,${literal(set[name] ?? null, latin1[i++])}`;
      return `${row}${end})`;
    });
    return chunks(rows, maxRows).map((chunk) => {
      return `INSERT INTO ${quote(this.table.name)} (${names}) VALUES ${chunk.join(',')} ON DUPLICATE KEY UPDATE ${taken.join(', ')}`;
    });
  }

  /** Updates of one shape. */
  update(updates: readonly Update[]): string[] {
    const [first] = updates;
    if (first === undefined) return [];
    const moves = this.table.primaryKey.some((name) => name in first.set);
    if (updates.length > 1 && !moves && isUniform(updates)) return this.#updateAlike(first, updates);
    const rows = updates.map((update) => this.#updateValues(update));
    return chunks(rows, maxRows).map((chunk) => {
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

  /** Updates that set the same values: without a join the server changes each row where it finds it. */
  #updateAlike(first: Update, updates: readonly Update[]): string[] {
    const set = Object.entries(first.set).map(([name, value]) => `${quote(name)} = ${this.literal(name, value)}`);
    const conditions = Object.entries(first.where ?? {});
    const compared = conditions.filter(([, value]) => value !== null).map(([name]) => name);
    const nulls = conditions.filter(([, value]) => value === null).map(([name]) => ` AND ${quote(name)} IS NULL`);
    const head = `UPDATE ${quote(this.table.name)} FORCE INDEX (${quote(this.shape.keyIndex)}) SET ${set.join(', ')}`;
    const named = list([...this.table.primaryKey, ...compared]);
    const rows = updates.map(({ key, where }) => {
      const values = this.#keyValues(key);
      for (const name of compared) values.push(this.literal(name, where?.[name] ?? null));
      return `(${values.join(',')})`;
    });
    return chunks(rows, maxTuples).map((chunk) => {
      return `${head} WHERE (${named}) IN (${chunk.join(',')})${nulls.join('')}`;
    });
  }

  /** Reads and locks the versions of rows: key columns, then the version. Rows that are not there are not in the answer. */
  lock(keys: readonly Cells[], versionColumn: string): string[] {
    const name = quote(this.table.name);
    const columns = [...this.table.primaryKey, versionColumn].map((column) => `${name}.${quote(column)}`).join(', ');
    const rows = keys.map((key) => this.#keyValues(key));
    return chunks(rows, maxRows).map((chunk) => {
      return `SELECT ${columns} FROM ${derived(chunk, this.flavour)} ${this.#joined()} FOR UPDATE`;
    });
  }

  literal(column: string, value: Value): string {
    return literal(value, this.shape.latin1.has(column));
  }

  #form(positions: readonly number[], tail: string): Form {
    const { names } = layoutOf(this.table);
    const columns = list(positions.map((position) => names[position] ?? ''));
    return { head: `INSERT INTO ${quote(this.table.name)} (${columns}) VALUES `, tail: ` ${tail}`, positions };
  }

  #inserted(rows: readonly Cells[], { head, tail, positions }: Form): string[] {
    const texts = rows.map((row) => {
      let text = '';
      for (const position of positions) text += (text === '' ? '(' : ',') + this.#at(row[position] ?? null, position);
      return `${text})`;
    });
    return chunks(texts, maxRows).map((chunk) => head + chunk.join(',') + tail);
  }

  #at(value: Value, position: number): string {
    return literal(value, this.#latin1[position] === true);
  }

  #keyValues(key: Cells): string[] {
    const positions = layoutOf(this.table).key;
    return key.map((value, i) => this.#at(value, positions[i] ?? 0));
  }

  /** The key, the values of `set`, the values of `where` that are not null. */
  #updateValues({ key, set, where }: Update): string[] {
    const values = this.#keyValues(key);
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

/** Whether all set the same values. */
export function isUniform(updates: readonly Update[]): boolean {
  const [first] = updates;
  return updates.every(({ set }) => {
    for (const name in set) if (set[name] !== first?.set[name]) return false;
    return true;
  });
}

function chunks<T extends string | readonly string[]>(rows: readonly T[], most: number): T[][] {
  const all: T[][] = [];
  let chunk: T[] = [];
  let length = 0;
  for (const row of rows) {
    const size = typeof row === 'string' ? row.length : row.reduce((sum, value) => sum + value.length, 0);
    if (chunk.length > 0 && (chunk.length >= most || length + size > softLimit)) {
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
