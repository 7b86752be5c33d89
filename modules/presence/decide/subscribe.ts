// Owns the decision about a SUBSCRIBE (RFC 6665 §4.2.1): new, refresh, end or fetch.
import {
  type Answer,
  type Decision,
  endOf,
  type Notice,
  nothing,
  type ResourceChange,
  refuse,
  type Surroundings,
} from '../changes';
import type { SubscribeRequest } from '../request/subscribe';
import {
  counterOf,
  cseqCeiling,
  dialogId,
  type Resource,
  type Subscription,
  type SubscriptionStatus,
  subscriptionCount,
} from '../resource';
import { endedEntry, tellWatcherinfo, watcherEntry } from './watcherinfo';

export interface SubscribeSettings {
  readonly maxSubscriptions: number;
  /** What the presentity allows this watcher. */
  readonly authorise: (resource: Resource, watcher: string, winfo: boolean) => SubscriptionStatus;
}

/** Decides a SUBSCRIBE whose structure has been read. */
export function decideSubscribe(
  resource: Resource,
  request: SubscribeRequest,
  settings: SubscribeSettings,
  around: Surroundings,
): Decision {
  if (request.inDialog) return decideInDialog(resource, request, around);
  if (request.fault) return refuse(request.fault.status, request.fault.reason, request.fault.headers);
  const subscription = newSubscription(resource, request, settings, around);
  const answer = accepted(request, request.expires);
  // RFC 6665 §4.4.3: a fetch gets the state once and leaves nothing behind.
  if (request.expires === 0) {
    return { changes: [], notices: [{ to: 'dialog', subscription, ends: 'timeout' }], answer };
  }
  // A phone that forgets its dialogs must not fill the tables.
  if (subscriptionCount(resource, request.watcher, request.winfo) >= settings.maxSubscriptions) {
    return refuse(403, 'Too Many Subscriptions');
  }
  const changes: ResourceChange[] = [{ kind: 'subscribe', subscription, replaces: undefined }];
  const notices: Notice[] = [{ to: 'dialog', subscription }];
  if (!request.winfo) {
    if (subscription.status === 'pending') changes.push(pendingRecord(subscription, around));
    tellWatcherinfo(resource, 'partial', [watcherEntry(subscription, around.now)], changes, notices);
  }
  return { changes, notices, answer };
}

/** Ends one subscription with a last NOTIFY, because it expired or `reason` says why. */
export function endSubscription(
  resource: Resource,
  subscription: Subscription,
  reason: string,
  around: Surroundings,
): Decision {
  const last = withOwnEvent(resource, subscription, {});
  const changes: ResourceChange[] = [{ kind: 'unsubscribe', subscription: last }];
  const notices: Notice[] = [{ to: 'dialog', subscription: last, ends: reason }];
  ended(resource, [subscription], changes, notices, around);
  return { changes, notices };
}

/** Drops one subscription whose watcher could not be notified (RFC 6665 §4.2.2): nothing more is sent to it. */
export function dropSubscription(resource: Resource, id: string, around: Surroundings): Decision {
  const subscription = resource.subscriptions.get(id);
  if (!subscription) return nothing;
  const changes: ResourceChange[] = [{ kind: 'unsubscribe', subscription }];
  const notices: Notice[] = [];
  ended(resource, [subscription], changes, notices, around);
  return { changes, notices };
}

/** Sends one more NOTIFY in a dialog, for instance after one that failed for a while; its CSeq needs a place. */
export function notifyAgain(resource: Resource, id: string): Decision {
  const previous = resource.subscriptions.get(id);
  if (!previous) return nothing;
  const subscription = withOwnEvent(resource, previous, {});
  return {
    changes: [{ kind: 'subscribe', subscription, replaces: previous }],
    notices: [{ to: 'dialog', subscription }],
  };
}

/** The subscription with something changed and one more NOTIFY provided for. */
export function withOwnEvent(
  resource: Resource,
  subscription: Subscription,
  changed: Partial<Subscription>,
): Subscription {
  const localCseq = cseqCeiling(resource, subscription) + 1;
  return {
    ...subscription,
    ...changed,
    localCseq,
    fanoutsAt: counterOf(resource, subscription.winfo),
    version: subscription.version + localCseq - subscription.localCseq,
  };
}

function decideInDialog(resource: Resource, request: SubscribeRequest, around: Surroundings): Decision {
  const id = dialogId(request.callId, request.toTag, request.fromTag);
  const previous = resource.subscriptions.get(id);
  if (!previous || previous.winfo !== request.winfo || previous.eventId !== request.eventId) {
    return refuse(481, 'Subscription Does Not Exist');
  }
  // RFC 3261 §12.2.2: a number that is not higher is out of order.
  if (request.cseq <= previous.remoteCseq) return refuse(500, 'CSeq Out Of Order');
  if (request.fault) return refuse(request.fault.status, request.fault.reason, request.fault.headers);
  const answer = accepted(request, request.expires);
  if (request.expires === 0) return { ...endSubscription(resource, previous, 'timeout', around), answer };
  const subscription = withOwnEvent(resource, previous, {
    contact: request.contact,
    source: request.source,
    socket: request.socket,
    contentType: request.contentType ?? previous.contentType,
    remoteCseq: request.cseq,
    expires: endOf(around.now, request.expires),
  });
  return {
    changes: [{ kind: 'subscribe', subscription, replaces: previous }],
    notices: [{ to: 'dialog', subscription }],
    answer,
  };
}

function newSubscription(
  resource: Resource,
  request: SubscribeRequest,
  settings: SubscribeSettings,
  around: Surroundings,
): Subscription {
  return {
    id: dialogId(request.callId, request.toTag, request.fromTag),
    callId: request.callId,
    toTag: request.toTag,
    fromTag: request.fromTag,
    winfo: request.winfo,
    eventId: request.eventId,
    localUri: request.localUri,
    remoteUri: request.remoteUri,
    displayName: request.displayName,
    watcher: request.watcher,
    watcherId: around.token(),
    contact: request.contact,
    routes: request.routes,
    localContact: request.localContact,
    socket: request.socket,
    source: request.source,
    contentType: request.contentType ?? request.defaultType,
    userAgent: request.userAgent,
    subscribedAt: Math.floor(around.now / 1000),
    expires: endOf(around.now, request.expires),
    status: settings.authorise(resource, request.watcher, request.winfo),
    reason: '',
    remoteCseq: request.cseq,
    localCseq: 1,
    fanoutsAt: counterOf(resource, request.winfo),
    version: 0,
  };
}

function pendingRecord(subscription: Subscription, around: Surroundings): ResourceChange {
  const insertedTime = Math.floor(around.now / 1000);
  return {
    kind: 'authorise',
    watcher: { watcher: subscription.watcher, status: 'pending', reason: '', insertedTime },
  };
}

/** What the end of subscriptions to the presentity means for its watcherinfo and for what is known of the watchers. */
export function ended(
  resource: Resource,
  subscriptions: readonly Subscription[],
  changes: ResourceChange[],
  notices: Notice[],
  around: Surroundings,
): void {
  const watched = subscriptions.filter((subscription) => !subscription.winfo);
  if (watched.length === 0) return;
  const endedIds = new Set(watched.map((subscription) => subscription.id));
  for (const subscription of watched) {
    const record = resource.watchers.get(subscription.watcher);
    if (!record || stillWatching(resource, subscription.watcher, endedIds)) continue;
    changes.push({ kind: 'forget', watcher: record });
  }
  const entries = watched.map((subscription) => endedEntry(subscription, 'timeout', around.now));
  tellWatcherinfo(resource, 'full', entries, changes, notices);
}

function stillWatching(resource: Resource, watcher: string, except: ReadonlySet<string>): boolean {
  for (const other of resource.subscriptions.values()) {
    if (!other.winfo && other.watcher === watcher && !except.has(other.id)) return true;
  }
  return false;
}

function accepted(request: SubscribeRequest, expires: number): Answer {
  const headers = `Expires: ${expires}\r\nContact: ${request.localContact}\r\n${request.recordRoutes}`;
  return {
    status: request.successStatus,
    reason: request.successStatus === 202 ? 'Accepted' : 'OK',
    headers,
    toTag: request.toTag,
  };
}
