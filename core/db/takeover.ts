// Owns the contract for taking over what another server has stored: its database to read from, the account of what became of it.
import type { Database, Row, Select } from './database';

/** A table of a database that somebody else made. */
export interface SourceTable {
  /** What the table `version` says; undefined when it says nothing. */
  readonly version: number | undefined;
  readonly columns: ReadonlySet<string>;
  /** About how many rows there are. */
  readonly rows: number;
}

/** A database that somebody else made. It is read and never changed. */
export interface SourceDatabase {
  /** For messages: without the password. */
  readonly url: string;
  /** The tables of these names that are there. @throws DatabaseUnavailable */
  look(names: readonly string[]): Promise<ReadonlyMap<string, SourceTable>>;
  /**
   * As `Database.select`, of tables that `look` has found; a table is declared with the columns that are wanted of it.
   * Texts come as they are stored, a `latin1` column's bytes as characters.
   * @throws DatabaseUnavailable
   */
  select(queries: readonly Select[]): Promise<Row[][]>;
  close(): Promise<void>;
}

/** What a module does for `rollcall db import`. Offered at the extension point `takeovers` under the module's name. */
export interface Takeover {
  /** What it takes from where, for the manual. */
  readonly summary: string;
  /**
   * Takes over what it knows of. To be run again after whatever end, and beside servers that are at work on `target`.
   * @throws RollcallError when nothing of `source` is known or it is of an unknown version; nothing was stored then
   * @throws DatabaseUnavailable
   */
  run(source: SourceDatabase, target: Database, report: TakeoverReport): Promise<void>;
}

/** What became of the rows of one table. */
export class Tally {
  read = 0;
  taken = 0;
  /** Taken by an earlier run, and unchanged since. */
  known = 0;
  /** By reason, with the first row it was about. */
  readonly refused = new Map<string, { count: number; readonly example: string }>();

  constructor(
    readonly table: string,
    /** About how many rows there are. */
    readonly expected: number,
  ) {}

  refuse(reason: string, example: string): void {
    const before = this.refused.get(reason);
    if (before) before.count++;
    else this.refused.set(reason, { count: 1, example });
  }
}

/** The account of one import, table by table. */
export class TakeoverReport {
  readonly tallies: Tally[] = [];

  begin(table: string, expected: number): Tally {
    const tally = new Tally(table, expected);
    this.tallies.push(tally);
    return tally;
  }
}
