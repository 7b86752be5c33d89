// Owns the contract between those who store and the database drivers: changes, guards, queries, and what can go wrong.
import { RollcallError } from '../base/errors';
import type { Logger } from '../base/logger';
import type { Histogram } from '../base/metrics';
import type { Row, Table, Value } from './table';
import type { SourceDatabase } from './takeover';
import type { DatabaseUrl } from './url';

export type { Column, Index, Migration, Row, Table, Value } from './table';
export type { DatabaseUrl } from './url';

/** A compare-and-swap: the change counts only if the stored row's version is the expected one. */
export interface Guard {
  readonly table: Table;
  /** The row to store, with its new version. */
  readonly row: readonly Value[];
  /** An integer column of `table`, outside its key. */
  readonly versionColumn: string;
  /** 0: there is no such row yet. */
  readonly expected: number;
  /**
   * The columns, beside the version, in which `row` differs from the stored row of the expected version; when not given it may be
   * all. A driver may leave the others alone: to store a value that has not changed costs as much as another one, indexes included.
   */
  readonly changed?: readonly string[];
}

/** Inserts the row, or replaces the one with the same primary key. */
export interface Put {
  readonly op: 'put';
  readonly table: Table;
  readonly row: readonly Value[];
}

/** Deletes a row by its primary key; none there is no error. */
export interface Delete {
  readonly op: 'delete';
  readonly table: Table;
  readonly key: readonly Value[];
}

/** Changes columns of the row with this primary key if all of `where` holds; nothing there is no error. */
export interface Update {
  readonly op: 'update';
  readonly table: Table;
  readonly key: readonly Value[];
  readonly set: Readonly<Record<string, Value>>;
  readonly where?: Readonly<Record<string, Value>>;
}

export type Write = Put | Delete | Update;

/** Stored whole or not at all. Rows and blobs must not be altered until `commit` has settled. */
export interface Change {
  readonly guard?: Guard;
  readonly writes: readonly Write[];
}

/** Equal to (null: is null), one of, or a comparison that null never satisfies, with texts in the order that `orderBy` has. */
export type Condition =
  | Value
  | { readonly in: readonly Value[] }
  | { readonly atMost: number }
  | { readonly above: number | string };

export function isValue(condition: Condition): condition is Value {
  return condition === null || typeof condition !== 'object' || condition instanceof Uint8Array;
}

export interface Select {
  readonly table: Table;
  /** All conditions hold; `{}` takes every row. */
  readonly where: Readonly<Record<string, Condition>>;
  /** A column, ascending, null first, texts by their bytes; equal ones in any order. */
  readonly orderBy?: string;
  readonly limit?: number;
  /** The rows hold these columns in this order; all columns of the table when not given. */
  readonly columns?: readonly string[];
  /** Asked only if this query finds a row: one that stands before it in the same call, and has no such condition itself. Else it finds nothing. */
  readonly ifFound?: Select;
}

export type Outcome = 'committed' | 'stale';

/** How changes are stored in groups. */
export interface CommitMeter {
  /** Changes that wait for the next group. */
  readonly waiting: number;
  /** How many changes a group held. */
  readonly changes: Histogram;
  /** Seconds from the start of a group's transaction until it was on disk, or failed. */
  readonly seconds: Histogram;
}

export interface Database {
  /** For logs: without the password. */
  readonly url: string;
  /** What is measured about its groups of changes, when it is. */
  readonly groups?: CommitMeter | undefined;
  /**
   * Creates missing tables and migrates older ones.
   * @throws RollcallError when a table is newer, foreign, or of another shape; DatabaseUnavailable when it cannot be looked at.
   */
  prepare(tables: readonly Table[]): Promise<void>;
  /**
   * One snapshot, in one round trip or, when some depend on others, two: all answers are of the same moment, and hold everything committed before the call.
   * @throws DatabaseUnavailable
   */
  select(queries: readonly Select[]): Promise<Row[][]>;
  /**
   * Resolves once the change is on disk. Changes that wait go together in one transaction.
   * `stale`: the guard's version was not the expected one, or an earlier change of the same guard row turned out stale
   * before the caller could know; nothing of this change is stored.
   * @throws DatabaseUnavailable when nothing can be stored now (if the database died half way, the change may still be there: read before
   * trying again, as the guard makes a caller do anyway); ConstraintViolated when this one change can never be stored.
   */
  commit(change: Change): Promise<Outcome>;
  /**
   * Calls back when a change that is handed in then goes into the next group: at once, or when what is being stored has been. Who
   * decides on changes only then decides on all that has come meanwhile. A database without it has a group always open.
   */
  whenReady?(call: () => void): void;
  /** Stores what waits, then closes. Anything after it is refused with DatabaseUnavailable. */
  close(): Promise<void>;
}

export interface DatabaseDriver {
  /** @throws RollcallError when this URL can never work (folder instead of file, not a database, no permission). */
  open(url: DatabaseUrl, log: Logger): Promise<Database>;
  /** What is wrong with the URL for this driver, looked at without opening it. @throws RollcallError */
  check?(url: DatabaseUrl): void;
  /**
   * Makes and migrates tables whatever the driver's parameters allow at start, and tells what it did with each.
   * @throws RollcallError as `open` and `prepare` do
   */
  migrate(url: DatabaseUrl, tables: readonly Table[], log: Logger): Promise<readonly TableStep[]>;
  /** A database of another server, to read from. @throws RollcallError as `open` does */
  source?(url: DatabaseUrl, log: Logger): Promise<SourceDatabase>;
}

/** What was done with a table. */
export interface TableStep {
  readonly table: string;
  readonly action: 'created' | 'migrated' | 'kept';
  /** The version that was stored before, if the table was there. */
  readonly from: number | undefined;
  readonly to: number;
}

/** The database cannot serve now; the same may work later. Becomes 503 with Retry-After. */
export class DatabaseUnavailable extends RollcallError {
  constructor(
    message: string,
    /** Seconds after which trying again makes sense. */
    readonly retryAfter: number,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, options);
    this.name = 'DatabaseUnavailable';
  }
}

/** A change that breaks a rule of its table: null where none may be, a second row with one unique key. */
export class ConstraintViolated extends RollcallError {
  constructor(message: string) {
    super(message);
    this.name = 'ConstraintViolated';
  }
}
