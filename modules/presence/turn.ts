// Owns one turn of a stripe: the resources are read, everything that waits is decided, stored, answered and told.
import { type Clock, DatabaseUnavailable, type Logger, type Outcome, type Trail } from '../../core/api';
import type { ResourceCache } from './cache';
import type { Decision, Surroundings } from './changes';
import { type Deciding, type Draft, draftOf, nextOf, type Operation } from './draft';
import { unstored } from './nodes/duty';
import { isEmpty, type Resource, type Stored } from './resource';
import type { Store } from './store/store';
import { tellTurn } from './trace';

export interface TurnOptions extends Deciding {
  readonly store: Store;
  readonly cache: ResourceCache;
  readonly clock: Clock;
  readonly log: Logger;
  readonly trail?: Trail | undefined;
  /** Told of each resource that was read. */
  onRead(resource: Resource): void;
  /** Told when somebody else has changed what is in memory. */
  onStale(): void;
  /** Told after each commit of what was decided. `since`: ms since 1970, when the first who asked for it came. */
  onStored(draft: Draft, since: number): void;
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
      if (cached) this.serve(cached, operations, true);
      else missing.push(operations);
    }
    if (missing.length > 0) this.load(missing);
    this.settled();
  }

  /** The resource from the cache, unless somebody wants it as it is stored, or what is there is mostly outdated. */
  private cached(operations: readonly Operation[]): Resource | undefined {
    const { cache, duties } = this.options;
    const cached = cache.get((operations[0] as Operation).key.id);
    return duties.readsFirst || operations.some((operation) => operation.fresh) ? undefined : cached;
  }

  /** Reads resources that are not in memory, all in one round trip. */
  private load(missing: readonly (readonly Operation[])[]): void {
    const { store, cache, duties, onRead } = this.options;
    this.left++;
    store.load(missing.map((operations) => (operations[0] as Operation).key)).then(
      (resources) => {
        for (const [i, resource] of resources.entries()) {
          const former = cache.peek(resource.key.id);
          if (former) duties.trust.note(former.version !== resource.version);
          cache.renew(resource);
          onRead(resource);
          this.serve(resource, missing[i] ?? [], false);
        }
        this.settled();
      },
      (error: unknown) => {
        for (const operations of missing) this.fail(operations, error);
        this.settled();
      },
    );
  }

  private serve(resource: Resource, operations: readonly Operation[], isCached: boolean): void {
    const draft = this.draftOf(resource, operations);
    if (!draft) return;
    const { trail, store, clock, duties } = this.options;
    if (isCached && duties.shared && isUnproven(draft)) {
      this.retry(draft);
      return;
    }
    const traced = trail?.followed ? tellTurn(trail, draft, clock) : undefined;
    if (draft.changes.length === 0) {
      this.finish(draft);
      return;
    }
    const next = nextOf(draft, duties, this.around.now);
    this.left++;
    store.commit(resource, next, draft.changes).then(
      (outcome) => {
        traced?.(outcome === 'stale' ? 'stale, another node was first' : `version ${next.version}`);
        if (isCached) duties.trust.note(outcome === 'stale');
        this.stored(draft, next, outcome);
        this.settled();
      },
      (error: unknown) => {
        traced?.(`failed, ${error instanceof Error ? error.message : error}`);
        // What is in memory was not stored, or nobody knows: forget it, the next request reads what is there.
        this.options.cache.drop(resource);
        duties.doubt(resource.key, resource.version);
        this.fail(draft.taken, error);
        this.settled();
      },
    );
  }

  private stored(draft: Draft, next: Stored, outcome: Outcome): void {
    const { resource } = draft;
    if (outcome === 'stale') {
      this.options.onStale();
      this.retry(draft);
      return;
    }
    const { version, owed, notifier } = isEmpty(resource) ? unstored : next;
    resource.version = version;
    resource.owed = owed;
    resource.notifier = notifier;
    this.finish(draft);
  }

  /** What is in memory is outdated, or may be: the operations are decided anew on what is stored. */
  private retry({ resource, taken }: Draft): void {
    this.options.cache.drop(resource);
    for (const operation of taken) this.again.push(operation);
  }

  /** Answers, then tells the watchers. */
  private finish(draft: Draft): void {
    const { resource, duty, taken, decisions, changes, notices } = draft;
    const { log, cache, duties, onStored } = this.options;
    duties.account(resource, duty);
    for (let i = 0; i < taken.length; i++) {
      try {
        taken[i]?.done(decisions[i] as Decision, resource);
      } catch (error) {
        log.error({ err: error, resource: resource.key.id }, 'an answer could not be given after its commit');
      }
    }
    // While another node tells, what is in memory says nothing about what is owed.
    if (duty === 'theirs') cache.drop(resource);
    if (changes.length === 0 && notices.length === 0 && (duty === 'ours' || duty === 'theirs')) return;
    try {
      onStored(draft, taken[0]?.since ?? this.around.now);
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

  /** Undefined when what time or permissions call for could not be decided: memory may be half changed then, and is forgotten. */
  private draftOf(resource: Resource, operations: readonly Operation[]): Draft | undefined {
    try {
      return draftOf(resource, operations, this.options, this.around, (each, error) => this.fail([each], error));
    } catch (error) {
      this.options.cache.drop(resource);
      this.options.log.error({ err: error, resource: resource.key.id }, 'nothing could be decided about a resource');
      this.fail(operations, error);
      return undefined;
    }
  }
}

/**
 * No commit shows that what was in memory is up to date when nothing is to be stored: a refusal may be right for who knows
 * more. Nor when nothing was stored before: the rules of a presentity have no version of their own.
 */
function isUnproven({ resource, changes, decisions }: Draft): boolean {
  return (resource.version === 0 || changes.length === 0) && decisions.some(({ answer }) => answer !== undefined);
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
