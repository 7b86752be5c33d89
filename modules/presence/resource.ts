// Owns the shape of a resource: one presentity and one event package, with its publications, subscriptions and counters.
import { SmallMap, share } from '../../core/api';
import type { PublishedDocument, WatcherStatus } from './api';
import type { Parting } from './ending';

/** Names a resource. `uri` is `sip:user@host` with the host in lower case; `event` is a package without `.winfo`. */
export interface ResourceKey {
  readonly uri: string;
  readonly user: string;
  readonly domain: string;
  readonly event: string;
  /** `uri` and `event` as one string, for maps. */
  readonly id: string;
}

/** A stored publication (RFC 3903). `document` keeps its identity until the content changes. */
export interface Publication {
  /** The entity-tag it began with: its name in the database, where what changes with each PUBLISH is no good as a key. */
  readonly ruid: string;
  readonly etag: string;
  /** Unix seconds. */
  readonly expires: number;
  /** Unix seconds of the last PUBLISH, a refresh included. */
  readonly receivedTime: number;
  readonly sender: string;
  readonly document: PublishedDocument;
}

export type SubscriptionStatus = Extract<WatcherStatus, 'active' | 'pending'>;

/** A subscription and its dialog (RFC 6665, RFC 3261 §12), as stored. Replaced whole when something changes. */
export interface Subscription {
  /** Call-ID, local and remote tag as one string. */
  readonly id: string;
  readonly callId: string;
  /** Our tag: the To tag of the SUBSCRIBE. */
  readonly toTag: string;
  /** The watcher's tag. */
  readonly fromTag: string;
  /** Whether the Event was `PACKAGE.winfo`. */
  readonly winfo: boolean;
  readonly eventId: string | undefined;
  /** URIs of the SUBSCRIBE's To and From as written: the NOTIFY's From and To (RFC 3261 §12.2.1.1). */
  readonly localUri: string;
  readonly remoteUri: string;
  readonly displayName: string;
  /** Who watches, `sip:user@host`: the From, or what the script named. */
  readonly watcher: string;
  /** Opaque id in watcherinfo documents. */
  readonly watcherId: string;
  /** The remote target. */
  readonly contact: string;
  /** The route set as one header value, empty when there is none. */
  readonly routes: string;
  /** In front of the route set: the node that holds the watcher's connection, as a signed route; '' when there is no need. */
  readonly flowRoute: string;
  /** Our Contact in this dialog. */
  readonly localContact: string;
  /** `protocol:address:port` of the socket the SUBSCRIBE came to, and of its source. */
  readonly socket: string;
  readonly source: string;
  readonly contentType: string;
  readonly userAgent: string;
  /** Unix seconds. */
  readonly subscribedAt: number;
  readonly expires: number;
  readonly status: SubscriptionStatus;
  readonly reason: string;
  /** What it may see, as `Permission.view` names it: who has the same gets the same document. */
  readonly view: string;
  readonly remoteCseq: number;
  /** With `fanoutsAt` the highest CSeq a NOTIFY may have used, see `cseqCeiling`. */
  readonly localCseq: number;
  readonly fanoutsAt: number;
  /** How many watcherinfo documents NOTIFYs up to CSeq `localCseq` may have carried, see `documentCeiling`. */
  readonly version: number;
}

/** What a presentity's rules made of a watcher, kept while rules decide (`force_active` 0). */
export interface AuthorisedWatcher {
  readonly watcher: string;
  readonly status: WatcherStatus;
  readonly reason: string;
  /** Unix seconds. */
  readonly insertedTime: number;
  /** Unix seconds at which nobody waits for the presentity's word any more; Infinity unless the watcher is `waiting`. */
  readonly expires: number;
  /** Opaque id in watcherinfo documents, and the name to show, of the last subscription. */
  readonly watcherId: string;
  readonly displayName: string;
}

/** A presentity's rules document as it is stored. */
export interface RulesDocument {
  /** `doc_uri`, for warnings. */
  readonly name: string;
  readonly body: Buffer;
}

/**
 * Kept apart, because after a crash a NOTIFY that is owed for a change of state must not reach those who may not know of it:
 * it would tell them that there was one.
 */
export const owed = { nothing: 0, state: 1, ownEvents: 2 } as const;

/** What changes in memory only after the commit that brings it. */
export interface Stored {
  /** What the compare-and-swap compares; 0: nothing is stored. */
  version: number;
  /** Which NOTIFYs that stored changes ask for may not have left yet, see `owed`. */
  owed: number;
  /** The node that sends them; negative when others have changed the resource since it looked. 0: none, or the only one. */
  notifier: number;
}

/**
 * The version that a commit at `now` (ms) brings. A row that is made anew must not repeat a version that another node may still
 * hold: it starts at the time of day.
 */
export function nextVersion({ version }: Stored, now: number): number {
  return version === 0 ? now : version + 1;
}

export interface Resource extends Stored {
  readonly key: ResourceKey;
  /** The version since which nobody else has stored anything: the one that was read, or that of an earlier reading. */
  loadedVersion: number;
  /** Documents that went to the watchers, and to the watcherinfo subscribers: the moving part of every dialog's CSeq. */
  fanouts: number;
  winfoFanouts: number;
  readonly publications: SmallMap<Publication>;
  readonly subscriptions: SmallMap<Subscription>;
  /** By the id of the subscription; undefined when there are none, as there mostly are. */
  partings: Map<string, Parting> | undefined;
  /** As read, when the node that sends has something to catch up on: the version with each dialog's last own event. */
  eventVersions: ReadonlyMap<string, number> | undefined;
  readonly watchers: SmallMap<AuthorisedWatcher>;
  /** Derived from `subscriptions`: how many each watcher has, from a crowd on; and how many are for watcherinfo. */
  watching: SmallMap<number> | undefined;
  winfoSubscriptions: number;
  /** Derived from `subscriptions`: how many see a part of the documents, so that not every change of them is news. */
  partialViews: number;
  /** The presentity's pres-rules document; undefined when it has none. */
  rules: RulesDocument | undefined;
  /** Unix seconds at which a rule begins or ends, or Infinity. */
  reviewAt: number;
  /** Who has looked at its subscriptions while it was open to all, and need not look again. */
  openedBy: object | undefined;
  /** Unix seconds: no record ends before; it may be earlier than the first end. */
  dueAt: number;
  /** The same as it is stored: never later than `dueAt` is. */
  dueNoted: number;
}

export function resourceKey(user: string, domain: string, event: string): ResourceKey {
  const uri = user === '' ? `sip:${domain}` : `sip:${user}@${domain}`;
  return { uri, user, domain: share(domain), event, id: `${uri} ${event}` };
}

/** The key of an address of record: `sip:user@host` or `sip:host`. */
export function keyOfUri(uri: string, event: string): ResourceKey {
  const at = uri.lastIndexOf('@');
  return resourceKey(at < 0 ? '' : uri.slice('sip:'.length, at), uri.slice(at < 0 ? 'sip:'.length : at + 1), event);
}

export function dialogId(callId: string, toTag: string, fromTag: string): string {
  return `${callId} ${toTag} ${fromTag}`;
}

export function emptyResource(key: ResourceKey): Resource {
  return {
    key,
    version: 0,
    loadedVersion: 0,
    fanouts: 0,
    winfoFanouts: 0,
    owed: owed.nothing,
    notifier: 0,
    publications: new SmallMap(),
    subscriptions: new SmallMap(),
    partings: undefined,
    eventVersions: undefined,
    watchers: new SmallMap(),
    watching: undefined,
    winfoSubscriptions: 0,
    partialViews: 0,
    rules: undefined,
    openedBy: undefined,
    reviewAt: Number.POSITIVE_INFINITY,
    dueAt: Number.POSITIVE_INFINITY,
    dueNoted: Number.POSITIVE_INFINITY,
  };
}

/** Whether NOTIFYs of both would go to the same place. */
export function isSameTarget(a: Subscription, b: Subscription): boolean {
  return a.contact === b.contact && a.source === b.source && a.socket === b.socket;
}

/**
 * The highest CSeq that committed state allows a dialog's NOTIFYs to have used. A fan-out raises it for every dialog by one
 * through the resource's counter, with no write per watcher; a dialog's own event (new, refresh, end) raises `localCseq`.
 * A NOTIFY takes at most one number for each, so after a crash the next number is above all that were sent (RFC 3261 §12.2.1.1).
 */
export function cseqCeiling(resource: Resource, subscription: Subscription): number {
  return subscription.localCseq + fanoutsSince(resource, subscription);
}

/**
 * How many watcherinfo documents committed state allows a dialog's NOTIFYs to have carried. It rises with `cseqCeiling`, but
 * a NOTIFY of its own while it is pending has no body, so that the first document has version 0 (RFC 3858 §3).
 */
export function documentCeiling(resource: Resource, subscription: Subscription): number {
  return subscription.version + fanoutsSince(resource, subscription);
}

function fanoutsSince(resource: Resource, subscription: Subscription): number {
  return followsState(subscription) ? counterOf(resource, subscription.winfo) - subscription.fanoutsAt : 0;
}

/** The view of everybody under `force_active`, and of a polite block. */
export const everything = 'everything';
export const closed = 'closed';

/**
 * Whether a change of state is anything to this dialog. One that may not know of it has no part in its counter either: a gap
 * in the CSeqs after a restart would tell that the presentity is alive.
 */
export function followsState({ status, view }: Subscription): boolean {
  return status === 'active' && view !== closed;
}

/** The counter that moves this kind of subscription. */
export function counterOf(resource: Resource, winfo: boolean): number {
  return winfo ? resource.winfoFanouts : resource.fanouts;
}

/** Whether nothing of a resource is left to keep. */
export function isEmpty(resource: Resource): boolean {
  const { publications, subscriptions, watchers, partings } = resource;
  return publications.size === 0 && subscriptions.size === 0 && watchers.size === 0 && !partings?.size;
}

/** The earliest moment (unix seconds) at which a record ends or a rule begins or ends, or Infinity. */
export function nextExpiry(resource: Resource): number {
  let next = resource.reviewAt;
  for (const publication of resource.publications.values()) next = Math.min(next, publication.expires);
  for (const subscription of resource.subscriptions.values()) next = Math.min(next, subscription.expires);
  for (const watcher of resource.watchers.values()) next = Math.min(next, watcher.expires);
  return next;
}
