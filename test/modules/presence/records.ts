// Owns records as the presence tests need them: a resource, publications, subscriptions, with defaults for what does not matter.
import { applyChanges, type Decision, type Surroundings } from '../../../modules/presence/changes';
import type { Permission } from '../../../modules/presence/permission';
import type { PublishRequest } from '../../../modules/presence/request/publish';
import type { SubscribeRequest } from '../../../modules/presence/request/subscribe';
import {
  type AuthorisedWatcher,
  dialogId,
  emptyResource,
  keyOfUri,
  type Publication,
  type Resource,
  type Subscription,
} from '../../../modules/presence/resource';
import { addSubscription } from '../../../modules/presence/subscribers';

export const key = keyOfUri('sip:alice@example.com', 'presence');
/** A whole second: 2026-01-01. */
export const start = Date.UTC(2026, 0, 1);
export const startSeconds = start / 1000;

/** Tokens t1, t2, … and a time that stands still at `start` unless it is given. */
export function surroundings(now = start): Surroundings {
  let count = 0;
  return { now, token: () => `t${++count}` };
}

export function publication(more: Partial<Publication> & { body?: string; sequence?: number } = {}): Publication {
  const { body = '<a/>', sequence = 1, ...rest } = more;
  const etag = more.etag ?? 'e1';
  return {
    ruid: etag,
    etag,
    expires: startSeconds + 3600,
    receivedTime: startSeconds,
    sender: '',
    document: { etag, body: Buffer.from(body), changedAt: startSeconds, sequence },
    ...rest,
  };
}

export function subscription(more: Partial<Subscription> = {}): Subscription {
  const callId = more.callId ?? 'call-1';
  const toTag = more.toTag ?? 'ours';
  const fromTag = more.fromTag ?? 'theirs';
  return {
    id: dialogId(callId, toTag, fromTag),
    callId,
    toTag,
    fromTag,
    winfo: false,
    eventId: undefined,
    localUri: 'sip:alice@example.com',
    remoteUri: 'sip:bob@example.com',
    displayName: '',
    watcher: 'sip:bob@example.com',
    watcherId: 'w1',
    contact: 'sip:bob@127.0.0.1:5070',
    routes: '',
    flowRoute: '',
    localContact: '<sip:127.0.0.1:5060>',
    socket: 'udp:127.0.0.1:5060',
    source: 'udp:127.0.0.1:5060>127.0.0.1:5070',
    contentType: more.winfo ? 'application/watcherinfo+xml' : 'application/pidf+xml',
    userAgent: '',
    subscribedAt: startSeconds,
    expires: startSeconds + 600,
    status: 'active',
    view: 'everything',
    reason: '',
    remoteCseq: 1,
    localCseq: 1,
    fanoutsAt: 0,
    version: 1,
    ...more,
  };
}

export function watcher(more: Partial<AuthorisedWatcher> = {}): AuthorisedWatcher {
  return {
    watcher: 'sip:bob@example.com',
    status: 'pending',
    reason: '',
    insertedTime: startSeconds,
    expires: Number.POSITIVE_INFINITY,
    watcherId: 'w1',
    displayName: '',
    ...more,
  };
}

export const granted: Permission = {
  status: 'active',
  view: 'everything',
  transformation: undefined,
  byRules: false,
  ends: 'rejected',
};
/** Allowed, and shown nothing: by a polite block, or by rules that grant nothing. */
export const politelyBlocked: Permission = { ...granted, view: 'closed', byRules: true };
export const pending: Permission = { ...politelyBlocked, status: 'pending', ends: 'deactivated' };
export const rejected: Permission = { ...politelyBlocked, status: 'rejected' };

/** A resource that holds these records. */
export function resource(records: { publications?: Publication[]; subscriptions?: Subscription[] } = {}): Resource {
  const made = emptyResource(key);
  for (const each of records.publications ?? []) made.publications.set(each.etag, each);
  for (const each of records.subscriptions ?? []) addSubscription(made, each);
  return made;
}

export function publish(more: Partial<PublishRequest> = {}): PublishRequest {
  return {
    key,
    ifMatch: undefined,
    expires: 3600,
    body: Buffer.from('<a/>'),
    asIs: undefined,
    fault: undefined,
    sender: '',
    localContact: '<sip:127.0.0.1:5060>',
    ...more,
  };
}

export function subscribe(more: Partial<SubscribeRequest> = {}): SubscribeRequest {
  return {
    key,
    inDialog: false,
    callId: 'call-1',
    fromTag: 'theirs',
    toTag: 'ours',
    cseq: 1,
    winfo: false,
    eventId: undefined,
    expires: 600,
    fault: undefined,
    contact: 'sip:bob@127.0.0.1:5070',
    routes: '',
    flowRoute: '',
    recordRoutes: '',
    socket: 'udp:127.0.0.1:5060',
    source: 'udp:127.0.0.1:5060>127.0.0.1:5070',
    localUri: 'sip:alice@example.com',
    remoteUri: 'sip:bob@example.com',
    displayName: '',
    watcher: 'sip:bob@example.com',
    userAgent: '',
    contentType: undefined,
    defaultType: more.winfo ? 'application/watcherinfo+xml' : 'application/pidf+xml',
    localContact: '<sip:127.0.0.1:5060>',
    successStatus: 202,
    ...more,
  };
}

/** Applies a decision to the resource it was made on. */
export function apply(of: Resource, decision: Decision): Decision {
  applyChanges(of, decision.changes);
  return decision;
}
