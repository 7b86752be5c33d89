// Owns the length of the write-ahead log: moved into the file by another thread, finished by the writer, shrunk when somebody held it up.
import { performance } from 'node:perf_hooks';
import type { Database as Sqlite, Statement } from 'better-sqlite3';
import { heldLogBytes, logBytes, pagesOf } from './file';

/** ms between two looks at how long the log is. */
const lookPeriod = 20;
/** Pages in the log from which on it is moved: each page once, however often it was written. */
const worthMoving = pagesOf(16 << 20);
/** So few pages are moved between two commits without anybody noticing. */
const fewPages = pagesOf(2 << 20);
/** ms between two attempts to shrink a log that somebody holds up. */
const shrinkPeriod = 10_000;
/** ms such an attempt may wait for readers. */
const shrinkPatience = 100;

interface Lengths {
  /** Pages in the log, and how many of them are in the file already. */
  readonly log: number;
  readonly checkpointed: number;
}

export interface LogState {
  /** The log is long: another thread is to move it, since the file's pages lie here and there and commits would wait for them. */
  readonly move: boolean;
  /** Bytes of a log that could not be shrunk. */
  readonly held: number | undefined;
}

/** The writer's side. A log whose pages are all in the file is written from its beginning again by the next commit. */
export class WriteAheadLog {
  readonly #db: Sqlite;
  readonly #path: string;
  readonly #busyTimeout: number;
  readonly #look: Statement<[], Lengths>;
  #nextLook = 0;
  #nextShrink = 0;

  constructor(db: Sqlite, path: string, busyTimeout: number) {
    this.#db = db;
    this.#path = path;
    this.#busyTimeout = busyTimeout;
    this.#look = db.prepare<[], Lengths>('PRAGMA wal_checkpoint(NOOP)');
  }

  /** To be called after a commit. It does not throw: the changes are stored, and the next attempt or the next commit meets the cause. */
  tend(): LogState {
    const now = performance.now();
    const move = now >= this.#nextLook && this.#isLong(now);
    return { move, held: now >= this.#nextShrink ? this.#shrink(now) : undefined };
  }

  #isLong(now: number): boolean {
    this.#nextLook = now + lookPeriod;
    try {
      const { log, checkpointed } = this.#look.get() ?? { log: 0, checkpointed: 0 };
      if (log < worthMoving || checkpointed === log) return false;
      if (log - checkpointed > fewPages) return true;
      moveLog(this.#db);
    } catch {
      // A disk that is full, for instance: the log stays as long as it is.
    }
    return false;
  }

  /** Checkpoints keep the log short unless another process reads without end. */
  #shrink(now: number): number | undefined {
    this.#nextShrink = now + shrinkPeriod;
    if (logBytes(this.#path) < heldLogBytes) return undefined;
    try {
      this.#db.pragma(`busy_timeout = ${shrinkPatience}`);
      this.#db.pragma('wal_checkpoint(TRUNCATE)');
    } catch {
      // As above.
    } finally {
      this.#db.pragma(`busy_timeout = ${this.#busyTimeout}`);
    }
    const bytes = logBytes(this.#path);
    return bytes < heldLogBytes ? undefined : bytes;
  }
}

/** Moves what is in the log, and waits for nobody: a commit goes on meanwhile, and what somebody still reads stays. */
export function moveLog(db: Sqlite): void {
  db.pragma('wal_checkpoint(PASSIVE)');
}
