// Owns the rows of subscriptions: the dialog in Kamailio's columns and ours, what changes in its life, and how one ends.
import { parseUri, type Row, sameAs, share, type Value, type Write } from '../../../core/api';
import { type Ending, readEnding } from '../ending';
import type { ResourceKey, Subscription } from '../resource';
import { sizes } from '../sizes';
import type { Schema } from './schema';

/** Kamailio's numbers for a watcher's status. */
export const statusNumbers = { active: 1, pending: 2, terminated: 3, waiting: 4 } as const;

/** In `active_watchers.flags` of an ended subscription. */
const endedPending = 1;

export function eventOf(key: ResourceKey, winfo: boolean): string {
  return winfo ? `${key.event}.winfo` : key.event;
}

export function subscriptionKey({ callId, toTag, fromTag }: Subscription): Row {
  return [callId, toTag, fromTag];
}

export function subscriptionWrite(
  schema: Schema,
  key: ResourceKey,
  subscription: Subscription,
  replaces: Subscription | undefined,
  version: number,
): Write {
  const table = schema.activeWatchers;
  if (!replaces) return { op: 'put', table, row: subscriptionRow(key, subscription, version) };
  const set = isRefreshed(subscription, replaces) ? moving(subscription, version) : changing(subscription, version);
  return { op: 'update', table, key: subscriptionKey(subscription), set };
}

/** The columns that change with every refresh. */
function moving(subscription: Subscription, version: number): Record<string, Value> {
  return {
    local_cseq: subscription.localCseq,
    remote_cseq: subscription.remoteCseq,
    expires: subscription.expires,
    version: subscription.version,
    fanouts: subscription.fanoutsAt,
    event_version: version,
  };
}

/** All columns that change in the life of a subscription. */
function changing(subscription: Subscription, version: number): Record<string, Value> {
  const set = moving(subscription, version);
  set.contact = subscription.contact;
  set.status = statusNumbers[subscription.status];
  set.reason = subscription.reason;
  set.view = subscription.view;
  set.socket_info = subscription.socket;
  set.source = subscription.source;
  set.flow_route = subscription.flowRoute;
  set.content_type = subscription.contentType;
  return set;
}

/** Whether only that has changed which changes with every refresh. */
function isRefreshed(now: Subscription, before: Subscription): boolean {
  return (
    now.contact === before.contact &&
    now.status === before.status &&
    now.reason === before.reason &&
    now.view === before.view &&
    now.socket === before.socket &&
    now.source === before.source &&
    now.flowRoute === before.flowRoute &&
    now.contentType === before.contentType
  );
}

/** The row of a subscription that waits for its last NOTIFY; `flags` tells that it never became active. */
export function endWrite(schema: Schema, subscription: Subscription, reason: Ending, version: number): Write {
  const set = changing(subscription, version);
  set.status = statusNumbers.terminated;
  set.reason = reason;
  set.flags = subscription.status === 'pending' ? endedPending : 0;
  return { op: 'update', table: schema.activeWatchers, key: subscriptionKey(subscription), set };
}

function subscriptionRow(key: ResourceKey, subscription: Subscription, version: number): Row {
  const [watcherUser, watcherDomain] = splitAddress(subscription.watcher);
  const [toUser, toDomain] = shown(subscription.localUri);
  const [fromUser, fromDomain] = shown(subscription.remoteUri);
  return [
    key.uri,
    watcherUser,
    watcherDomain,
    toUser,
    toDomain,
    eventOf(key, subscription.winfo),
    subscription.eventId ?? null,
    subscription.toTag,
    subscription.fromTag,
    subscription.callId,
    subscription.localCseq,
    subscription.remoteCseq,
    subscription.contact,
    subscription.routes,
    subscription.expires,
    statusNumbers[subscription.status],
    subscription.reason,
    subscription.version,
    subscription.socket,
    subscription.localContact,
    fromUser,
    fromDomain,
    -1,
    -1,
    0,
    subscription.userAgent,
    subscription.fanoutsAt,
    subscription.localUri,
    subscription.remoteUri,
    subscription.displayName,
    subscription.watcherId,
    subscription.source,
    subscription.contentType,
    subscription.subscribedAt,
    subscription.view,
    version,
    subscription.flowRoute,
  ];
}

/** A subscription as it is stored. */
export interface StoredSubscription {
  readonly subscription: Subscription;
  /** Why it has ended, when its last NOTIFY has still to be sent. */
  readonly ends: Ending | undefined;
  /** The resource's version with its last own event. */
  readonly version: number;
}

export function readSubscriptionRow(row: Row): StoredSubscription {
  const ended = row[15] === statusNumbers.terminated;
  const subscription = subscriptionOf(row, ended ? row[24] !== endedPending : row[15] === statusNumbers.active);
  const ends = ended ? (readEnding(subscription.reason) ?? 'timeout') : undefined;
  return { subscription, ends, version: Number(row[35]) };
}

function subscriptionOf(row: Row, active: boolean): Subscription {
  const text = (column: number) => String(row[column] ?? '');
  /** What many rows say. */
  const common = (column: number) => share(text(column));
  const number = (column: number) => Number(row[column] ?? 0);
  const callId = text(9);
  const toTag = text(7);
  const fromTag = text(8);
  const watcher = joinAddress(text(1), text(2));
  return {
    id: `${callId} ${toTag} ${fromTag}`,
    callId,
    toTag,
    fromTag,
    winfo: text(5).endsWith('.winfo'),
    eventId: row[6] === null ? undefined : text(6),
    localUri: common(27),
    remoteUri: sameAs(watcher, text(28)),
    displayName: text(29),
    watcher,
    watcherId: text(30),
    contact: text(12),
    routes: text(13),
    flowRoute: text(36),
    localContact: common(19),
    socket: common(18),
    source: common(31),
    contentType: common(32),
    userAgent: common(25),
    subscribedAt: number(33),
    expires: number(14),
    status: active ? 'active' : 'pending',
    reason: common(16),
    view: common(34),
    remoteCseq: number(11),
    localCseq: number(10),
    fanoutsAt: number(26),
    version: number(17),
  };
}

/** User and host of a SIP address, in two columns; any other URI stays whole in the first. `joinAddress` undoes it. */
export function splitAddress(uri: string): [string, string] {
  if (!uri.startsWith('sip:')) return [uri, ''];
  const at = uri.indexOf('@');
  return at < 0 ? ['', uri.slice('sip:'.length)] : [uri.slice('sip:'.length, at), uri.slice(at + 1)];
}

export function joinAddress(user: string, domain: string): string {
  if (domain === '') return user;
  return user === '' ? `sip:${domain}` : `sip:${user}@${domain}`;
}

/** User and host of a URI as written, for columns that only people read: as much as there is room for. */
export function shown(uri: string): [string, string] {
  const parsed = parseUri(uri);
  if (!parsed || parsed.host === '') return [uri.slice(0, sizes.user), ''];
  return [parsed.user.slice(0, sizes.user), parsed.host.slice(0, sizes.domain)];
}
