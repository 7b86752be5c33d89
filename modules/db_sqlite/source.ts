// Owns a database file of another server to read from, in the thread of whoever reads: an import has nothing else to do meanwhile.
import Sqlite from 'better-sqlite3';
import {
  answerInTurn,
  DatabaseUnavailable,
  RollcallError,
  type Row,
  type Select,
  type SourceDatabase,
  type SourceTable,
  selectSql,
  selectValues,
  type Value,
} from '../../core/api';
import { quote, sqliteDialect } from './dialect';
import { faultOf } from './faults';
import { findTable } from './schema';

export class SqliteSource implements SourceDatabase {
  readonly #db: Sqlite.Database;

  /** @throws RollcallError when there is no such file or it is no database */
  constructor(
    private readonly path: string,
    readonly url: string,
  ) {
    try {
      this.#db = new Sqlite(path, { readonly: true, fileMustExist: true });
      this.#db.pragma('schema_version');
    } catch (error) {
      const { message, hint } = faultOf(error, path);
      throw new RollcallError(message, hint === undefined ? {} : { hint });
    }
  }

  async look(names: readonly string[]): Promise<ReadonlyMap<string, SourceTable>> {
    return this.#asking(() => {
      const tables = new Map<string, SourceTable>();
      const versioned = findTable(this.#db, 'version', false) !== undefined;
      for (const name of names) {
        const found = findTable(this.#db, name, versioned);
        if (found === undefined) continue;
        const rows = Number(
          this.#db
            .prepare(`SELECT COUNT(*) FROM ${quote(name)}`)
            .pluck()
            .get(),
        );
        tables.set(name, {
          version: found.version,
          columns: new Set(found.columns.map((column) => column.name)),
          rows,
        });
      }
      return tables;
    });
  }

  async select(queries: readonly Select[]): Promise<Row[][]> {
    return this.#asking(() => answerInTurn(queries, (query) => this.#select(query)));
  }

  async close(): Promise<void> {
    this.#db.close();
  }

  #select(query: Select): Row[] {
    const values: Value[] = [];
    selectValues(query, (value) => values.push(value));
    const rows = this.#db
      .prepare<Value[], unknown[]>(selectSql(sqliteDialect, query))
      .raw(true)
      .all(...values);
    const names = query.columns ?? query.table.columns.map((column) => column.name);
    const types = names.map((name) => query.table.columns.find((column) => column.name === name)?.type ?? 'text');
    return rows.map((row) => row.map((value, i) => cell(value, types[i] ?? 'text')));
  }

  #asking<T>(ask: () => T): T {
    try {
      return ask();
    } catch (error) {
      if (error instanceof RollcallError) throw error;
      throw new DatabaseUnavailable(faultOf(error, this.path).message, 1);
    }
  }
}

/** Another server's columns hold what it put there, whatever type they were declared with. Text is bytes to a SIP server. */
function cell(value: unknown, type: 'integer' | 'text' | 'blob'): Value {
  if (value === null || value === undefined) return null;
  if (type === 'integer') return Number(value);
  const bytes = value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value), 'utf8');
  return type === 'blob' ? bytes : bytes.toString('latin1');
}
