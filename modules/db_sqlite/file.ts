// Owns the database file itself: made with its folder for our eyes only, opened with the settings that make a commit durable.
import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { RollcallError } from '../../core/api';
import type { ThreadOptions } from './protocol';

/** Bytes; for new files. A change touches some four pages here and there and each goes to the log whole, so smaller ones are cheaper. */
const pageSize = 2048;
/** What is left of a log after it was reset, and the length at which a commit moves it itself, when nobody else has. */
const keptLogBytes = 64 << 20;
/**
 * More hits, but SQLite looks through all of it at the end of a commit that has put pages in order, as long as the file has less than
 * 1 GiB: twice as large it costs more than it saves.
 */
const cacheKiB = 32 << 10;

/** How many pages so many bytes are. */
export function pagesOf(bytes: number): number {
  return bytes / pageSize;
}

/** @throws an error of the file system or of SQLite, for `faultOf` */
export function openFile(options: ThreadOptions): Sqlite.Database {
  if (options.role === 'writer') makeFile(options.path);
  const db = new Sqlite(options.path, { timeout: options.busyTimeout, fileMustExist: true });
  try {
    if (options.role === 'writer') {
      db.pragma(`page_size = ${pageSize}`);
      const mode = db.pragma('journal_mode = WAL', { simple: true });
      if (mode !== 'wal') {
        throw new RollcallError(`${options.path}: SQLite cannot keep a write-ahead log there`, {
          hint: 'network file systems cannot: use a local disk',
        });
      }
      db.pragma(`wal_autocheckpoint = ${pagesOf(keptLogBytes)}`);
      db.pragma(`journal_size_limit = ${keptLogBytes}`);
    } else {
      db.pragma('query_only = 1');
    }
    // FULL: a commit returns after the log is on disk, which is what a 200 promises. better-sqlite3 is built with NORMAL.
    db.pragma('synchronous = FULL');
    db.pragma(`cache_size = -${cacheKiB}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Identity of the file at a path; undefined when there is none. */
export function identityOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`;
}

export function logBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/** The log's size that somebody must be holding up: a checkpoint that succeeds keeps it well below. */
export const heldLogBytes = 4 * keptLogBytes;

/** An existing file keeps its permissions; SQLite gives its log the same. */
function makeFile(path: string): void {
  const folder = dirname(path);
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) syncFolder(dirname(made));
  closeSync(openSync(path, 'a', 0o600));
  syncFolder(folder);
}

/** A new name is durable only when its folder is. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
