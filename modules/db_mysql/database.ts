// Owns an open MySQL database as the rest of the server sees it: changes in groups over one connection, reads over several.
import {
  type Change,
  type Clock,
  type CommitMeter,
  type Database,
  DatabaseUnavailable,
  defaultGroupLimits,
  GroupCommit,
  type Logger,
  layoutOf,
  type Outcome,
  type Random,
  type Result,
  type Row,
  type Select,
  type Table,
  type TableStep,
} from '../../core/api';
import { Connections } from './connections';
import type { Flavour } from './dialect';
import { type StoredTable, shapeOf } from './facts';
import { startFault, unavailable } from './faults';
import type { Target } from './options';
import { Reader } from './reader';
import { RowStatements } from './rows';
import { prepareTables } from './schema';
import { Writer } from './writer';

export interface MysqlOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** ms for connecting, and for each answer. */
  readonly timeout: number;
  /** s to wait for a row that somebody else has locked. */
  readonly lockTimeout: number;
  /** Changes that may wait, and reads that may. */
  readonly maxWaiting: number;
  /** ms for which a group waits for more when the one before was a crowd. */
  readonly commitDelay: number;
  /** Whether `prepare` may make and migrate tables. */
  readonly autoMigrate: boolean;
}

/** @throws RollcallError when the server can never serve us, DatabaseUnavailable when it does not now */
export async function openMysql(target: Target, log: Logger, options: MysqlOptions): Promise<MysqlDatabase> {
  const database = new MysqlDatabase(target, log, options);
  try {
    await database.connect();
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

export class MysqlDatabase implements Database {
  readonly url: string;
  readonly #log: Logger;
  readonly #options: MysqlOptions;
  readonly #writing: Connections;
  readonly #reading: Connections;
  readonly #writer: Writer;
  readonly #reader: Reader;
  readonly #group: GroupCommit;
  /** By table name: a module that was reloaded brings its tables as new objects. */
  readonly #statements = new Map<string, RowStatements>();
  #failing = false;

  constructor(target: Target, log: Logger, options: MysqlOptions) {
    const { clock, random, timeout, lockTimeout, maxWaiting } = options;
    this.url = target.url.safe;
    this.#log = log;
    this.#options = options;
    const connections = (role: 'write' | 'read', limit: number) =>
      new Connections({ target, role, limit, timeout, lockTimeout, clock });
    this.#writing = connections('write', 1);
    // Their own: a read does not wait for the group that is being committed.
    this.#reading = connections('read', target.pool);
    const statementsOf = (table: Table) => this.#statementsOf(table);
    this.#writer = new Writer({ connections: this.#writing, statementsOf, clock, random, where: this.url });
    this.#reader = new Reader({
      connections: this.#reading,
      statementsOf,
      limit: target.pool,
      maxWaiting,
      where: this.url,
    });
    this.#group = new GroupCommit((changes) => this.#run(changes), {
      ...defaultGroupLimits,
      maxWaiting,
      delay: options.commitDelay,
    });
  }

  async connect(): Promise<void> {
    try {
      const session = await this.#writing.acquire();
      session.release();
    } catch (error) {
      throw startFault(error, this.url);
    }
  }

  async prepare(tables: readonly Table[]): Promise<void> {
    await this.migrate(tables, this.#options.autoMigrate);
  }

  /** As `prepare`, and tells what was done. */
  async migrate(tables: readonly Table[], change: boolean): Promise<readonly TableStep[]> {
    for (const table of tables) layoutOf(table);
    try {
      const session = await this.#writing.acquire();
      try {
        const { steps, stored } = await prepareTables(session, tables, this.url, change);
        for (const table of tables) {
          const found = stored.get(table.name);
          if (found !== undefined) this.#learn(table, found, session.server.flavour);
        }
        session.release();
        this.#tell(steps);
        return steps;
      } catch (error) {
        await session.abandon(error);
        throw error;
      }
    } catch (error) {
      throw startFault(error, this.url);
    }
  }

  get groups(): CommitMeter {
    return this.#group;
  }

  select(queries: readonly Select[]): Promise<Row[][]> {
    return this.#reader.select(queries);
  }

  whenReady(call: () => void): void {
    this.#group.whenReady(call);
  }

  commit(change: Change): Promise<Outcome> {
    return this.#group.commit(change);
  }

  async close(): Promise<void> {
    await this.#group.close();
    await this.#reader.close();
    await Promise.all([this.#writing.close(), this.#reading.close()]);
  }

  async #run(changes: readonly Change[]): Promise<readonly Result[] | undefined> {
    try {
      const results = await this.#writer.run(changes);
      if (this.#failing) this.#log.info({ url: this.url }, 'the database stores changes again');
      this.#failing = false;
      return results;
    } catch (error) {
      const reason = unavailable(error, this.url);
      // A server that is away for an hour is two lines in the log.
      if (!this.#failing) {
        const fields = { url: this.url, err: reason };
        this.#log.error(fields, 'the database cannot store changes; requests that need it are refused');
      }
      this.#failing = true;
      throw reason;
    }
  }

  #statementsOf(table: Table): RowStatements {
    const known = this.#statements.get(table.name);
    if (known === undefined) throw new DatabaseUnavailable(`table ${table.name} was not prepared`, 1);
    if (known.table === table) return known;
    const statements = new RowStatements(table, known.shape, known.flavour);
    this.#statements.set(table.name, statements);
    return statements;
  }

  #learn(table: Table, stored: StoredTable, flavour: Flavour): void {
    const shape = shapeOf(table, stored);
    this.#statements.set(table.name, new RowStatements(table, shape, flavour));
    if (table.primaryKey.every((column) => !shape.folding.has(column))) return;
    const mend = `ALTER TABLE ${table.name} CONVERT TO CHARACTER SET utf8mb4 COLLATE ${flavour.collation}`;
    const fields = { url: this.url, table: table.name, mend };
    this.#log.warn(fields, 'the server takes names in this table for equal that differ in case or accents');
  }

  #tell(steps: readonly TableStep[]): void {
    for (const { table, action, from, to } of steps) {
      if (action === 'kept') continue;
      this.#log.info({ url: this.url, table, from, to }, `the table was ${action}`);
    }
  }
}
