// Owns the database of the presence tests: memory that goes stale or away at chosen moments, for a process that may die.
import type { Change, Database, Outcome, Select } from '../../../core/db/database';
import { DatabaseUnavailable } from '../../../core/db/database';
import { openMemoryDatabase } from '../../../core/db/memory';
import type { Row, Table } from '../../../core/db/table';

let opened = 0;

/** The database of a process that may die, lose its database, or meet another node. */
export class FlakyDatabase implements Database {
  readonly url = 'memory';
  /** What becomes of the next commits with a guard: undefined is the database's own word. */
  readonly outcomes: ('stale' | 'away' | 'lost' | undefined)[] = [];
  /** Nothing can be read or stored. */
  away = false;
  /** Guarded commits so far. */
  commits = 0;
  selects = 0;
  private dead = false;
  /** Every other database takes one group at a time, as MySQL does; with the others a group is always open. */
  private readonly paced = opened++ % 2 === 1;
  private storing = 0;
  private readonly ready: (() => void)[] = [];

  constructor(readonly inner: Database = openMemoryDatabase()) {}

  whenReady(call: () => void): void {
    if (this.paced && this.storing > 0) this.ready.push(call);
    else call();
  }

  prepare(tables: readonly Table[]): Promise<void> {
    return this.inner.prepare(tables);
  }

  select(queries: readonly Select[]): Promise<Row[][]> {
    this.selects++;
    if (this.dead) return new Promise(() => {});
    if (this.away) return Promise.reject(new DatabaseUnavailable('away', 3));
    return this.inner.select(queries);
  }

  commit(change: Change): Promise<Outcome> {
    if (this.dead) return new Promise(() => {});
    this.storing++;
    return this.store(change).finally(() => {
      if (--this.storing === 0) for (const call of this.ready.splice(0)) call();
    });
  }

  private store(change: Change): Promise<Outcome> {
    if (change.guard) this.commits++;
    const outcome = change.guard ? this.outcomes.shift() : undefined;
    if (this.away || outcome === 'away') return Promise.reject(new DatabaseUnavailable('away', 3));
    if (outcome === 'stale') return Promise.resolve('stale');
    // Stored, but the answer does not come back.
    if (outcome === 'lost')
      return this.inner.commit(change).then(() => Promise.reject(new DatabaseUnavailable('lost', 1)));
    return this.inner.commit(change);
  }

  /** The process dies: what is under way never comes back to it. */
  kill(): void {
    this.dead = true;
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
