// Owns what SQLite's and the file system's errors mean for us: whose fault, whether it passes, what the operator can do.
import { RollcallError } from '../../core/api';
import type { Fault } from './protocol';

interface Meaning {
  readonly kind: Fault['kind'];
  /** After "PATH: ". */
  readonly text: string;
  readonly hint?: string;
}

/** By the beginning of the error's code; the first that fits counts. */
const meanings: readonly (readonly [string, Meaning])[] = [
  ['SQLITE_CONSTRAINT', { kind: 'change', text: 'a rule of the table is broken' }],
  ['SQLITE_TOOBIG', { kind: 'change', text: 'a value is too big' }],
  ['SQLITE_MISMATCH', { kind: 'change', text: 'a value has the wrong type' }],
  ['SQLITE_BUSY', { kind: 'later', text: 'another process holds the write lock', hint: 'find it with fuser or lsof' }],
  ['SQLITE_LOCKED', { kind: 'later', text: 'another connection holds the lock' }],
  ['SQLITE_FULL', { kind: 'later', text: 'the disk is full', hint: 'make room: writing goes on by itself then' }],
  ['ENOSPC', { kind: 'later', text: 'the disk is full', hint: 'make room: writing goes on by itself then' }],
  [
    'SQLITE_READONLY',
    { kind: 'later', text: 'it is read-only', hint: 'the server must be able to write the file and its folder' },
  ],
  [
    'SQLITE_IOERR',
    { kind: 'later', text: 'reading or writing it failed', hint: 'look at the disk and the kernel log' },
  ],
  [
    'SQLITE_CORRUPT',
    { kind: 'later', text: 'it is damaged', hint: 'put a backup in its place, or mend it with sqlite3 .recover' },
  ],
  [
    'SQLITE_NOTADB',
    { kind: 'never', text: 'it is not an SQLite database', hint: 'name another file, or move this one away' },
  ],
  [
    'SQLITE_CANTOPEN',
    { kind: 'later', text: 'it cannot be opened', hint: 'look at the permissions of the file and its folders' },
  ],
  [
    'EACCES',
    { kind: 'later', text: 'it cannot be written', hint: 'the server must be able to write the file and its folder' },
  ],
  [
    'EPERM',
    { kind: 'later', text: 'it cannot be written', hint: 'the server must be able to write the file and its folder' },
  ],
  ['EROFS', { kind: 'later', text: 'its file system is read-only' }],
  ['EISDIR', { kind: 'never', text: 'it is a folder', hint: 'name a file in it: sqlite:FOLDER/rollcall.db' }],
  ['ENOTDIR', { kind: 'never', text: 'something on its way is a file and not a folder' }],
  ['EEXIST', { kind: 'never', text: 'something on its way is a file and not a folder' }],
];

/** Puts an error into words that cross a thread. */
export function faultOf(error: unknown, path: string): Fault {
  if (error instanceof RollcallError) {
    return { kind: 'never', message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  const meaning = meanings.find(([prefix]) => code.startsWith(prefix))?.[1];
  // A value that cannot be bound is thrown by the binding itself, without a code.
  if (meaning === undefined) {
    const kind = error instanceof TypeError || error instanceof RangeError ? 'change' : 'later';
    return { kind, message: `${path}: ${message}` };
  }
  const fault = { kind: meaning.kind, message: `${path}: ${meaning.text} (${code}: ${message})` };
  return meaning.hint === undefined ? fault : { ...fault, hint: meaning.hint };
}

/** The lock is taken, and nothing is wrong with the connection. */
export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY') || codeOf(error).startsWith('SQLITE_LOCKED');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
