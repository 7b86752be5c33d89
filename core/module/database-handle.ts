// Owns the handle through which modules hold a database: it stays the same while its driver is reloaded underneath.
import { isDeepStrictEqual } from 'node:util';
import type { Change, CommitMeter, Database, Outcome, Row, Select, Table } from '../db/database';
import { Gate } from './gate';

/** How long changes and reads in flight may take to finish before a driver gives way, in ms. */
const settleLimit = 5000;

export class DatabaseHandle implements Database {
  readonly #gate = new Gate();
  readonly #tables = new Map<string, Table>();
  #current: Database;

  constructor(database: Database) {
    this.#current = database;
  }

  get url(): string {
    return this.#current.url;
  }

  get groups(): CommitMeter | undefined {
    return this.#current.groups;
  }

  /** Reads a row, any row. @throws DatabaseUnavailable when the database does not answer */
  async ping(): Promise<void> {
    const [table] = this.#tables.values();
    if (table !== undefined) await this.select([{ table, where: {}, limit: 1, columns: table.primaryKey }]);
  }

  async prepare(tables: readonly Table[]): Promise<void> {
    // A module that is reloaded asks for what it has: it must not wait behind what is being stored.
    if (tables.every((table) => isDeepStrictEqual(this.#tables.get(table.name), table))) return;
    await this.#gate.pass(() => this.#current.prepare(tables));
    for (const table of tables) this.#tables.set(table.name, table);
  }

  async select(queries: readonly Select[]): Promise<Row[][]> {
    return this.#gate.pass(() => this.#current.select(queries));
  }

  /** Not async: there is one for every change, and each promise between costs. */
  commit(change: Change): Promise<Outcome> {
    return this.#gate.pass(() => this.#current.commit(change));
  }

  whenReady(call: () => void): void {
    const { whenReady } = this.#current;
    if (whenReady === undefined) call();
    else whenReady.call(this.#current, call);
  }

  async close(): Promise<void> {
    await this.#current.close();
  }

  /**
   * Goes over to another opening of the same database. What is in flight finishes on the old one, what comes meanwhile waits;
   * the old one is closed when the new one is in use. When it cannot be, everything stays as it was.
   * @returns how long it made its users wait, in ms
   * @throws what `open` throws; RollcallError when what is in flight does not finish
   */
  async reopen(open: () => Promise<Database>): Promise<number> {
    const next = await open();
    let began = 0;
    try {
      await next.prepare([...this.#tables.values()]);
      began = performance.now();
      await this.#gate.close(settleLimit, 'the database');
    } catch (error) {
      await next.close();
      throw error;
    }
    const old = this.#current;
    this.#current = next;
    this.#gate.open();
    const pause = performance.now() - began;
    await old.close();
    return pause;
  }
}
