// Owns an open SQLite database as the rest of the server sees it: a writer thread, a reader thread, changes in groups, reads in batches.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  type Change,
  type Clock,
  type CommitMeter,
  ConstraintViolated,
  checkSelects,
  type Database,
  DatabaseUnavailable,
  defaultGroupLimits,
  GroupCommit,
  type Logger,
  layoutOf,
  type Outcome,
  type Result,
  type Row,
  type Select,
  type SqliteUrl,
  type Table,
  type TableStep,
} from '../../core/api';
import { ThreadLink } from './link';
import { StatementBook } from './program';
import type { CommitAnswer, Job, SelectAnswer, ThreadOptions } from './protocol';

export interface SqliteOptions {
  readonly clock: Clock;
  /** ms to wait for a lock that another process holds. */
  readonly busyTimeout: number;
  /** Changes that may wait, and reads that may. */
  readonly maxWaiting: number;
  readonly startThread?: (options: ThreadOptions) => Worker;
}

/** ms after which the log is moved again when it could not be. */
const movePause = 1000;

interface WaitingRead {
  readonly queries: readonly Select[];
  readonly resolve: (rows: Row[][]) => void;
  readonly reject: (error: unknown) => void;
}

/** @throws RollcallError when the file cannot be a database of ours */
export async function openSqlite(url: SqliteUrl, log: Logger, options: SqliteOptions): Promise<SqliteDatabase> {
  const database = new SqliteDatabase(url, log, options);
  await database.open();
  return database;
}

export class SqliteDatabase implements Database {
  readonly url: string;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #maxWaiting: number;
  readonly #tables = new Map<string, Table>();
  readonly #group: GroupCommit;
  readonly #writer: ThreadLink;
  readonly #reader: ThreadLink;
  readonly #mover: ThreadLink;
  #moving = false;
  #nextMove = Number.NEGATIVE_INFINITY;
  readonly #changes = new StatementBook();
  readonly #queries = new StatementBook();
  #reads: WaitingRead[] = [];
  #failing = false;
  #closed = false;

  constructor(url: SqliteUrl, log: Logger, options: SqliteOptions) {
    this.url = url.safe;
    this.#log = log;
    this.#clock = options.clock;
    this.#maxWaiting = options.maxWaiting;
    this.#group = new GroupCommit((changes) => this.#run(changes), {
      ...defaultGroupLimits,
      maxWaiting: options.maxWaiting,
    });
    const startThread = options.startThread ?? startDatabaseThread;
    const link = (role: ThreadOptions['role'], book?: StatementBook) =>
      new ThreadLink({
        startThread: () => startThread({ path: url.path, role, busyTimeout: options.busyTimeout }),
        clock: options.clock,
        tables: () => (role === 'writer' ? [...this.#tables.values()] : []),
        onDeath: (cause) => {
          book?.forget();
          this.#log.error({ url: this.url, err: cause }, `the database ${role} thread has ended; starting another`);
        },
      });
    this.#writer = link('writer', this.#changes);
    // Its own thread and connection: a load reads the last commit while the next one is being written and synced.
    this.#reader = link('reader', this.#queries);
    // Started when there is something to move: commits need not wait for pages that go here and there in the file.
    this.#mover = link('mover');
  }

  get groups(): CommitMeter {
    return this.#group;
  }

  async open(): Promise<void> {
    try {
      await Promise.all([this.#writer.open(), this.#reader.open()]);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async prepare(tables: readonly Table[]): Promise<void> {
    await this.migrate(tables);
  }

  /** As `prepare`, and tells what was done. */
  async migrate(tables: readonly Table[]): Promise<readonly TableStep[]> {
    for (const table of tables) layoutOf(table);
    const steps = (await this.#writer.request({ kind: 'prepare', tables })) as readonly TableStep[];
    for (const table of tables) this.#tables.set(table.name, table);
    return steps;
  }

  commit(change: Change): Promise<Outcome> {
    return this.#group.commit(change);
  }

  select(queries: readonly Select[]): Promise<Row[][]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new DatabaseUnavailable('the database is closed', 1);
      if (this.#reads.length >= this.#maxWaiting) throw new DatabaseUnavailable('too many reads wait already', 2);
      checkSelects(queries);
      this.#reads.push({ queries, resolve, reject });
      // What the same turn of the loop still asks for goes in the same message.
      if (this.#reads.length === 1) setImmediate(() => void this.#read());
    });
  }

  async close(): Promise<void> {
    await this.#group.close();
    this.#closed = true;
    await this.#reader.close();
    await this.#mover.close();
    await this.#writer.close();
  }

  async #run(changes: readonly Change[]): Promise<readonly Result[] | undefined> {
    const job = this.#changes.packChanges(changes);
    try {
      const answer = (await this.#writer.request({ kind: 'commit', job }, buffersOf(job))) as CommitAnswer;
      this.#noteSuccess(answer);
      return resultsOf(changes.length, answer);
    } catch (error) {
      this.#noteFailure(error);
      throw error;
    }
  }

  /** When it cannot be moved now, the writer does it itself once the log is too long. */
  async #moveLog(): Promise<void> {
    if (this.#moving || this.#clock.now() < this.#nextMove) return;
    this.#moving = true;
    try {
      await this.#mover.request({ kind: 'move log' });
    } catch {
      this.#nextMove = this.#clock.now() + movePause;
    }
    this.#moving = false;
  }

  async #read(): Promise<void> {
    const reads = this.#reads.splice(0);
    try {
      const job = this.#queries.packSelects(reads.flatMap((read) => read.queries));
      const answer = (await this.#reader.request({ kind: 'select', job }, buffersOf(job))) as SelectAnswer;
      let at = 0;
      for (const read of reads) {
        read.resolve(answer.slice(at, at + read.queries.length));
        at += read.queries.length;
      }
    } catch (error) {
      for (const read of reads) read.reject(error);
    }
  }

  /** A disk that is full for an hour is two lines in the log. */
  #noteFailure(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#log.error(
      { url: this.url, err: error },
      'the database cannot store changes; requests that need it are refused',
    );
  }

  #noteSuccess(answer: CommitAnswer): void {
    if (this.#failing) this.#log.info({ url: this.url }, 'the database stores changes again');
    this.#failing = false;
    if (answer.moveLog) void this.#moveLog();
    if (answer.fileLost) {
      this.#log.error(
        { url: this.url },
        'somebody deleted or replaced the database file; what was in it is not there any more',
      );
    }
    if (answer.heldLog === undefined) return;
    const fields = { url: this.url, bytes: answer.heldLog };
    this.#log.warn(
      fields,
      'the write-ahead log grows: another process reads the database without ever ending its transaction',
    );
  }
}

/** What is handed over and not copied: only large things, because to hand over costs as much as to copy a page. */
function buffersOf({ blobs }: Job): ArrayBuffer[] {
  return blobs.length > 4096 ? [blobs.buffer] : [];
}

function resultsOf(count: number, answer: CommitAnswer): readonly Result[] | undefined {
  if (answer.stale.length === 0 && answer.failed.length === 0) return undefined;
  const results: Result[] = new Array(count).fill('committed');
  for (const change of answer.stale) results[change] = 'stale';
  for (const { change, fault } of answer.failed) results[change] = new ConstraintViolated(fault.message);
  return results;
}

function startDatabaseThread(options: ThreadOptions): Worker {
  return new Worker(join(__dirname, 'worker.js'), { workerData: options, name: `db_sqlite ${options.role}` });
}
