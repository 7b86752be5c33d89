// Owns the decision about a SUBSCRIBE (RFC 6665 §4.2.1): new, refresh, end or fetch.
import type { WatcherEntry } from '../api';
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
  documentCeiling,
  isSameTarget,
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
  if (request.inDialog) return decideInDialog(resource, request, settings, around);
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

/**
 * Drops one subscription whose watcher could not be notified (RFC 6665 §4.2.2): nothing more is sent to it. `failed` is the
 * dialog as it was then; a watcher that has moved since, and said so with a refresh, keeps its subscription.
 */
export function dropSubscription(resource: Resource, failed: Subscription, around: Surroundings): Decision {
  const subscription = resource.subscriptions.get(failed.id);
  if (!subscription || !isSameTarget(subscription, failed)) return nothing;
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
  const after = { ...subscription, ...changed };
  return {
    ...after,
    localCseq: cseqCeiling(resource, subscription) + 1,
    fanoutsAt: counterOf(resource, subscription.winfo),
    version: documentCeiling(resource, subscription) + (after.status === 'active' ? 1 : 0),
  };
}

function decideInDialog(
  resource: Resource,
  request: SubscribeRequest,
  settings: SubscribeSettings,
  around: Surroundings,
): Decision {
  const id = dialogId(request.callId, request.toTag, request.fromTag);
  const previous = resource.subscriptions.get(id);
  if (!previous || previous.winfo !== request.winfo || previous.eventId !== request.eventId) {
    return refuse(481, 'Subscription Does Not Exist');
  }
  // RFC 3261 §12.2.2: a number that is not higher is out of order.
  if (request.cseq <= previous.remoteCseq) return refuse(500, 'CSeq Out Of Order');
  if (request.fault) return refuse(request.fault.status, request.fault.reason, request.fault.headers);
  const answer = accepted(request, request.expires);
  // A SUBSCRIBE refreshes the remote target (RFC 3261 §12.2.2), the one that ends the dialog too.
  const target = {
    contact: request.contact,
    source: request.source,
    socket: request.socket,
    remoteCseq: request.cseq,
  };
  const changes: ResourceChange[] = [];
  const notices: Notice[] = [];
  if (request.expires === 0) {
    const last = withOwnEvent(resource, previous, target);
    changes.push({ kind: 'unsubscribe', subscription: last });
    notices.push({ to: 'dialog', subscription: last, ends: 'timeout' });
    ended(resource, [last], changes, notices, around);
  } else {
    const contentType = request.contentType ?? previous.contentType;
    const changed = { ...target, contentType, expires: endOf(around.now, request.expires) };
    const status = settings.authorise(resource, previous.watcher, previous.winfo);
    const entry = restate(resource, previous, status, changed, changes, notices, around);
    if (entry) tellWatcherinfo(resource, 'partial', [entry], changes, notices);
  }
  return { changes, notices, answer };
}

/**
 * Stores a running subscription anew, in the status that it has now, and tells its watcher.
 * @returns what the watcherinfo subscribers are to be told: its new status, when it has one
 */
export function restate(
  resource: Resource,
  previous: Subscription,
  status: SubscriptionStatus,
  changed: Partial<Subscription>,
  changes: ResourceChange[],
  notices: Notice[],
  around: Surroundings,
): WatcherEntry | undefined {
  const isNews = status !== previous.status;
  const reason = isNews ? (status === 'active' ? 'approved' : '') : previous.reason;
  const subscription = withOwnEvent(resource, previous, { ...changed, status, reason });
  changes.push({ kind: 'subscribe', subscription, replaces: previous });
  notices.push({ to: 'dialog', subscription });
  if (!isNews || previous.winfo) return undefined;
  const record = resource.watchers.get(previous.watcher);
  if (record) changes.push({ kind: 'authorise', watcher: { ...record, status } });
  else if (status === 'pending') changes.push(pendingRecord(subscription, around));
  return watcherEntry(subscription, around.now);
}

function newSubscription(
  resource: Resource,
  request: SubscribeRequest,
  settings: SubscribeSettings,
  around: Surroundings,
): Subscription {
  const id = dialogId(request.callId, request.toTag, request.fromTag);
  const status = settings.authorise(resource, request.watcher, request.winfo);
  // A script that gives every dialog one To tag lets a watcher begin the same dialog twice: its CSeqs go on.
  const former = resource.subscriptions.get(id);
  return {
    id,
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
    status,
    reason: '',
    remoteCseq: request.cseq,
    localCseq: former ? cseqCeiling(resource, former) + 1 : 1,
    fanoutsAt: counterOf(resource, request.winfo),
    version: (former ? documentCeiling(resource, former) : 0) + (status === 'active' ? 1 : 0),
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
  const ending = new Map<string, number>();
  for (const { watcher } of watched) ending.set(watcher, (ending.get(watcher) ?? 0) + 1);
  for (const [watcher, number] of ending) {
    const record = resource.watchers.get(watcher);
    if (record && subscriptionCount(resource, watcher, false) === number)
      changes.push({ kind: 'forget', watcher: record });
  }
  const entries = watched.map((subscription) => endedEntry(subscription, 'timeout', around.now));
  tellWatcherinfo(resource, 'full', entries, changes, notices);
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
