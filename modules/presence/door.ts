// Owns the one door to a resource: what wants to look at it or change it waits here for its turn. Nothing else changes a resource.
import { DatabaseUnavailable, hashText, type Random } from '../../core/api';
import { nothing, type Surroundings } from './changes';
import type { Operation } from './draft';
import type { Resource, ResourceKey } from './resource';
import { Turn, type TurnOptions } from './turn';

interface Stripe {
  waiting: Operation[];
  working: boolean;
}

interface DoorOptions extends TurnOptions {
  readonly random: Random;
  /** Number of stripes: `lock_set_size`. */
  readonly stripes: number;
}

/** Requests that may wait in all stripes together before new ones are refused. */
const maxWaiting = 50_000;

/**
 * A stripe serialises the resources that hash to it. What waits while it works is decided together in its next turn, each
 * request on the outcome of the one before, and stored in one go: a crowd at one presentity costs one commit, not one each.
 * Turns begin at the end of a turn of the event loop, so that all that it brought is in them.
 */
export class Door {
  private readonly stripes: Stripe[];
  private readonly around: Surroundings;
  private waiting = 0;
  /** Requests that were decided anew, since the start. */
  retries = 0;
  private idle: (() => void)[] = [];
  /** Stripes with a turn under way or about to begin. */
  private working = 0;
  private readonly ready: Stripe[] = [];
  /** Those that wait for the database to take the next group. */
  private readonly paced: Stripe[] = [];

  constructor(private readonly options: DoorOptions) {
    this.stripes = Array.from({ length: options.stripes }, () => ({ waiting: [], working: false }));
    const { clock, random } = options;
    this.around = {
      get now() {
        return clock.now();
      },
      token: () => random.token(),
    };
  }

  /** How many operations wait for their turn. */
  get depth(): number {
    return this.waiting;
  }

  submit(operation: Operation): void {
    if (this.waiting >= maxWaiting) {
      operation.failed(new DatabaseUnavailable('too many requests are waiting to be stored', 2));
      return;
    }
    this.waiting++;
    const stripe = this.stripes[(hashText(operation.key.id) >>> 0) % this.stripes.length] as Stripe;
    stripe.waiting.push(operation);
    if (stripe.working) return;
    stripe.working = true;
    this.working++;
    this.makeReady(stripe);
  }

  /** Looks at a resource when nothing else is at work on it. Rejects with DatabaseUnavailable. */
  look<T>(key: ResourceKey, read: (resource: Resource) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.submit({
        key,
        fresh: this.options.duties.shared,
        decide: () => nothing,
        done: (_, resource) => {
          try {
            resolve(read(resource));
          } catch (error) {
            reject(error);
          }
        },
        failed: reject,
      });
    });
  }

  /** Resolves when nothing waits and nothing is being stored. */
  settled(): Promise<void> {
    if (this.working === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private makeReady(stripe: Stripe): void {
    if (this.ready.push(stripe) === 1) setImmediate(() => this.beginTurns());
  }

  /**
   * Who has to be read is read now; everybody else is decided together with what comes until the database takes the next group.
   * So are those who are read because memory is not trusted: in one go, and right before what is decided on them is stored.
   */
  private beginTurns(): void {
    const { cache, duties } = this.options;
    for (const stripe of this.ready.splice(0)) {
      const isHere = stripe.waiting.every(({ key, fresh }) => fresh !== true && cache.peek(key.id));
      if (!isHere && !duties.readsFirst) this.begin(stripe);
      else if (this.paced.push(stripe) === 1) this.options.store.whenReady(() => this.beginPaced());
    }
  }

  private beginPaced(): void {
    for (const stripe of this.paced.splice(0)) this.begin(stripe);
  }

  private begin(stripe: Stripe): void {
    const batch = stripe.waiting;
    stripe.waiting = [];
    this.waiting -= batch.length;
    new Turn(this.options, this.around, (retries) => this.endTurn(stripe, retries)).begin(batch);
  }

  private endTurn(stripe: Stripe, retries: number): void {
    this.retries += retries;
    if (stripe.waiting.length > 0) {
      this.makeReady(stripe);
      return;
    }
    stripe.working = false;
    this.working--;
    if (this.working === 0) for (const resolve of this.idle.splice(0)) resolve();
  }
}
