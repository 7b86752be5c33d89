// Owns the time at which records end: a timer for each resource that is known, a search of the database for the others.
import { type Clock, Heap, type Logger } from '../../core/api';
import { nothing } from './changes';
import type { Door } from './door';
import type { Resource, ResourceKey } from './resource';
import type { Store } from './store/store';

/** Records a search takes up at a time; the next search begins where it stopped. */
const page = 5_000;
/** Seconds until a resource that could not be reached is tried again. */
const retryAfter = 5;

interface ExpiryOptions {
  readonly door: Door;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Expiry {
  private readonly heap = new Heap<ResourceKey>();
  /** The time for which each resource waits in the heap; other entries of it are left-overs. */
  private readonly scheduled = new Map<string, number>();

  constructor(private readonly options: ExpiryOptions) {}

  /** Looks at the resource at unix second `at`, or earlier when it is scheduled earlier. */
  schedule(key: ResourceKey, at: number): void {
    if (at === Number.POSITIVE_INFINITY || at >= (this.scheduled.get(key.id) ?? Number.POSITIVE_INFINITY)) return;
    this.scheduled.set(key.id, at);
    this.heap.push(at, key);
  }

  /** Ends what is due now. */
  tick(): void {
    const now = this.options.clock.now() / 1000;
    while (this.heap.first <= now) {
      const at = this.heap.first;
      const key = this.heap.pop();
      if (!key || this.scheduled.get(key.id) !== at) continue;
      this.scheduled.delete(key.id);
      this.visit(key);
    }
  }

  /**
   * Schedules what ends in the next `period` seconds and is not in memory, and what ended while nobody looked.
   * @returns the seconds after which to search again
   */
  async sweep(period: number): Promise<number> {
    const now = this.options.clock.now() / 1000;
    const ending = await this.options.store.ending(Math.ceil(now + period), page);
    for (const { key, at } of ending) this.schedule(key, at);
    if (ending.length < page) return period;
    const known = Math.max(...ending.map(({ at }) => at));
    return Math.min(period, Math.max(1, known - now));
  }

  /** The door ends what is due before it does anything else, so a visit is all it takes. */
  private visit(key: ResourceKey): void {
    this.options.door.submit({
      key,
      decide: () => nothing,
      done: (_, resource: Resource) => this.schedule(key, resource.dueAt),
      failed: (error) => {
        this.options.log.warn({ err: error, resource: key.id }, 'records whose time has come cannot be ended yet');
        this.schedule(key, this.options.clock.now() / 1000 + retryAfter);
      },
    });
  }
}
