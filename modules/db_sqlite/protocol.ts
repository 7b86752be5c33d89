// Owns the messages between the main thread and the threads that hold SQLite: flat, because they cross a copy.
import type { Table, TableStep, Value } from '../../core/api';

/** A statement, numbered by its place in the list that one side has sent and the other keeps. */
export interface StatementText {
  readonly sql: string;
  /** How many it has. */
  readonly parameters: number;
  /** A guard touches exactly one row, else its change is stale. */
  readonly guard?: { readonly table: string /** Parameters that name the row. */; readonly key: readonly number[] };
}

/** What a value is. */
export const kinds = { null: 0, number: 1, text: 2, blob: 3 } as const;

/**
 * Statements to run, one after the other: the statement's number, then its parameters. In a commit each change begins with the
 * number of its statements. A list of values would be copied one by one; this crosses as a string and blocks of memory.
 */
export interface Job {
  /** Statements not sent before. */
  readonly statements: readonly StatementText[];
  /** Counts and statements' numbers; of the values the numbers, the lengths of texts, the lengths of blobs. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** The kind of each value. */
  readonly kinds: Uint8Array<ArrayBuffer>;
  /** All texts. */
  readonly texts: string;
  /** All blobs. */
  readonly blobs: Uint8Array<ArrayBuffer>;
  /** Changes of a commit, queries of a select. */
  readonly count: number;
}

export type Request =
  | { readonly kind: 'open'; readonly tables: readonly Table[] }
  | { readonly kind: 'prepare'; readonly tables: readonly Table[] }
  | { readonly kind: 'commit'; readonly job: Job }
  | { readonly kind: 'select'; readonly job: Job }
  | { readonly kind: 'move log' }
  | { readonly kind: 'close' };

/** An error as text, which crosses threads unharmed. */
export interface Fault {
  /** `later`: may work another time. `never`: the operator has to mend something. `change`: this one change is at fault. */
  readonly kind: 'later' | 'never' | 'change';
  readonly message: string;
  readonly hint?: string;
}

export interface CommitAnswer {
  /** Positions of changes that were stale. */
  readonly stale: readonly number[];
  /** Changes that failed alone. */
  readonly failed: readonly { readonly change: number; readonly fault: Fault }[];
  /** The write-ahead log has become long enough to be moved into the file. */
  readonly moveLog: boolean;
  /** Bytes of a write-ahead log that somebody keeps from being reset. */
  readonly heldLog: number | undefined;
  /** Somebody deleted or replaced the file since the last commit. */
  readonly fileLost: boolean;
}

/** Rows per query. */
export type SelectAnswer = Value[][][];

/** To a commit, a select, a prepare, anything else. */
export type Answer = CommitAnswer | SelectAnswer | readonly TableStep[] | undefined;

export type Reply = { readonly id: number; readonly value: Answer } | { readonly id: number; readonly fault: Fault };

/** What a thread is started with. */
export interface ThreadOptions {
  readonly path: string;
  /** The writer creates the file and its tables; the reader only reads; the mover moves the log into the file. */
  readonly role: 'writer' | 'reader' | 'mover';
  /** ms to wait for a lock that another process holds. */
  readonly busyTimeout: number;
}
