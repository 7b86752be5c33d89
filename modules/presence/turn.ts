// Owns one turn of a stripe: the resources are read, everything that waits is decided, stored, answered and told.
import { type Clock, DatabaseUnavailable, type Logger, type Outcome, type Trail } from '../../core/api';
import type { ResourceCache } from './cache';
import {
  applyChanges,
  type Decide,
  type Decision,
  type Notice,
  type ResourceChange,
  type Surroundings,
} from './changes';
import type { Operation } from './door';
import { noteDue } from './due';
import { isEmpty, nextExpiry, nextVersion, owed, type Resource, type Stored } from './resource';
import type { Store } from './store/store';
import { tellTurn } from './trace';

export interface TurnOptions {
  readonly store: Store;
  readonly cache: ResourceCache;
  readonly clock: Clock;
  readonly log: Logger;
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

/** What has been decided for one resource. */
interface Draft {
  readonly resource: Resource;
  /** The operations that were decided, and in the same places their decisions. */
  readonly taken: Operation[];
  readonly decisions: Decision[];
  readonly changes: ResourceChange[];
  readonly notices: Notice[];
}

/** A stored version that keeps moving under us: after so many attempts the request is refused. */
const maxAttempts = 5;

export class Turn {
  /** What is not settled: reads, commits, and the beginning itself. */
  private left = 1;
  private readonly again: Operation[] = [];

  /** @param done told when everything is settled, with how many operations had to be decided anew */
  constructor(
    private readonly options: TurnOptions,
    private readonly around: Surroundings,
    private readonly done: (retries: number) => void,
    private readonly attempt = 1,
  ) {}

  begin(batch: readonly Operation[]): void {
    const missing: Operation[][] = [];
    for (const operations of byResource(batch)) {
      const cached = this.cached(operations);
      if (cached) this.serve(cached, operations);
      else missing.push(operations);
    }
    if (missing.length > 0) this.load(missing);
    this.settled();
  }

  /** The resource from the cache, unless somebody wants it as it is stored. */
  private cached(operations: readonly Operation[]): Resource | undefined {
    const { cache } = this.options;
    const cached = cache.get((operations[0] as Operation).key.id);
    if (!cached || !operations.some((operation) => operation.fresh)) return cached;
    cache.drop(cached);
    return undefined;
  }

  /** Reads resources that are not in memory, all in one round trip. */
  private load(missing: readonly (readonly Operation[])[]): void {
    const { store, cache } = this.options;
    this.left++;
    store.load(missing.map((operations) => (operations[0] as Operation).key)).then(
      (resources) => {
        for (const [i, resource] of resources.entries()) {
          cache.put(resource);
          this.serve(resource, missing[i] ?? []);
        }
        this.settled();
      },
      (error: unknown) => {
        for (const operations of missing) this.fail(operations, error);
        this.settled();
      },
    );
  }

  private serve(resource: Resource, operations: readonly Operation[]): void {
    const draft = this.draftOf(resource, operations);
    if (!draft) return;
    const { trail, store, clock } = this.options;
    const traced = trail?.followed ? tellTurn(trail, draft, clock) : undefined;
    if (draft.changes.length === 0) {
      this.finish(draft);
      return;
    }
    const next = this.nextOf(resource, draft);
    this.left++;
    store.commit(resource, next, draft.changes).then(
      (outcome) => {
        traced?.(outcome === 'stale' ? 'stale, another node was first' : `version ${next.version}`);
        this.stored(draft, next, outcome);
        this.settled();
      },
      (error: unknown) => {
        traced?.(`failed, ${error instanceof Error ? error.message : error}`);
        // What is in memory was never stored: forget it, the next request reads what is there.
        this.options.cache.drop(resource);
        this.fail(draft.taken, error);
        this.settled();
      },
    );
  }

  private stored(draft: Draft, next: Stored, outcome: Outcome): void {
    const { resource } = draft;
    if (outcome === 'stale') {
      this.options.cache.drop(resource);
      for (const operation of draft.taken) this.again.push(operation);
      return;
    }
    const gone = isEmpty(resource);
    resource.version = gone ? 0 : next.version;
    resource.owed = gone ? owed.nothing : next.owed;
    this.finish(draft);
  }

  /** Answers, then tells the watchers. */
  private finish({ resource, taken, decisions, changes, notices }: Draft): void {
    const { log, onStored } = this.options;
    for (let i = 0; i < taken.length; i++) {
      try {
        taken[i]?.done(decisions[i] as Decision, resource);
      } catch (error) {
        log.error({ err: error, resource: resource.key.id }, 'an answer could not be given after its commit');
      }
    }
    if (changes.length === 0 && notices.length === 0) return;
    try {
      onStored(resource, changes, notices, taken[0]?.since ?? this.around.now);
    } catch (error) {
      log.error({ err: error, resource: resource.key.id }, 'watchers could not be told of a change');
    }
  }

  /** Something that was waited for has come. When it was the last, what was stale gets its next attempt. */
  private settled(): void {
    if (--this.left > 0) return;
    const retries = this.again.length;
    if (retries === 0) {
      this.done(0);
    } else if (this.attempt < maxAttempts) {
      const done = (more: number) => this.done(retries + more);
      new Turn(this.options, this.around, done, this.attempt + 1).begin(this.again);
    } else {
      this.fail(this.again, new DatabaseUnavailable('another node keeps changing this resource', 1));
      this.done(retries);
    }
  }

  private fail(operations: readonly Operation[], error: unknown): void {
    for (const operation of operations) {
      try {
        operation.failed(error);
      } catch (fault) {
        this.options.log.error({ err: fault, resource: operation.key.id }, 'a failure could not be answered');
      }
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
      this.fail(operations, error);
      return undefined;
    }
  }

  private decideAll(resource: Resource, operations: readonly Operation[]): Draft {
    const { around, options } = this;
    const now = around.now / 1000;
    const draft: Draft = { resource, taken: [], decisions: [], changes: [], notices: [] };
    options.before(resource);
    if (resource.dueAt <= now) {
      take(draft, options.expire(resource, around));
      resource.dueAt = nextExpiry(resource);
    }
    take(draft, options.review(resource, around));
    for (const operation of operations) {
      try {
        const decision = operation.decide(resource, around);
        take(draft, decision);
        draft.taken.push(operation);
        draft.decisions.push(decision);
      } catch (error) {
        this.fail([operation], error);
      }
    }
    take(draft, options.review(resource, around));
    resource.reviewAt = options.reviewAt(resource);
    resource.dueAt = Math.min(resource.dueAt, resource.reviewAt);
    take(draft, noteDue(resource, draft.changes, now));
    return draft;
  }
}

/** The operations of each resource, in their order. */
function byResource(batch: readonly Operation[]): Iterable<Operation[]> {
  const [only] = batch;
  if (only !== undefined && batch.length === 1) return [[only]];
  const all = new Map<string, Operation[]>();
  for (const operation of batch) {
    const others = all.get(operation.key.id);
    if (others) others.push(operation);
    else all.set(operation.key.id, [operation]);
  }
  return all.values();
}

function take(draft: Draft, { changes, notices }: Decision): void {
  if (changes.length > 0) {
    applyChanges(draft.resource, changes);
    for (const change of changes) draft.changes.push(change);
  }
  for (const notice of notices) draft.notices.push(notice);
}
