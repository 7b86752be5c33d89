// Owns a database of another server to read from: its tables as they are, none of them ours.
import {
  type Clock,
  DatabaseUnavailable,
  type Row,
  type Select,
  type SourceDatabase,
  type SourceTable,
  type Table,
} from '../../core/api';
import { Connections, type Session } from './connections';
import type { Flavour } from './dialect';
import { findTables, type StoredTable } from './facts';
import { startFault } from './faults';
import { literal } from './literal';
import type { Target } from './options';
import { Reader } from './reader';
import { RowStatements } from './rows';

export interface SourceOptions {
  readonly clock: Clock;
  /** ms for connecting, and for each answer. */
  readonly timeout: number;
}

export class MysqlSource implements SourceDatabase {
  readonly url: string;
  readonly #connections: Connections;
  readonly #reader: Reader;
  readonly #stored = new Map<string, StoredTable>();
  readonly #statements = new WeakMap<Table, RowStatements>();
  #flavour: Flavour | undefined;

  constructor(target: Target, { clock, timeout }: SourceOptions) {
    this.url = target.url.safe;
    this.#connections = new Connections({ target, role: 'read', limit: 2, timeout, lockTimeout: 2, clock });
    this.#reader = new Reader({
      connections: this.#connections,
      statementsOf: (table) => this.#statementsOf(table),
      limit: 1,
      maxWaiting: 100,
      where: this.url,
    });
  }

  async look(names: readonly string[]): Promise<ReadonlyMap<string, SourceTable>> {
    try {
      const session = await this.#connections.acquire();
      this.#flavour = session.server.flavour;
      try {
        const found = await findTables(session, names);
        const rows = await estimates(session, names);
        session.release();
        for (const [name, stored] of found) this.#stored.set(name, stored);
        return new Map(
          [...found].map(([name, { version, columns }]) => [
            name,
            { version, columns: new Set(columns.map((column) => column.name)), rows: rows.get(name) ?? 0 },
          ]),
        );
      } catch (error) {
        await session.abandon(error);
        throw error;
      }
    } catch (error) {
      throw startFault(error, this.url);
    }
  }

  select(queries: readonly Select[]): Promise<Row[][]> {
    return this.#reader.select(queries);
  }

  async close(): Promise<void> {
    await this.#reader.close();
    await this.#connections.close();
  }

  #statementsOf(table: Table): RowStatements {
    const known = this.#statements.get(table);
    if (known !== undefined) return known;
    const stored = this.#stored.get(table.name);
    const flavour = this.#flavour;
    if (stored === undefined || flavour === undefined) {
      throw new DatabaseUnavailable(`table ${table.name} of ${this.url} was not looked at`, 1);
    }
    const latin1 = new Set([...stored.facts].filter(([, facts]) => facts.latin1).map(([name]) => name));
    // Rows are found by their number, so no text is compared, and nothing is written that a key would be needed for.
    const none = new Set<string>();
    const shape = { keyIndex: 'PRIMARY', clustered: false, strict: false, required: none, latin1, folding: none };
    const statements = new RowStatements(table, shape, flavour);
    this.#statements.set(table, statements);
    return statements;
  }
}

/** The server's own guess of how many rows each table has. */
async function estimates(session: Session, names: readonly string[]): Promise<Map<string, number>> {
  const listed = names.map((name) => literal(name)).join(', ');
  const [rows = []] = await session.query([
    `SELECT TABLE_NAME, TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN (${listed})`,
  ]);
  return new Map((rows as readonly unknown[][]).map(([name, count]) => [String(name), Number(count)]));
}
