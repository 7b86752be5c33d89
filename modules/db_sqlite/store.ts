// Owns SQLite inside its thread: one connection that runs jobs, opens itself again after a fault, and never stores half a change.
import type { Database as Sqlite } from 'better-sqlite3';
import { keyText, RollcallError, type Table, type TableStep, type Value } from '../../core/api';
import { Connection } from './connection';
import { faultOf, isBusy } from './faults';
import { openFile } from './file';
import { moveLog } from './log';
import { Cursor } from './packing';
import type { CommitAnswer, Fault, Job, SelectAnswer, StatementText, ThreadOptions } from './protocol';
import { prepareTables } from './schema';

interface Played {
  readonly stale: number[];
  readonly failed: { change: number; fault: Fault }[];
}

export class Store {
  readonly #options: ThreadOptions;
  readonly #openFile: (options: ThreadOptions) => Sqlite;
  readonly #texts: StatementText[] = [];
  readonly #tables = new Map<string, Table>();
  #connection: Connection | undefined;
  #fileLost = false;

  constructor(options: ThreadOptions, open: (options: ThreadOptions) => Sqlite = openFile) {
    this.#options = options;
    this.#openFile = open;
  }

  /** The writer opens the file and makes sure of the tables; a reader waits until it is needed, when the file is there. */
  open(tables: readonly Table[]): void {
    this.#remember(tables);
    if (this.#options.role === 'writer') this.#connect();
  }

  /** @throws RollcallError for a table that cannot be used; it is not asked for again then. */
  prepare(tables: readonly Table[]): TableStep[] {
    const steps = this.#guarded(({ db }) => prepareTables(db, tables, this.#options.path));
    this.#remember(tables);
    return steps;
  }

  /** One transaction. @throws when nothing of the job was stored */
  commit(job: Job): CommitAnswer {
    this.#texts.push(...job.statements);
    const answer = this.#guarded((connection) => {
      try {
        return this.#transaction(connection, job, false);
      } catch (error) {
        // Savepoints cost every change something and a broken rule is rare: only then the group runs again, each change fenced in.
        if (faultOf(error, this.#options.path).kind !== 'change') throw error;
        return this.#transaction(connection, job, true);
      }
    });
    const fileLost = this.#fileLost;
    this.#fileLost = false;
    const log = this.#connection?.log.tend();
    return { ...answer, moveLog: log?.move === true, heldLog: log?.held, fileLost };
  }

  /** Moves the log into the file while another thread writes. */
  moveLog(): void {
    this.#guarded(({ db }) => moveLog(db));
  }

  /** One snapshot. */
  select(job: Job): SelectAnswer {
    this.#texts.push(...job.statements);
    return this.#guarded((connection) =>
      connection.transaction('read', () => {
        const cursor = new Cursor(job);
        const answer: SelectAnswer = [];
        for (let i = 0; i < job.count; i++) {
          const id = cursor.number();
          // So many before it stands the query that has to find something; 0: it is asked in any case.
          const distance = cursor.number();
          const text = this.#text(id);
          const values = cursor.values(text.parameters);
          const isAsked = distance === 0 || answer[i - distance]?.length !== 0;
          answer.push(isAsked ? connection.statement(id, text.sql).all(...values) : []);
        }
        return answer;
      }),
    );
  }

  close(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close();
  }

  #transaction(connection: Connection, job: Job, fenced: boolean): Played {
    return connection.transaction('write', () => this.#play(connection, job, fenced));
  }

  #play(connection: Connection, job: Job, fenced: boolean): Played {
    const { db } = connection;
    let cursor = new Cursor(job);
    const played: Played = { stale: [], failed: [] };
    const poisoned = new Set<string>();
    for (let change = 0; change < job.count; change++) {
      const start = fenced ? cursor.fork() : cursor;
      if (fenced) db.exec('SAVEPOINT change');
      try {
        if (!this.#playChange(connection, cursor, poisoned)) played.stale.push(change);
      } catch (error) {
        const fault = faultOf(error, this.#options.path);
        if (!fenced || fault.kind !== 'change') throw error;
        db.exec('ROLLBACK TO change');
        played.failed.push({ change, fault });
        cursor = this.#behind(start);
      }
      if (fenced) db.exec('RELEASE change');
    }
    return played;
  }

  /** False: the change is stale, and nothing of it was stored. */
  #playChange(connection: Connection, cursor: Cursor, poisoned: Set<string>): boolean {
    let statements = cursor.number();
    let fresh = true;
    for (; statements > 0; statements--) {
      const id = cursor.number();
      const text = this.#text(id);
      const values = cursor.values(text.parameters);
      if (!fresh) continue;
      if (text.guard === undefined) {
        connection.statement(id, text.sql).run(...values);
        continue;
      }
      // The guard comes first in its change, so nothing has to be undone when it does not hold.
      const row = poisoned.size > 0 ? rowName(text, values) : '';
      fresh = !poisoned.has(row) && connection.statement(id, text.sql).run(...values).changes === 1;
      if (!fresh) poisoned.add(rowName(text, values));
    }
    return fresh;
  }

  /** Behind the change at the cursor. */
  #behind(cursor: Cursor): Cursor {
    for (let left = cursor.number(); left > 0; left--) cursor.values(this.#text(cursor.number()).parameters);
    return cursor;
  }

  /** Runs with a good connection; after a fault that is more than a lock or a bad change, the next run makes a new one. */
  #guarded<T>(work: (connection: Connection) => T): T {
    const connection = this.#connect();
    try {
      return work(connection);
    } catch (error) {
      const mended =
        error instanceof RollcallError || isBusy(error) || faultOf(error, this.#options.path).kind === 'change';
      if (!mended) this.close();
      throw error;
    }
  }

  #connect(): Connection {
    if (this.#connection?.isLost === true) {
      this.#fileLost = true;
      this.close();
    }
    if (this.#connection !== undefined) return this.#connection;
    const db = this.#openFile(this.#options);
    try {
      if (this.#options.role === 'writer') prepareTables(db, [...this.#tables.values()], this.#options.path);
      this.#connection = new Connection(db, this.#options.path, this.#options.busyTimeout);
    } catch (error) {
      db.close();
      throw error;
    }
    return this.#connection;
  }

  #remember(tables: readonly Table[]): void {
    for (const table of tables) this.#tables.set(table.name, table);
  }

  #text(id: number): StatementText {
    const text = this.#texts[id];
    if (text === undefined) throw new Error(`statement ${id} was never sent`);
    return text;
  }
}

function rowName(text: StatementText, values: readonly Value[]): string {
  return `${text.guard?.table} ${keyText((text.guard?.key ?? []).map((place) => values[place] ?? null))}`;
}
