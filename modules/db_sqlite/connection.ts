// Owns one connection to the file: its statements, compiled once, its transactions, and whether the file is still where it was.
import { performance } from 'node:perf_hooks';
import type { Database as Sqlite, Statement } from 'better-sqlite3';
import type { Value } from '../../core/api';
import { identityOf } from './file';
import { WriteAheadLog } from './log';

/** ms between two looks at the file. Whoever takes it away takes all that was ever stored, and a look costs as much as two changes. */
export const lookPeriod = 100;

export class Connection {
  readonly db: Sqlite;
  readonly log: WriteAheadLog;
  readonly #path: string;
  readonly #identity: string | undefined;
  readonly #begin: { readonly read: Statement; readonly write: Statement };
  readonly #commit: Statement;
  readonly #statements: Statement<Value[], Value[]>[] = [];
  #nextLook = performance.now() + lookPeriod;

  /** @param busyTimeout ms to wait for a lock */
  constructor(db: Sqlite, path: string, busyTimeout: number) {
    this.db = db;
    this.log = new WriteAheadLog(db, path, busyTimeout);
    this.#path = path;
    this.#identity = identityOf(path);
    this.#begin = { read: db.prepare('BEGIN'), write: db.prepare('BEGIN IMMEDIATE') };
    this.#commit = db.prepare('COMMIT');
  }

  /** Somebody has deleted or replaced the file. What would be written now would be gone with the next start. */
  get isLost(): boolean {
    const now = performance.now();
    if (now < this.#nextLook) return false;
    this.#nextLook = now + lookPeriod;
    return identityOf(this.#path) !== this.#identity;
  }

  /** @throws what `work` throws, and SQLite; nothing is stored then */
  transaction<T>(kind: 'read' | 'write', work: () => T): T {
    this.#begin[kind].run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      if (this.db.inTransaction) this.db.exec('ROLLBACK');
      throw error;
    }
  }

  /** The statement that the other side knows by this number. */
  statement(id: number, sql: string): Statement<Value[], Value[]> {
    const known = this.#statements[id];
    if (known !== undefined) return known;
    const statement = this.db.prepare<Value[], Value[]>(sql);
    if (statement.reader) statement.raw(true);
    this.#statements[id] = statement;
    return statement;
  }

  close(): void {
    if (this.db.open) this.db.close();
  }
}
