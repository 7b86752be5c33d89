// Owns group commit: changes that wait while a transaction is under way go together in the next, each with its own outcome.
import { stopwatch } from '../base/clock';
import { Histogram } from '../base/metrics';
import { weighChange } from './check';
import { type Change, type CommitMeter, DatabaseUnavailable, type Guard, type Outcome } from './database';
import { keyOf, keyText } from './table';

/** What became of one change of a group. */
export type Result = Outcome | Error;

/** Stores a group in one transaction. Undefined: all committed. Rejects when nothing of the group was stored. */
export type RunGroup = (changes: readonly Change[]) => Promise<readonly Result[] | undefined>;

export interface GroupLimits {
  /** Changes in one transaction: bounds how long a group holds the loop and the write lock. */
  readonly maxGroup: number;
  /** Changes that may wait. */
  readonly maxWaiting: number;
  /** Bytes of values that may wait. */
  readonly maxWaitingBytes: number;
  /** ms for which a group waits for more changes when the one before was a crowd; 0: not at all. */
  readonly delay: number;
}

export const defaultGroupLimits: GroupLimits = {
  maxGroup: 1000,
  maxWaiting: 20_000,
  maxWaitingBytes: 64 << 20,
  delay: 0,
};

/** Changes of a group after which it is worth waiting: whoever was told goes on, and so do those that come beside them. */
const crowd = 8;

const groupSizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const groupSeconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5];

interface Waiting {
  readonly change: Change;
  readonly bytes: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

export class GroupCommit implements CommitMeter {
  readonly changes = new Histogram(groupSizes);
  readonly seconds = new Histogram(groupSeconds);
  readonly #run: RunGroup;
  readonly #limits: GroupLimits;
  #queue: Waiting[] = [];
  #bytes = 0;
  #busy = false;
  #closed = false;
  #whenIdle: (() => void)[] = [];
  #whenReady: (() => void)[] = [];

  constructor(run: RunGroup, limits: GroupLimits = defaultGroupLimits) {
    this.#run = run;
    this.#limits = limits;
  }

  /** Changes that wait for the next group. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** As `Database.commit`. */
  commit(change: Change): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new DatabaseUnavailable('the database is closed', 1);
      const bytes = weighChange(change);
      if (this.#queue.length >= this.#limits.maxWaiting || this.#bytes + bytes > this.#limits.maxWaitingBytes) {
        throw new DatabaseUnavailable(`the database is behind: ${this.#queue.length} changes wait already`, 2);
      }
      this.#queue.push({ change, bytes, resolve, reject });
      this.#bytes += bytes;
      // Not at once: what the same turn of the loop still brings goes into the same transaction.
      if (!this.#busy) this.#start();
    });
  }

  /** As `Database.whenReady`. */
  whenReady(call: () => void): void {
    if (this.#busy) this.#whenReady.push(call);
    else call();
  }

  /** Refuses new changes; resolves when those that wait are settled. */
  close(): Promise<void> {
    this.#closed = true;
    return new Promise((resolve) => {
      if (this.#busy) this.#whenIdle.push(resolve);
      else resolve();
    });
  }

  #start(): void {
    this.#busy = true;
    setImmediate(() => void this.#work());
  }

  async #work(): Promise<void> {
    while (this.#queue.length + this.#whenReady.length > 0) {
      // Who has asked since the last group was told: nobody else will call them.
      if (this.#queue.length === 0) {
        await this.#gather();
        continue;
      }
      const group = this.#take();
      const began = stopwatch();
      this.changes.observe(group.length);
      try {
        const results = await this.#run(group.map((waiting) => waiting.change)).finally(() =>
          this.seconds.observe((stopwatch() - began) / 1000),
        );
        this.#settle(group, results);
      } catch (error) {
        // What waits behind would meet the same fault after the same wait: it is told now, and whoever comes next tries anew.
        const reason = error instanceof Error ? error : new Error(String(error));
        for (const waiting of group) waiting.reject(reason);
        for (const waiting of this.#queue) waiting.reject(reason);
        this.#queue = [];
        this.#bytes = 0;
      }
      if (this.#limits.delay > 0 && group.length >= crowd) await pause(this.#limits.delay);
      await this.#gather();
    }
    this.#busy = false;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Whoever was just told goes on with what waits behind it, and who waited decides: a turn of the loop later that is one group. */
  async #gather(): Promise<void> {
    for (const call of this.#whenReady.splice(0)) call();
    await new Promise((resolve) => setImmediate(resolve));
  }

  #take(): Waiting[] {
    const group = this.#queue.splice(0, this.#limits.maxGroup);
    for (const waiting of group) this.#bytes -= waiting.bytes;
    return group;
  }

  #settle(group: readonly Waiting[], results: readonly Result[] | undefined): void {
    let stale: Set<string> | undefined;
    for (let i = 0; i < group.length; i++) {
      const waiting = group[i];
      if (waiting === undefined) continue;
      const result = results === undefined ? 'committed' : results[i];
      if (result === 'committed') waiting.resolve(result);
      else if (result === 'stale') {
        if (waiting.change.guard !== undefined) {
          stale ??= new Set();
          stale.add(guardText(waiting.change.guard));
        }
        waiting.resolve(result);
      } else waiting.reject(result ?? new DatabaseUnavailable('the database gave no answer for this change', 1));
    }
    if (stale !== undefined) this.#poison(stale);
  }

  /** What waits was handed in before its caller could know of the stale one it may build on. */
  #poison(stale: ReadonlySet<string>): void {
    const queue: Waiting[] = [];
    for (const waiting of this.#queue) {
      const guard = waiting.change.guard;
      if (guard === undefined || !stale.has(guardText(guard))) queue.push(waiting);
      else {
        this.#bytes -= waiting.bytes;
        waiting.resolve('stale');
      }
    }
    this.#queue = queue;
  }
}

/** Names the row that a guard watches. */
export function guardText(guard: Guard): string {
  return `${guard.table.name} ${keyText(keyOf(guard.table, guard.row))}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
