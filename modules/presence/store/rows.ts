// Owns the translation between records and rows: which column holds what, and which writes a change becomes.
import { parseUri, type Row, type Value, type Write } from '../../../core/api';
import type { ResourceChange } from '../changes';
import { type Ending, readEnding } from '../ending';
import type {
  AuthorisedWatcher,
  Publication,
  Resource,
  ResourceKey,
  RulesDocument,
  Stored,
  Subscription,
} from '../resource';
import { sizes } from '../sizes';
import type { Schema } from './schema';

/** Kamailio's numbers for a watcher's status. */
const statusNumbers = { active: 1, pending: 2, terminated: 3, waiting: 4 } as const;

/** In `active_watchers.flags` of an ended subscription. */
const endedPending = 1;

export function eventOf(key: ResourceKey, winfo: boolean): string {
  return winfo ? `${key.event}.winfo` : key.event;
}

/** The row of a resource as it becomes with version and note of `next`. */
export function resourceRow({ key, fanouts, winfoFanouts, dueNoted }: Resource, next: Stored): Row {
  return [key.uri, key.event, next.version, fanouts, winfoFanouts, next.owed, orNull(dueNoted), next.notifier];
}

/** The columns of that row that are not stored like this already, beside the version. */
export function changedColumns(resource: Resource, next: Stored, changes: readonly ResourceChange[]): string[] {
  const columns = changes.some((change) => change.kind === 'fan-out' && !change.winfo) ? ['fanouts'] : [];
  if (changes.some((change) => change.kind === 'fan-out' && change.winfo)) columns.push('winfo_fanouts');
  if (next.owed !== resource.owed) columns.push('notify_pending');
  if (next.notifier !== resource.notifier) columns.push('notifier');
  if (changes.some(({ kind }) => kind === 'due')) columns.push('due_time');
  return columns;
}

export function readResourceRow(resource: Resource, row: Row): void {
  resource.version = Number(row[2]);
  resource.loadedVersion = resource.version;
  resource.fanouts = Number(row[3]);
  resource.winfoFanouts = Number(row[4]);
  resource.owed = Number(row[5]);
  resource.dueNoted = orNever(row[6]);
  resource.notifier = Number(row[7]);
}

/** The writes of one change, in an order that a database may take them in. `version`: the resource's with this change. */
export function writesOf(schema: Schema, key: ResourceKey, change: ResourceChange, version: number): Write[] {
  switch (change.kind) {
    case 'publish':
      return [publicationWrite(schema, key, change.publication, change.replaces)];
    case 'unpublish':
      return [{ op: 'delete', table: schema.presentity, key: publicationKey(key, change.publication) }];
    case 'subscribe':
      return [subscriptionWrite(schema, key, change.subscription, change.replaces, version)];
    case 'unsubscribe':
      return [{ op: 'delete', table: schema.activeWatchers, key: subscriptionKey(change.subscription) }];
    case 'end':
      return [endWrite(schema, change.subscription, change.reason, version)];
    case 'authorise':
      return [{ op: 'put', table: schema.watchers, row: watcherRow(key, change.watcher) }];
    case 'forget':
      return [{ op: 'delete', table: schema.watchers, key: watcherKey(key, change.watcher.watcher) }];
    case 'fan-out':
    case 'due':
      return [];
  }
}

function publicationWrite(
  schema: Schema,
  key: ResourceKey,
  publication: Publication,
  replaces: Publication | undefined,
): Write {
  const { ruid, etag, expires, receivedTime, sender, document } = publication;
  if (!replaces) {
    const { body, sequence, changedAt } = document;
    const row = [key.user, key.domain, key.event, etag, expires, receivedTime, body, sender, 0, ruid];
    return { op: 'put', table: schema.presentity, row: [...row, sequence, changedAt] };
  }
  const moved = { etag, expires, received_time: receivedTime };
  const set: Record<string, Value> =
    document === replaces.document
      ? moved
      : { ...moved, sender, body: document.body, sequence: document.sequence, changed_time: document.changedAt };
  return { op: 'update', table: schema.presentity, key: publicationKey(key, publication), set };
}

function publicationKey(key: ResourceKey, { ruid }: Publication): Row {
  return [key.user, key.domain, key.event, ruid];
}

export function readPublicationRow(row: Row): Publication {
  const etag = String(row[3]);
  return {
    ruid: String(row[9]),
    etag,
    expires: Number(row[4]),
    receivedTime: Number(row[5]),
    sender: String(row[7]),
    document: {
      etag,
      body: bytesOf(row[6]),
      sequence: Number(row[10]),
      changedAt: Number(row[11]),
    },
  };
}

function subscriptionKey({ callId, toTag, fromTag }: Subscription): Row {
  return [callId, toTag, fromTag];
}

function subscriptionWrite(
  schema: Schema,
  key: ResourceKey,
  subscription: Subscription,
  replaces: Subscription | undefined,
  version: number,
): Write {
  const table = schema.activeWatchers;
  if (!replaces) return { op: 'put', table, row: subscriptionRow(key, subscription, version) };
  return { op: 'update', table, key: subscriptionKey(subscription), set: changing(subscription, version) };
}

/** The columns that change in the life of a subscription. */
function changing(subscription: Subscription, version: number): Record<string, Value> {
  return {
    local_cseq: subscription.localCseq,
    remote_cseq: subscription.remoteCseq,
    contact: subscription.contact,
    expires: subscription.expires,
    status: statusNumbers[subscription.status],
    reason: subscription.reason,
    view: subscription.view,
    version: subscription.version,
    socket_info: subscription.socket,
    fanouts: subscription.fanoutsAt,
    source: subscription.source,
    flow_route: subscription.flowRoute,
    content_type: subscription.contentType,
    event_version: version,
  };
}

/** The row of a subscription that waits for its last NOTIFY; `flags` tells that it never became active. */
function endWrite(schema: Schema, subscription: Subscription, reason: Ending, version: number): Write {
  const flags = subscription.status === 'pending' ? endedPending : 0;
  const set = { ...changing(subscription, version), status: statusNumbers.terminated, reason, flags };
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
  const number = (column: number) => Number(row[column] ?? 0);
  const callId = text(9);
  const toTag = text(7);
  const fromTag = text(8);
  return {
    id: `${callId} ${toTag} ${fromTag}`,
    callId,
    toTag,
    fromTag,
    winfo: text(5).endsWith('.winfo'),
    eventId: row[6] === null ? undefined : text(6),
    localCseq: number(10),
    remoteCseq: number(11),
    contact: text(12),
    routes: text(13),
    expires: number(14),
    status: active ? 'active' : 'pending',
    reason: text(16),
    version: number(17),
    socket: text(18),
    localContact: text(19),
    userAgent: text(25),
    fanoutsAt: number(26),
    localUri: text(27),
    remoteUri: text(28),
    displayName: text(29),
    watcherId: text(30),
    source: text(31),
    contentType: text(32),
    subscribedAt: number(33),
    view: text(34),
    flowRoute: text(36),
    watcher: joinAddress(text(1), text(2)),
  };
}

function watcherKey(key: ResourceKey, watcher: string): Row {
  const [user, domain] = splitAddress(watcher);
  return [key.uri, user, domain, key.event];
}

function watcherRow(key: ResourceKey, record: AuthorisedWatcher): Row {
  const { watcher, status, reason, insertedTime, expires, watcherId, displayName } = record;
  const columns = [statusNumbers[status], reason, insertedTime, orNull(expires), watcherId, displayName];
  return [...watcherKey(key, watcher), ...columns];
}

export function readWatcherRow(row: Row): AuthorisedWatcher {
  const status = (['active', 'pending', 'terminated', 'waiting'] as const)[Number(row[4]) - 1] ?? 'pending';
  return {
    watcher: joinAddress(String(row[1]), String(row[2])),
    status,
    reason: String(row[5] ?? ''),
    insertedTime: Number(row[6]),
    expires: orNever(row[7]),
    watcherId: String(row[8] ?? ''),
    displayName: String(row[9] ?? ''),
  };
}

/** User and host of a SIP address, in two columns; any other URI stays whole in the first. `joinAddress` undoes it. */
function splitAddress(uri: string): [string, string] {
  if (!uri.startsWith('sip:')) return [uri, ''];
  const at = uri.indexOf('@');
  return at < 0 ? ['', uri.slice('sip:'.length)] : [uri.slice('sip:'.length, at), uri.slice(at + 1)];
}

function joinAddress(user: string, domain: string): string {
  if (domain === '') return user;
  return user === '' ? `sip:${domain}` : `sip:${user}@${domain}`;
}

/** User and host of a URI as written, for columns that only people read: as much as there is room for. */
function shown(uri: string): [string, string] {
  const parsed = parseUri(uri);
  if (!parsed || parsed.host === '') return [uri.slice(0, sizes.user), ''];
  return [parsed.user.slice(0, sizes.user), parsed.host.slice(0, sizes.domain)];
}

/** A blob as the driver gives it. */
function bytesOf(value: Value | undefined): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length) : Buffer.alloc(0);
}

/** Of several rules documents the one called `index` counts (RFC 4825 §6.2), else the first by name. */
export function readRulesRows(rows: readonly Row[]): RulesDocument | undefined {
  const row = rows.find(([name]) => String(name).endsWith('/index')) ?? rows[0];
  return row && { name: String(row[0]), body: bytesOf(row[1]) };
}

/** A moment that may never come is null in the database. */
function orNull(at: number): number | null {
  return at === Number.POSITIVE_INFINITY ? null : at;
}

function orNever(value: Value | undefined): number {
  return typeof value === 'number' ? value : Number.POSITIVE_INFINITY;
}
