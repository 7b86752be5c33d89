// Owns reads on their way to the database and back: what waits goes together, in one round trip and one snapshot.
import { checkSelects, DatabaseUnavailable, type Row, type Select, type Table } from '../../core/api';
import type { Connections, Session } from './connections';
import { faultOf, unavailable } from './faults';
import { type Reading, readingsOf } from './queries';
import type { RowStatements } from './rows';

export interface ReaderOptions {
  readonly connections: Connections;
  readonly statementsOf: (table: Table) => RowStatements;
  /** Connections at work at once. */
  readonly limit: number;
  /** Reads that may wait. */
  readonly maxWaiting: number;
  /** The database, without its password. */
  readonly where: string;
}

/** Reads in one round trip. */
const maxBatch = 200;
const snapshot = 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY';

interface Waiting {
  readonly queries: readonly Select[];
  readonly resolve: (rows: Row[][]) => void;
  readonly reject: (error: unknown) => void;
}

export class Reader {
  readonly #options: ReaderOptions;
  readonly #waiting: Waiting[] = [];
  #working = 0;
  #scheduled = false;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** As `Database.select`. */
  select(queries: readonly Select[]): Promise<Row[][]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new DatabaseUnavailable('the database is closed', 1);
      if (this.#waiting.length >= this.#options.maxWaiting) {
        throw new DatabaseUnavailable('too many reads wait already', 2);
      }
      checkSelects(queries);
      this.#waiting.push({ queries, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // Not at once: what the same turn of the loop still asks for goes along.
      setImmediate(() => {
        this.#scheduled = false;
        this.#start();
      });
    });
  }

  /** Refuses new reads; resolves when those that wait are answered. */
  close(): Promise<void> {
    this.#closed = true;
    return new Promise((resolve) => {
      if (this.#working === 0 && this.#waiting.length === 0) resolve();
      else this.#idle.push(resolve);
    });
  }

  #start(): void {
    while (this.#working < this.#options.limit && this.#waiting.length > 0) {
      this.#working++;
      void this.#work(this.#waiting.splice(0, maxBatch));
    }
  }

  async #work(batch: readonly Waiting[]): Promise<void> {
    try {
      const queries = batch.flatMap((waiting) => waiting.queries);
      const answers = await this.#read(queries);
      let at = 0;
      for (const waiting of batch) {
        waiting.resolve(answers.slice(at, at + waiting.queries.length));
        at += waiting.queries.length;
      }
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
    this.#working--;
    this.#start();
    if (this.#working === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #read(queries: readonly Select[]): Promise<Row[][]> {
    if (queries.length === 0) return [];
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(queries);
      } catch (error) {
        // A connection that the server closed while nobody used it says so now, and reading again harms nothing.
        const { kind } = faultOf(error);
        if ((kind !== 'lost' && kind !== 'conflict') || attempt === 2) throw unavailable(error, this.#options.where);
      }
    }
  }

  async #attempt(queries: readonly Select[]): Promise<Row[][]> {
    const session = await this.#options.connections.acquire();
    try {
      const answers = await this.#ask(session, queries);
      session.release();
      return answers;
    } catch (error) {
      await session.abandon(error);
      throw error;
    }
  }

  async #ask(session: Session, queries: readonly Select[]): Promise<Row[][]> {
    const answers: Row[][] = queries.map(() => []);
    const { statementsOf } = this.#options;
    const { flavour } = session.server;
    const send = async (readings: readonly Reading[], before: readonly string[], after: readonly string[]) => {
      const rows = await session.query([...before, ...readings.map(({ sql }) => sql), ...after]);
      for (const [i, reading] of readings.entries()) reading.take(rows[i + before.length] as unknown[][], answers);
    };
    const first = readingsOf(queries, ({ ifFound }) => !ifFound, statementsOf, flavour);
    if (!queries.some(({ ifFound }) => ifFound)) {
      // One statement is a snapshot by itself.
      if (first.length === 1) await send(first, [], []);
      else await send(first, [snapshot], ['COMMIT']);
      return answers;
    }
    await send(first, [snapshot], []);
    const found = new Set(queries.filter((_, i) => answers[i]?.length));
    await send(
      readingsOf(queries, ({ ifFound }) => ifFound !== undefined && found.has(ifFound), statementsOf, flavour),
      [],
      ['COMMIT'],
    );
    return answers;
  }
}
