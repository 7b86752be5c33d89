// Owns the question who tells a resource's watchers: one node at a time, named in the resource's row while NOTIFYs are owed.
import { type Decision, type Notice, nothing, type ResourceChange } from '../changes';
import { tellEverybody, tellState } from '../decide/authorise';
import type { Ending } from '../ending';
import { owed, type Resource, type ResourceKey, type Stored } from '../resource';
import type { Members } from './members';
import { Trust } from './trust';

/**
 * What a resource that was read, or is in memory, means for this node:
 * - `ours`: nothing is owed, or this node tells already. Whoever changes the resource now tells.
 * - `theirs`: another node is telling. What changes here is stored for it to find; two nodes that send in one dialog could
 *   not keep its CSeqs in order.
 * - `handed`: this node is telling, and others have changed the resource since it looked.
 * - `orphaned`: NOTIFYs are owed and nobody is there any more who knows which.
 */
export type Duty = 'ours' | 'theirs' | 'handed' | 'orphaned';

/** What this node, as the one that tells, has taken into account. */
interface Accounted {
  readonly version: number;
  readonly fanouts: number;
  readonly winfoFanouts: number;
}

/** A commit of which nobody knows whether it was stored. */
interface Doubt {
  readonly key: ResourceKey;
  /** The resource's before it. */
  readonly version: number;
  /** How often the resource was read since, a second apart. */
  looks: number;
}

/** For the next life of the module. */
export interface DutyState {
  readonly accounted: Map<string, Accounted>;
  /** By the id of the resource. */
  readonly doubtful: Map<string, Doubt>;
}

export class Duties {
  readonly state: DutyState;
  readonly trust = new Trust();

  /** @param members undefined: this is the only node */
  constructor(
    readonly members: Members | undefined,
    state?: DutyState,
  ) {
    this.state = state ?? { accounted: new Map(), doubtful: new Map() };
  }

  /** Whether other nodes may have changed what is in memory here. */
  get shared(): boolean {
    return this.members !== undefined;
  }

  /** Whether what is in memory is so often outdated that it is better read before anything is decided on it. */
  get readsFirst(): boolean {
    return this.shared && this.trust.isLost;
  }

  of(resource: Resource): Duty {
    const { members, state } = this;
    if (resource.owed === owed.nothing) return 'ours';
    const doubt = state.doubtful.get(resource.key.id);
    // The commit in doubt was stored after all, and its NOTIFYs were not sent.
    const isLost = doubt !== undefined && doubt.version !== resource.version;
    if (!members) return isLost ? 'orphaned' : 'ours';
    const notifier = Math.abs(resource.notifier);
    if (notifier !== members.id) return notifier !== 0 && members.isAlive(notifier) ? 'theirs' : 'orphaned';
    const accounted = state.accounted.get(resource.key.id);
    if (isLost || !accounted) return 'orphaned';
    return accounted.version === resource.version ? 'ours' : 'handed';
  }

  /** What has to be told that nobody has decided on in this turn. */
  missed(resource: Resource, duty: Duty): Decision {
    if (duty === 'handed') {
      const accounted = this.state.accounted.get(resource.key.id);
      return accounted ? since(resource, accounted) : nothing;
    }
    return duty === 'orphaned' ? everything(resource) : nothing;
  }

  /** Who tells after a commit that leaves `owing` to be told. */
  notifierAfter(resource: Resource, duty: Duty, owing: number): number {
    if (!this.members || owing === owed.nothing) return 0;
    return duty === 'theirs' ? -Math.abs(resource.notifier) : this.members.id;
  }

  /** What is in memory is what is stored, and all of it is being told, if it is this node that tells. */
  account(resource: Resource, duty: Duty): void {
    const { id } = resource.key;
    const doubt = this.state.doubtful.get(id);
    // MySQL ends a connection that is killed before it ends its COMMIT: who looks at once may look too early.
    if (doubt && (doubt.version !== resource.version || doubt.looks > 0)) this.state.doubtful.delete(id);
    if (!this.members) return;
    if (duty === 'theirs') this.state.accounted.delete(id);
    else if (resource.owed !== owed.nothing) {
      const { version, fanouts, winfoFanouts } = resource;
      this.state.accounted.set(id, { version, fanouts, winfoFanouts });
    }
  }

  /** A commit over `version` may have been stored or not. */
  doubt(key: ResourceKey, version: number): void {
    if (!this.state.doubtful.has(key.id)) this.state.doubtful.set(key.id, { key, version, looks: 0 });
  }

  /** A resource has left memory. */
  forget({ id }: ResourceKey): void {
    this.state.accounted.delete(id);
  }
}

/**
 * A decision of a node that does not tell: its changes for the node that does. NOTIFYs to dialogs of which nothing is stored
 * (a fetch, a refusal) stay, because no other node can know of them and nobody else sends there.
 */
export function handedOver({ changes, notices, ...rest }: Decision): Decision {
  const stored = new Set<string>();
  for (const change of changes) if ('subscription' in change) stored.add(change.subscription.id);
  const ends = new Map<string, Ending>();
  const own: Notice[] = [];
  for (const notice of notices) {
    if (notice.to !== 'dialog') continue;
    if (!stored.has(notice.subscription.id)) own.push(notice);
    else if (notice.ends !== undefined) ends.set(notice.subscription.id, notice.ends);
  }
  const kept = changes.map((change): ResourceChange => {
    const reason = change.kind === 'unsubscribe' ? ends.get(change.subscription.id) : undefined;
    if (change.kind !== 'unsubscribe' || reason === undefined) return change;
    return { kind: 'end', subscription: change.subscription, reason };
  });
  return { ...rest, changes: kept, notices: own };
}

/** What other nodes have left to this one since it looked last: whoever's CSeq may rise further now is to be told. */
function since(resource: Resource, accounted: Accounted): Decision {
  const { changes, notices } = lastWords(resource);
  for (const subscription of resource.subscriptions.values()) {
    const version = resource.eventVersions?.get(subscription.id) ?? 0;
    if (version > accounted.version) notices.push({ to: 'dialog', subscription });
  }
  if (resource.fanouts > accounted.fanouts) notices.push({ to: 'watchers', except: '' });
  if (resource.winfoFanouts > accounted.winfoFanouts) notices.push({ to: 'watcherinfo', state: 'full', watchers: [] });
  return { changes, notices };
}

/** Nobody knows who was told what: all are told, as after a crash. */
function everything(resource: Resource): Decision {
  const last = lastWords(resource);
  // Decided without looking at the time or at chance.
  const tell = resource.owed === owed.ownEvents ? tellEverybody : tellState;
  const { changes, notices } = tell(resource, { now: 0, token: () => '' });
  return { changes: [...last.changes, ...changes], notices: [...last.notices, ...notices] };
}

/** The last NOTIFYs of dialogs that other nodes have ended. */
function lastWords(resource: Resource): { changes: ResourceChange[]; notices: Notice[] } {
  const changes: ResourceChange[] = [];
  const notices: Notice[] = [];
  for (const { subscription, reason } of resource.partings?.values() ?? []) {
    changes.push({ kind: 'unsubscribe', subscription });
    notices.push({ to: 'dialog', subscription, ends: reason });
  }
  return { changes, notices };
}

/** What a row says while nothing is stored. */
export const unstored: Stored = { version: 0, owed: owed.nothing, notifier: 0 };
