// Owns the connections to a server: a pool of mysql2, each connection made ready once, given up when it cannot be trusted any more.
import type { PoolConnection as CallbackConnection } from 'mysql2';
import { createPool, type Pool, type PoolConnection } from 'mysql2/promise';
import { type Clock, RollcallError } from '../../core/api';
import { type Flavour, flavourOf } from './dialect';
import { faultOf } from './faults';
import { readTls, type Target } from './options';

/** What a server is, read when a connection is made. */
export interface Server {
  readonly flavour: Flavour;
  /** Bytes of the longest statement it takes. */
  readonly maxPacket: number;
}

export interface ConnectionOptions {
  readonly target: Target;
  /** `write`: sees what is committed at each statement; `read`: one snapshot a transaction. */
  readonly role: 'write' | 'read';
  readonly limit: number;
  /** ms for connecting, and for each answer. */
  readonly timeout: number;
  /** s to wait for a row lock. */
  readonly lockTimeout: number;
  readonly clock: Clock;
}

/** What one statement gave: rows as arrays, or how many rows it changed. */
export type Answer = readonly unknown[][] | { readonly affectedRows: number };

/** ms for saying goodbye to the server. */
const partingTime = 1000;

/** What mysql2's types leave out: the socket. */
interface Streamed {
  readonly stream: { destroy(): void; once(event: 'close', listener: () => void): void };
}

/** ms for which an address that did not answer is not asked again. */
const refusalPause = 1000;

export class Connections {
  readonly #options: ConnectionOptions;
  readonly #pool: Pool;
  /** Connections that are set up; a pool hands out the same ones again. */
  readonly #ready = new WeakMap<object, Server>();
  readonly #streams = new Set<Streamed>();
  #closing: Promise<void> | undefined;
  #refused: { readonly error: unknown; readonly until: number } | undefined;

  /** @throws RollcallError when a file for TLS cannot be read */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { target, limit, timeout } = options;
    const { url, socket } = target;
    const ssl = readTls(target);
    this.#pool = createPool({
      ...(socket === undefined ? { host: url.host, port: url.port } : { socketPath: socket }),
      user: url.user,
      password: url.password,
      database: url.database,
      ...(ssl === undefined ? {} : { ssl }),
      charset: 'LATIN1_SWEDISH_CI',
      connectTimeout: timeout,
      connectionLimit: limit,
      multipleStatements: true,
      // An updated row counts when it changed, so that an upsert tells new (1), changed (2) and left alone (0) apart.
      flags: ['-FOUND_ROWS', '-LOCAL_FILES'],
      rowsAsArray: true,
      // Statements come with their values in them.
      queryFormat: (sql: string) => sql,
    });
    this.#pool.on('connection', (connection) => {
      const streamed = connection as unknown as Streamed;
      this.#streams.add(streamed);
      streamed.stream.once('close', () => this.#streams.delete(streamed));
    });
  }

  /** A connection that is ready. @throws what mysql2 throws, RollcallError for a server that is too old */
  async acquire(): Promise<Session> {
    const { clock, timeout } = this.#options;
    if (this.#refused !== undefined && clock.now() < this.#refused.until) throw this.#refused.error;
    let connection: PoolConnection;
    try {
      connection = await this.#pool.getConnection();
    } catch (error) {
      this.#refused = { error, until: clock.now() + refusalPause };
      throw error;
    }
    this.#refused = undefined;
    try {
      let server = this.#ready.get(connection.connection);
      if (server === undefined) {
        server = await this.#setUp((statements) => run(connection, statements, timeout));
        this.#ready.set(connection.connection, server);
      }
      return new Session(connection, server, timeout);
    } catch (error) {
      end(connection);
      throw error;
    }
  }

  /** To be called when no session is in use. */
  async close(): Promise<void> {
    this.#closing ??= this.#end();
    await this.#closing;
  }

  async #end(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const given = new Promise((resolve) => {
      timer = setTimeout(resolve, partingTime);
    });
    // A server that has gone answers no farewell.
    await Promise.race([this.#pool.end().catch(() => {}), given]);
    clearTimeout(timer);
    for (const { stream } of this.#streams) stream.destroy();
  }

  async #setUp(query: (statements: readonly string[]) => Promise<readonly Answer[]>): Promise<Server> {
    const [facts, wsrep] = await query(['SELECT VERSION(), @@max_allowed_packet', "SHOW VARIABLES LIKE 'wsrep_on'"]);
    const [version = '', maxPacket = 0] = (facts as readonly unknown[][])[0] ?? [];
    const flavour = flavourOf(String(version));
    if (typeof flavour === 'string') throw new RollcallError(`${this.#options.target.url.safe}: ${flavour}`);
    const { role, lockTimeout } = this.#options;
    const variables = [
      // Answers come in each column's own character set: what a latin1 table holds arrives as the bytes it holds.
      'character_set_results = NULL',
      'character_set_connection = utf8mb4',
      `collation_connection = ${flavour.collation}`,
      "sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'",
      // Should a transaction vanish between two statements, the second must not store anything by itself.
      `autocommit = ${role === 'write' ? 0 : 1}`,
      `innodb_lock_wait_timeout = ${lockTimeout}`,
    ];
    if ((wsrep as readonly unknown[][])[0]?.[1] === 'ON') {
      // A Galera node that had to undo a transaction would repeat the one statement of our packet, outside of any transaction.
      variables.push('wsrep_retry_autocommit = 0');
      // And a read waits until the node has what the others had committed before.
      if (role === 'read') variables.push('wsrep_sync_wait = 1');
    }
    const level = role === 'read' ? 'REPEATABLE READ' : 'READ COMMITTED';
    await query([`SET SESSION ${variables.join(', SESSION ')}`, `SET SESSION TRANSACTION ISOLATION LEVEL ${level}`]);
    return { flavour, maxPacket: Number(maxPacket) };
  }
}

/** One connection while somebody has it. */
export class Session {
  readonly server: Server;
  readonly #connection: PoolConnection;
  readonly #timeout: number;

  constructor(connection: PoolConnection, server: Server, timeout: number) {
    this.#connection = connection;
    this.server = server;
    this.#timeout = timeout;
  }

  /** Runs statements in one round trip, up to the first that fails; an answer for each. @param timeout ms, 0 for no limit */
  query(statements: readonly string[], timeout = this.#timeout): Promise<readonly Answer[]> {
    return run(this.#connection, statements, timeout);
  }

  release(): void {
    this.#connection.release();
  }

  /** Ends the connection at once: the server undoes what was not committed. */
  destroy(): void {
    end(this.#connection);
  }

  /** After a fault: undoes the transaction and keeps the connection if both can be relied on. */
  async abandon(error: unknown): Promise<void> {
    if (faultOf(error).kind === 'lost') return this.destroy();
    try {
      await this.query(['ROLLBACK']);
      this.release();
    } catch {
      this.destroy();
    }
  }
}

/** By callback: mysql2's promises note the stack of every query, which costs more than sending it. */
function run(connection: PoolConnection, statements: readonly string[], timeout: number): Promise<readonly Answer[]> {
  const sql = statements.join(';');
  return new Promise((resolve, reject) => {
    const core = connection.connection as unknown as CallbackConnection;
    core.query(timeout === 0 ? { sql } : { sql, timeout }, (error, answer) => {
      if (error) reject(error);
      else resolve((statements.length === 1 ? [answer] : answer) as readonly Answer[]);
    });
  });
}

function end(connection: PoolConnection): void {
  connection.destroy();
  // mysql2 would wait for a peer that may never answer again.
  (connection.connection as unknown as Streamed).stream.destroy();
}
