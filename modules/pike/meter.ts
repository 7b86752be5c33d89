// Owns the counting of requests per source: two units of time each, a bounded number of sources, no clock of its own.

export interface MeterOptions {
  /** ms */
  readonly unit: number;
  /** ms of silence after which a source is forgotten. */
  readonly latency: number;
  readonly maxSources: number;
}

interface Count {
  /** The number of the unit that `current` belongs to. */
  unit: number;
  current: number;
  previous: number;
  lastSeen: number;
  blocked: boolean;
}

/** What a request means: `newly` is said once, when a source goes over its density. */
export type Verdict = 'pass' | 'newly blocked' | 'blocked';

export class Meter {
  readonly #options: MeterOptions;
  /** The longest silent first. */
  readonly #counts = new Map<string, Count>();

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#counts.size;
  }

  /** Counts one request. As in Kamailio a source is hot by this unit, by the last one, or by the mean of the two. */
  count(source: string, now: number, density: number): Verdict {
    const unit = Math.floor(now / this.#options.unit);
    let count = this.#counts.get(source);
    if (count === undefined) {
      this.#makeRoom();
      count = { unit, current: 0, previous: 0, lastSeen: now, blocked: false };
    } else {
      this.#counts.delete(source);
      if (count.unit !== unit) {
        count.previous = count.unit === unit - 1 ? count.current : 0;
        count.current = 0;
        count.unit = unit;
      }
    }
    this.#counts.set(source, count);
    count.current++;
    count.lastSeen = now;
    const hot = count.current > density || count.previous > density || (count.current + count.previous) / 2 > density;
    const newly = hot && !count.blocked;
    count.blocked = hot;
    if (!hot) return 'pass';
    return newly ? 'newly blocked' : 'blocked';
  }

  /** Forgets who has been silent for long. */
  sweep(now: number): void {
    const oldest = now - this.#options.latency;
    for (const [source, count] of this.#counts) {
      if (count.lastSeen > oldest) return;
      this.#counts.delete(source);
    }
  }

  #makeRoom(): void {
    if (this.#counts.size < this.#options.maxSources) return;
    const [silent] = this.#counts.keys();
    if (silent !== undefined) this.#counts.delete(silent);
  }
}
