// Owns what a row of Kamailio's or OpenSIPS's becomes here, or the reason why it becomes nothing. Pure.
import { addressOfRecord, parseNameAddrs, parseUri } from '../../../core/api';
import type { Packages } from '../request/common';
import { isRoute, remoteTarget } from '../request/subscribe';
import {
  type AuthorisedWatcher,
  closed,
  dialogId,
  everything,
  keyOfUri,
  type Publication,
  type ResourceKey,
  resourceKey,
  type Subscription,
} from '../resource';
import { sizes } from '../sizes';
import { recordName } from './memory';
import { numberOf, type SourceRow, textOf } from './tables';

/** What the rows are judged by. */
export interface Circumstances extends Packages {
  /** Unix seconds. */
  readonly now: number;
  /** Seconds for which a watcher waits for the presentity's word. */
  readonly waitingTime: number;
  /** An unguessable token. */
  token(): string;
}

/**
 * What a dialog's next CSeq is above the stored one. Kamailio stores the CSeq of the last NOTIFY less one, and in its mode
 * `write-through` that of some NOTIFY before. A number that jumps is no error (RFC 3261 §12.2.2), one that comes again is.
 */
export const cseqJump = 10_000;

const statusNumbers = { active: 1, pending: 2, terminated: 3, waiting: 4 } as const;
const over = 'its time was over already';
const tooLong = 'a text in it is longer than a request may bring it';

export interface FoundPublication {
  readonly key: ResourceKey;
  readonly publication: Publication;
}

export function publicationOf(row: SourceRow, around: Circumstances): FoundPublication | string {
  const event = textOf(row, 'event');
  const served = around.events.get(event);
  if (!served) return noPackage(event);
  const expires = numberOf(row, 'expires');
  // Kamailio keeps a pidf-manipulation document in this table as well, for ever.
  if (expires <= 0) return 'it is hard state (RFC 4827), which is not kept among publications here';
  if (expires <= around.now) return over;
  const etag = textOf(row, 'etag');
  if (!/^[^\s,*#]+$/.test(etag)) return 'its entity-tag is none: the old server was about to remove it';
  const key = resourceKey(textOf(row, 'username'), textOf(row, 'domain').toLowerCase(), event);
  const sender = textOf(row, 'sender');
  const fits = key.user.length <= sizes.user && key.domain.length <= sizes.domain && etag.length <= sizes.etag;
  if (!fits || sender.length > sizes.uri) return tooLong;
  const body = bytesOf(row);
  const verdict = served.check(body, key.uri);
  if (!verdict.ok) return `its body is refused: ${verdict.reason}`;
  const receivedTime = numberOf(row, 'received_time');
  // Of several publications the one that was received last is the newest; whatever is published from now on is newer still.
  const document = { etag, body, changedAt: receivedTime, sequence: receivedTime };
  // The row's number stays when its entity-tag changes.
  const ruid = recordName('presentity', key.uri, key.event, numberOf(row, 'id'));
  return { key, publication: { ruid, etag, expires, receivedTime, sender, document } };
}

export interface FoundSubscription {
  readonly key: ResourceKey;
  /** Without a part in the fan-outs yet: `fanoutsAt` is that of the resource it is put into. */
  readonly subscription: Subscription;
}

export function subscriptionOf(row: SourceRow, around: Circumstances): FoundSubscription | string {
  const event = textOf(row, 'event');
  const winfo = event.endsWith('.winfo');
  const format = winfo ? around.watcherinfo.values().next().value : undefined;
  const base = winfo ? event.slice(0, -'.winfo'.length) : event;
  const served = around.events.get(base);
  if (!served || (winfo && !format)) return noPackage(event);
  const expires = numberOf(row, 'expires');
  if (expires <= around.now) return over;
  const status = numberOf(row, 'status');
  if (status !== statusNumbers.active && status !== statusNumbers.pending) return 'it had ended, or was about to';
  const presentity = parseUri(textOf(row, 'presentity_uri'));
  if (!presentity || presentity.host === '') return 'its presentity is no SIP address';
  const contact = remoteTarget(textOf(row, 'contact'));
  if (contact === undefined) return 'its Contact is no SIP URI, so no NOTIFY can be sent';
  const routes = textOf(row, 'record_route');
  const entries = routes === '' ? [] : parseNameAddrs(routes);
  if (!entries?.every(isRoute)) return 'its route set cannot be read';
  const callId = textOf(row, 'callid');
  const toTag = textOf(row, 'to_tag');
  const fromTag = textOf(row, 'from_tag');
  if (callId === '' || ![toTag, fromTag].every((tag) => /^[^\s",;<>\\]+$/.test(tag))) return 'it names no dialog';
  const watcher = watcherOf(row);
  if (watcher === undefined) return 'its watcher is no SIP address';
  const localUri = address(textOf(row, 'to_user'), textOf(row, 'to_domain'));
  // OpenSIPS has no column for From: its watcher is the From.
  const remoteUri =
    row.from_user === undefined ? watcher : address(textOf(row, 'from_user'), textOf(row, 'from_domain'));
  const eventId = textOf(row, 'event_id');
  const isActive = status === statusNumbers.active;
  const key = keyOfUri(addressOfRecord(presentity), base);
  const subscription: Subscription = {
    id: dialogId(callId, toTag, fromTag),
    callId,
    toTag,
    fromTag,
    winfo,
    eventId: eventId === '' ? undefined : eventId,
    localUri,
    remoteUri,
    displayName: '',
    watcher,
    watcherId: around.token(),
    contact,
    flowRoute: '',
    routes,
    localContact: contactOf(textOf(row, 'local_contact')),
    socket: textOf(row, 'socket_info'),
    source: sourceOf(contact, textOf(row, 'socket_info')),
    contentType: (format?.type ?? served.notifyTypes[0]) || '',
    userAgent: textOf(row, 'user_agent').slice(0, sizes.userAgent),
    subscribedAt: around.now,
    expires,
    status: isActive ? 'active' : 'pending',
    reason: '',
    // With `force_active` 0 the presentity's rules are asked anew before the next NOTIFY.
    view: isActive && textOf(row, 'reason') !== 'polite-block' ? everything : closed,
    remoteCseq: numberOf(row, 'remote_cseq'),
    localCseq: numberOf(row, 'local_cseq') + cseqJump,
    fanoutsAt: 0,
    // The number of the last document; they begin with 1 there and with 0 here (RFC 3858 §4.1).
    version: numberOf(row, 'version') + 1,
  };
  return fits(key, subscription) ? { key, subscription } : tooLong;
}

export interface FoundWatcher {
  readonly key: ResourceKey;
  readonly watcher: AuthorisedWatcher;
}

/** A watcher who waits for the presentity's word. What the rules made of the others they are asked anew. */
export function waitingWatcherOf(row: SourceRow, around: Circumstances): FoundWatcher | string {
  const event = textOf(row, 'event');
  if (!around.events.has(event)) return noPackage(event);
  const status = numberOf(row, 'status');
  if (status !== statusNumbers.pending && status !== statusNumbers.waiting) {
    return 'the rules had decided on the watcher, and are asked anew';
  }
  const insertedTime = numberOf(row, 'inserted_time');
  const expires = insertedTime + around.waitingTime;
  if (expires <= around.now) return over;
  const presentity = parseUri(textOf(row, 'presentity_uri'));
  const watcher = watcherOf(row);
  if (!presentity || presentity.host === '' || watcher === undefined) return 'it names no SIP addresses';
  const key = keyOfUri(addressOfRecord(presentity), event);
  if (key.user.length > sizes.user || key.domain.length > sizes.domain) return tooLong;
  const record = { watcher, status: 'waiting', reason: '', insertedTime, expires } as const;
  return { key, watcher: { ...record, watcherId: around.token(), displayName: '' } };
}

function noPackage(event: string): string {
  return `no loaded module serves the event ${event === '' ? '(none)' : event}`;
}

function watcherOf(row: SourceRow): string | undefined {
  const parsed = parseUri(address(textOf(row, 'watcher_username'), textOf(row, 'watcher_domain')));
  return parsed && parsed.host !== '' ? addressOfRecord(parsed) : undefined;
}

function address(user: string, domain: string): string {
  return user === '' ? `sip:${domain}` : `sip:${user}@${domain}`;
}

function contactOf(stored: string): string {
  return stored.startsWith('<') ? stored : `<${stored}>`;
}

/** `;alias=address~port~1` in a Contact is where Kamailio's nathelper saw the watcher, by UDP. */
function sourceOf(contact: string, socket: string): string {
  const alias = parseUri(contact)?.params.get('alias');
  const [host = '', port = '', protocol] = alias?.split('~') ?? [];
  if (protocol !== '1' || !socket.startsWith('udp:') || !/^\d{1,5}$/.test(port)) return '';
  return `${socket}>${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

function bytesOf(row: SourceRow): Buffer {
  const { body } = row;
  return body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.length) : Buffer.alloc(0);
}

function fits(key: ResourceKey, subscription: Subscription): boolean {
  const {
    callId,
    toTag,
    fromTag,
    eventId = '',
    localUri,
    remoteUri,
    contact,
    localContact,
    socket,
    watcher,
  } = subscription;
  const named = keyOfUri(watcher, '');
  return (
    [key.user, named.user].every((user) => user.length <= sizes.user) &&
    [key.domain, named.domain].every((domain) => domain.length <= sizes.domain) &&
    [localUri, remoteUri, contact, localContact].every((uri) => uri.length <= sizes.uri) &&
    [toTag, fromTag].every((tag) => tag.length <= sizes.tag) &&
    callId.length <= sizes.callId &&
    eventId.length <= sizes.eventId &&
    socket.length <= sizes.socket
  );
}
