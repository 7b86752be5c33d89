// Owns the time at which records end: a timer for each resource of which one ends soon, a search of the database for these.
import { type Clock, Heap, type Logger } from '../../core/api';
import { nothing } from './changes';
import type { Door } from './door';
import type { Schedule } from './handover';
import type { Resource, ResourceKey } from './resource';
import type { Store } from './store/store';

/** Records a search takes up at a time; the next search begins where it stopped. More when so many end in one moment. */
const page = 5_000;
const largestPage = 320_000;
/** Seconds until a resource that could not be reached is tried again. */
const retryAfter = 5;
/** Seconds that a search looks further than to the next one, which may be late. */
const overlap = 5;
/** Resources that are looked at at a time: a crowd that ends in one second must not crowd out requests. */
const maxVisits = 5_000;

interface ExpiryOptions {
  readonly door: Door;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether a resource that a search has found falls to this node. */
  isOurs(key: ResourceKey): boolean;
  /** Of an earlier life of the module. */
  readonly schedule: Schedule | undefined;
}

export class Expiry {
  private readonly heap: Heap<ResourceKey>;
  /** The time for which each resource waits in the heap; other entries of it are left-overs. */
  private readonly scheduled: Map<string, number>;
  /** Unix seconds: what ends later the next search finds, so that memory holds only what ends soon. */
  private horizon: number;
  private page = page;
  private readonly visiting = new Set<string>();

  constructor(private readonly options: ExpiryOptions) {
    const { heap, scheduled, horizon } = options.schedule ?? {
      heap: new Heap<ResourceKey>(),
      scheduled: new Map(),
      horizon: 0,
    };
    this.heap = heap;
    this.scheduled = scheduled;
    this.horizon = horizon;
  }

  /** For the next life of the module. */
  get state(): Schedule {
    const { heap, scheduled, horizon } = this;
    return { heap, scheduled, horizon };
  }

  /** How many resources wait for their time. */
  get waiting(): number {
    return this.scheduled.size;
  }

  /** Looks at the resource at unix second `at`, or earlier when it is scheduled earlier. */
  schedule(key: ResourceKey, at: number): void {
    if (at > this.horizon || at >= (this.scheduled.get(key.id) ?? Number.POSITIVE_INFINITY)) return;
    this.scheduled.set(key.id, at);
    this.heap.push(at, key);
  }

  /** Ends what is due now. */
  tick(): void {
    const now = this.options.clock.now() / 1000;
    while (this.heap.first <= now && this.visiting.size < maxVisits) {
      const at = this.heap.first;
      const key = this.heap.pop();
      if (!key || this.scheduled.get(key.id) !== at) continue;
      this.scheduled.delete(key.id);
      this.visit(key);
    }
  }

  /**
   * Schedules what ends in the next `period` seconds, and what ended while nobody looked.
   * @returns the seconds after which to search again
   * @throws DatabaseUnavailable
   */
  async sweep(period: number): Promise<number> {
    const now = this.options.clock.now() / 1000;
    const until = Math.ceil(now + period + overlap);
    // At once: what is stored while the search is under way is not in its answer.
    this.horizon = Math.max(this.horizon, until);
    const { records, complete } = await this.options.store.ending(until, this.page);
    for (const { key, at } of records) {
      // The others do their share; what one of them has left falls to whoever finds it.
      if (at < now - overlap || this.options.isOurs(key)) this.schedule(key, at);
    }
    this.page = complete > now + overlap ? page : Math.min(4 * this.page, largestPage);
    return Math.min(period, Math.max(1, complete - overlap - now));
  }

  /** The door ends what is due before it does anything else, so a visit is all it takes. */
  private visit(key: ResourceKey): void {
    this.visiting.add(key.id);
    this.options.door.submit({
      key,
      decide: () => nothing,
      done: (_, resource: Resource) => {
        this.visiting.delete(key.id);
        this.schedule(key, resource.dueAt);
      },
      failed: (error) => {
        this.visiting.delete(key.id);
        this.options.log.warn({ err: error, resource: key.id }, 'records whose time has come cannot be ended yet');
        this.schedule(key, this.options.clock.now() / 1000 + retryAfter);
      },
    });
  }
}
