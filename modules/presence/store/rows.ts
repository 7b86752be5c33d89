// Owns the translation between records and rows: which column holds what, and which writes a change becomes.
import type { Row, Value, Write } from '../../../core/api';
import type { ResourceChange } from '../changes';
import {
  type AuthorisedWatcher,
  owed,
  type Publication,
  type Resource,
  type ResourceKey,
  type RulesDocument,
  type Stored,
} from '../resource';
import { endWrite, joinAddress, splitAddress, statusNumbers, subscriptionKey, subscriptionWrite } from './dialogs';
import type { Schema } from './schema';

/** The row of a resource as it becomes with version and note of `next`. */
export function resourceRow({ key, fanouts, winfoFanouts, dueNoted }: Resource, next: Stored): Row {
  return [
    key.uri,
    key.event,
    next.version,
    fanouts,
    winfoFanouts,
    owedOrNull(next.owed),
    orNull(dueNoted),
    next.notifier,
  ];
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
  resource.owed = Number(row[5] ?? owed.nothing);
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
  const set = document === replaces.document ? refreshed(publication) : changed(publication);
  return { op: 'update', table: schema.presentity, key: publicationKey(key, publication), set };
}

function refreshed({ etag, expires, receivedTime }: Publication): Record<string, Value> {
  return { etag, expires, received_time: receivedTime };
}

/** Spelt out: to spread what a refresh sets and to add to it took 3 µs, as an object of a shape that V8 had to look up. */
function changed({ etag, expires, receivedTime, sender, document }: Publication): Record<string, Value> {
  const { body, sequence, changedAt } = document;
  return { etag, expires, received_time: receivedTime, sender, body, sequence, changed_time: changedAt };
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

/** A blob as the driver gives it. */
function bytesOf(value: Value | undefined): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length) : Buffer.alloc(0);
}

/**
 * Of several rules documents the one called `index` counts (RFC 4825 §6.2), else the first by name. Sorted here and not by the
 * database: reads that ask for no order go together, for many presentities at a time.
 */
export function readRulesRows(rows: readonly Row[]): RulesDocument | undefined {
  const documents = rows.map(([name, body]) => ({ name: String(name), body }));
  documents.sort((a, b) => (a.name < b.name ? -1 : 1));
  const chosen = documents.find(({ name }) => name.endsWith('/index')) ?? documents[0];
  return chosen && { name: chosen.name, body: bytesOf(chosen.body) };
}

/** Null where nothing is owed, which is nearly everywhere. */
function owedOrNull(value: number): number | null {
  return value === owed.nothing ? null : value;
}

/** A moment that may never come is null in the database. */
function orNull(at: number): number | null {
  return at === Number.POSITIVE_INFINITY ? null : at;
}

function orNever(value: Value | undefined): number {
  return typeof value === 'number' ? value : Number.POSITIVE_INFINITY;
}
