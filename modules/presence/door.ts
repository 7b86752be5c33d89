// Owns the one door to a resource: read, decide, commit, then answer and notify. Nothing else changes a resource.
import { type Clock, DatabaseUnavailable, type Logger, type Random, type SipRequest, type Trail } from '../../core/api';
import type { ResourceCache } from './cache';
import {
  applyChanges,
  type Decide,
  type Decision,
  type Notice,
  nothing,
  type ResourceChange,
  type Surroundings,
} from './changes';
import { noteDue } from './due';
import { isEmpty, nextExpiry, nextVersion, owed, type Resource, type ResourceKey, type Stored } from './resource';
import type { Store } from './store/store';
import { tellTurn } from './trace';

/** One thing to do with a resource. `done` comes after the commit; `failed` when nothing was stored. */
export interface Operation {
  readonly key: ResourceKey;
  readonly decide: Decide;
  /** What asks for it, when it is a request. */
  readonly request?: SipRequest;
  /** ms since 1970: when what asks for it came, for the metrics. */
  readonly since?: number;
  /** What is in memory may be outdated: read the resource from the database first. */
  readonly fresh?: boolean;
  done(decision: Decision, resource: Resource): void;
  failed(error: unknown): void;
}

/** What has been decided for one resource in one turn. */
interface Draft {
  readonly resource: Resource;
  readonly taken: { operation: Operation; decision: Decision }[];
  readonly changes: ResourceChange[];
  readonly notices: Notice[];
}

interface Stripe {
  waiting: Operation[];
  working: boolean;
}

interface DoorOptions {
  readonly store: Store;
  readonly cache: ResourceCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Number of stripes: `lock_set_size`. */
  readonly stripes: number;
  readonly trail?: Trail | undefined;
  /** What time has done to the resource, to be decided before anything else. */
  readonly expire: Decide;
  /** What the decisions of a turn mean for the permissions of running subscriptions. */
  readonly review: Decide;
  /** Told of a resource before anything is decided about it. */
  before(resource: Resource): void;
  /** When permissions may change by time alone: unix seconds, or Infinity. */
  reviewAt(resource: Resource): number;
  /** Told after each commit, with what was changed and who is to be notified. */
  onStored(resource: Resource, changes: readonly ResourceChange[], notices: readonly Notice[], since: number): void;
}

/** A stored version that keeps moving under us: after so many attempts the request is refused. */
const maxAttempts = 5;
/** Requests that may wait in all stripes together before new ones are refused. */
const maxWaiting = 50_000;

/**
 * A stripe serialises the resources that hash to it. What waits while it works is decided together in its next turn, each
 * request on the outcome of the one before, and stored in one go: a crowd at one presentity costs one commit, not one each.
 */
export class Door {
  private readonly stripes: Stripe[];
  private readonly around: Surroundings;
  private waiting = 0;
  /** Requests that were decided anew, since the start. */
  retries = 0;
  private idle: (() => void)[] = [];
  private working = 0;

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
    const stripe = this.stripes[hash(operation.key.id) % this.stripes.length];
    if (!stripe) throw new Error('a door has at least one stripe');
    stripe.waiting.push(operation);
    if (!stripe.working) void this.work(stripe);
  }

  /** Looks at a resource when nothing else is at work on it. Rejects with DatabaseUnavailable. */
  look<T>(key: ResourceKey, read: (resource: Resource) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.submit({
        key,
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

  private async work(stripe: Stripe): Promise<void> {
    stripe.working = true;
    this.working++;
    while (stripe.waiting.length > 0) {
      const batch = stripe.waiting;
      stripe.waiting = [];
      this.waiting -= batch.length;
      try {
        await this.turn(batch, 1);
      } catch (error) {
        this.options.log.error({ err: error }, 'a turn at the door failed');
        for (const operation of batch) operation.failed(error);
      }
    }
    stripe.working = false;
    this.working--;
    if (this.working === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  private async turn(batch: readonly Operation[], attempt: number): Promise<void> {
    const byResource = new Map<string, Operation[]>();
    for (const operation of batch) {
      const others = byResource.get(operation.key.id);
      if (others) others.push(operation);
      else byResource.set(operation.key.id, [operation]);
    }
    const resources = await this.read(byResource);
    const again: Operation[] = [];
    await Promise.all(resources.map((resource) => this.serve(resource, byResource.get(resource.key.id) ?? [], again)));
    if (again.length === 0) return;
    this.retries += again.length;
    if (attempt < maxAttempts) return this.turn(again, attempt + 1);
    for (const operation of again)
      operation.failed(new DatabaseUnavailable('another node keeps changing this resource', 1));
  }

  /** The resources from the cache, the missing ones from the database. */
  private async read(byResource: ReadonlyMap<string, Operation[]>): Promise<Resource[]> {
    const found: Resource[] = [];
    const missing: ResourceKey[] = [];
    for (const [id, operations] of byResource) {
      const cached = this.options.cache.get(id);
      const outdated = cached && operations.some((operation) => operation.fresh);
      if (outdated) this.options.cache.drop(cached);
      if (cached && !outdated) found.push(cached);
      else if (operations[0]) missing.push(operations[0].key);
    }
    if (missing.length === 0) return found;
    try {
      for (const resource of await this.options.store.load(missing)) {
        this.options.cache.put(resource);
        found.push(resource);
      }
    } catch (error) {
      for (const key of missing) for (const operation of byResource.get(key.id) ?? []) operation.failed(error);
    }
    return found;
  }

  private async serve(resource: Resource, operations: readonly Operation[], again: Operation[]): Promise<void> {
    const draft = this.draftOf(resource, operations);
    if (!draft) return;
    const { trail } = this.options;
    const traced = trail?.followed ? tellTurn(trail, draft, this.options.clock) : undefined;
    if (draft.changes.length > 0) {
      const { store, cache } = this.options;
      const next = this.nextOf(resource, draft);
      try {
        const outcome = await store.commit(resource, next, draft.changes);
        traced?.(outcome === 'stale' ? 'stale, another node was first' : `version ${next.version}`);
        if (outcome === 'stale') {
          cache.drop(resource);
          again.push(...draft.taken.map(({ operation }) => operation));
          return;
        }
      } catch (error) {
        traced?.(`failed, ${error instanceof Error ? error.message : error}`);
        // What is in memory was never stored: forget it, the next request reads what is there.
        cache.drop(resource);
        for (const { operation } of draft.taken) operation.failed(error);
        return;
      }
      const gone = isEmpty(resource);
      resource.version = gone ? 0 : next.version;
      resource.owed = gone ? owed.nothing : next.owed;
    }
    for (const { operation, decision } of draft.taken) this.finish(operation, decision, resource);
    if (draft.changes.length === 0 && draft.notices.length === 0) return;
    try {
      this.options.onStored(resource, draft.changes, draft.notices, draft.taken[0]?.operation.since ?? this.around.now);
    } catch (error) {
      this.options.log.error({ err: error, resource: resource.key.id }, 'watchers could not be told of a change');
    }
  }

  /** What is stored beside the changes. A note that NOTIFYs are owed goes only when all have been answered. */
  private nextOf(resource: Resource, draft: Draft): Stored {
    let most = resource.owed;
    for (const { to } of draft.notices) most = Math.max(most, to === 'dialog' ? owed.ownEvents : owed.state);
    return { version: nextVersion(resource, this.around.now), owed: most };
  }

  /** Undefined when what time or permissions call for could not be decided: memory may be half changed then, and is forgotten. */
  private draftOf(resource: Resource, operations: readonly Operation[]): Draft | undefined {
    try {
      return this.decideAll(resource, operations);
    } catch (error) {
      this.options.cache.drop(resource);
      this.options.log.error({ err: error, resource: resource.key.id }, 'nothing could be decided about a resource');
      for (const operation of operations) operation.failed(error);
      return undefined;
    }
  }

  private decideAll(resource: Resource, operations: readonly Operation[]): Draft {
    const draft: Draft = { resource, taken: [], changes: [], notices: [] };
    this.options.before(resource);
    if (resource.dueAt <= this.around.now / 1000) {
      take(draft, this.options.expire(resource, this.around));
      resource.dueAt = nextExpiry(resource);
    }
    take(draft, this.options.review(resource, this.around));
    for (const operation of operations) {
      try {
        const decision = operation.decide(resource, this.around);
        take(draft, decision);
        draft.taken.push({ operation, decision });
      } catch (error) {
        operation.failed(error);
      }
    }
    take(draft, this.options.review(resource, this.around));
    resource.reviewAt = this.options.reviewAt(resource);
    resource.dueAt = Math.min(resource.dueAt, resource.reviewAt);
    take(draft, noteDue(resource, draft.changes, this.around.now / 1000));
    return draft;
  }

  private finish(operation: Operation, decision: Decision, resource: Resource): void {
    try {
      operation.done(decision, resource);
    } catch (error) {
      this.options.log.error(
        { err: error, resource: resource.key.id },
        'an answer could not be given after its commit',
      );
    }
  }
}

function take(draft: Draft, decision: Decision): void {
  applyChanges(draft.resource, decision.changes);
  draft.changes.push(...decision.changes);
  draft.notices.push(...decision.notices);
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
