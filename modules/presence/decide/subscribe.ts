// Owns the decision about a SUBSCRIBE (RFC 6665 §4.2.1): new, refresh, end or fetch.
import { detach, sameAs, share } from '../../../core/api';
import type { WatcherEntry } from '../api';
import {
  type Answer,
  type Decision,
  endOf,
  type Notice,
  type ResourceChange,
  refuse,
  type Surroundings,
} from '../changes';
import { type Ending, eventOf } from '../ending';
import type { Permission } from '../permission';
import type { SubscribeRequest } from '../request/subscribe';
import { counterOf, cseqCeiling, dialogId, documentCeiling, type Resource, type Subscription } from '../resource';
import { subscriptionCount } from '../subscribers';
import { endSubscriptions, type Refreshed, withOwnEvent } from './dialog';
import { endedEntry, tellWatcherinfo, watcherEntry } from './watcherinfo';
import { fetched, record, waitingRecord } from './watchers';

/** What the presentity allows a watcher at this moment. */
export type Authorise = (resource: Resource, watcher: string, winfo: boolean) => Permission;

export interface SubscribeSettings {
  readonly maxSubscriptions: number;
  /** Seconds for which a watcher may be pending, and may wait after that; 0: nobody waits, and who is pending stays so. */
  readonly waitingTime: number;
  readonly authorise: Authorise;
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
  const permission = settings.authorise(resource, request.watcher, request.winfo);
  if (request.winfo && permission.status === 'rejected') return refuse(403, 'Forbidden');
  const subscription = newSubscription(resource, request, permission, around);
  const answer = accepted(request, request.expires);
  // RFC 5025 §3.2.1: who is blocked is told so once, and the presentity that somebody tried.
  if (permission.status === 'rejected') {
    const changes: ResourceChange[] = [];
    const notices: Notice[] = [{ to: 'dialog', subscription, ends: 'rejected' }];
    const known = resource.watchers.get(request.watcher);
    if (known) changes.push({ kind: 'forget', watcher: known });
    if (request.expires > 0) {
      tellWatcherinfo(resource, 'partial', () => [endedEntry(subscription, 'rejected', around.now)], changes, notices);
    }
    return { changes, notices, answer };
  }
  // RFC 6665 §4.4.3: a fetch gets the state once and leaves no subscription behind.
  if (request.expires === 0) {
    const changes: ResourceChange[] = [];
    const notices: Notice[] = [{ to: 'dialog', subscription, ends: 'timeout' }];
    if (permission.status === 'pending')
      fetched(resource, subscription, settings.waitingTime, changes, notices, around);
    return { changes, notices, answer };
  }
  // A phone that forgets its dialogs must not fill the tables.
  if (subscriptionCount(resource, request.watcher, request.winfo) >= settings.maxSubscriptions) {
    return refuse(403, 'Too Many Subscriptions');
  }
  const changes: ResourceChange[] = [{ kind: 'subscribe', subscription, replaces: undefined }];
  const notices: Notice[] = [{ to: 'dialog', subscription }];
  if (!request.winfo) {
    record(resource, subscription, permission, changes, around);
    tellWatcherinfo(resource, 'partial', () => [watcherEntry(subscription, around.now)], changes, notices);
  }
  return { changes, notices, answer };
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
  const permission = settings.authorise(resource, previous.watcher, previous.winfo);
  const ending = endingOf(request, previous, permission, settings.waitingTime, around);
  // A SUBSCRIBE refreshes the remote target (RFC 3261 §12.2.2), the one that ends the dialog too.
  const refreshed: Refreshed = {
    contact: kept(previous.contact, request.contact),
    source: sameAs(previous.source, request.source),
    flowRoute: request.flowRoute,
    socket: request.socket,
    remoteCseq: request.cseq,
    contentType: request.contentType ?? previous.contentType,
    expires: ending ? previous.expires : endOf(around.now, request.expires),
  };
  if (ending) {
    const { waitingTime } = settings;
    const { changes, notices } = endSubscriptions(resource, [previous], ending, waitingTime, around, refreshed);
    return { changes, notices, answer };
  }
  const changes: ResourceChange[] = [];
  const notices: Notice[] = [];
  const entry = restate(resource, previous, permission, refreshed, changes, notices, around);
  if (entry) tellWatcherinfo(resource, 'partial', () => [entry], changes, notices);
  return { changes, notices, answer };
}

/** Whether a SUBSCRIBE in a dialog is its end: because it says so, or because the watcher was pending for too long. */
function endingOf(
  { expires }: SubscribeRequest,
  { status, subscribedAt }: Subscription,
  permission: Permission,
  waitingTime: number,
  around: Surroundings,
): Ending | undefined {
  if (expires === 0) return 'timeout';
  if (status !== 'pending' || permission.status !== 'pending' || waitingTime === 0) return undefined;
  // RFC 3857 §4.7.1. A subscription has to be refreshed to live that long, so the refresh is the time to look.
  return around.now / 1000 - subscribedAt >= waitingTime ? 'giveup' : undefined;
}

/**
 * Stores a running subscription anew under the permission that it has now, and tells its watcher. One that is not allowed
 * any more ends, also when it would have to be pending: RFC 3857 §4.7.1 knows no way back there.
 * @returns what the watcherinfo subscribers are to be told: its new status, when it has one
 */
export function restate(
  resource: Resource,
  previous: Subscription,
  permission: Permission,
  refreshed: Refreshed,
  changes: ResourceChange[],
  notices: Notice[],
  around: Surroundings,
): WatcherEntry | undefined {
  const { status, view } = permission;
  if (status === 'rejected' || (status === 'pending' && previous.status === 'active')) {
    const reason = previous.status === 'active' ? permission.ends : 'rejected';
    const last = withOwnEvent(resource, previous, refreshed);
    changes.push({ kind: 'unsubscribe', subscription: last });
    notices.push({ to: 'dialog', subscription: last, ends: reason });
    if (previous.winfo) return undefined;
    const known = resource.watchers.get(previous.watcher);
    if (known) changes.push({ kind: 'forget', watcher: known });
    return endedEntry(last, eventOf(reason), around.now);
  }
  const isNews = status !== previous.status;
  const reason = isNews ? 'approved' : previous.reason;
  const subscription = withOwnEvent(resource, previous, refreshed, { status, view, reason });
  changes.push({ kind: 'subscribe', subscription, replaces: previous });
  notices.push({ to: 'dialog', subscription });
  if (!isNews || previous.winfo) return undefined;
  record(resource, subscription, permission, changes, around);
  return watcherEntry(subscription, around.now);
}

function newSubscription(
  resource: Resource,
  request: SubscribeRequest,
  permission: Permission,
  around: Surroundings,
): Subscription {
  // Put together it would be a tree of its parts until somebody compares it.
  const id = detach(dialogId(request.callId, request.toTag, request.fromTag));
  const status = permission.status === 'active' ? 'active' : 'pending';
  // A script that gives every dialog one To tag lets a watcher begin the same dialog twice: its CSeqs go on.
  const former = resource.subscriptions.get(id);
  const watcher = detach(request.watcher);
  return {
    id,
    callId: detach(request.callId),
    toTag: detach(request.toTag),
    fromTag: detach(request.fromTag),
    winfo: request.winfo,
    eventId: request.eventId === undefined ? undefined : detach(request.eventId),
    localUri: kept(resource.key.uri, request.localUri),
    remoteUri: kept(watcher, request.remoteUri),
    displayName: request.displayName,
    watcher,
    // Who waited for permission and asks again is the same watcher to the presentity.
    watcherId: waitingRecord(resource, request)?.watcherId ?? around.token(),
    contact: detach(request.contact),
    routes: detach(request.routes),
    flowRoute: request.flowRoute,
    localContact: request.localContact,
    socket: request.socket,
    source: request.source,
    contentType: request.contentType ?? request.defaultType,
    userAgent: share(detach(request.userAgent)),
    subscribedAt: Math.floor(around.now / 1000),
    expires: endOf(around.now, request.expires),
    status,
    reason: '',
    view: permission.view,
    remoteCseq: request.cseq,
    localCseq: former ? cseqCeiling(resource, former) + 1 : 1,
    fanoutsAt: counterOf(resource, request.winfo),
    version: (former ? documentCeiling(resource, former) : 0) + (status === 'active' ? 1 : 0),
  };
}

/** A text that is stored: the one that is known already, or a copy that does not keep its message alive. */
function kept(known: string, text: string): string {
  return text === known ? known : detach(text);
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
