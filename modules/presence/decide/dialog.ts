// Owns what befalls a dialog without a SUBSCRIBE of its watcher: one more NOTIFY, its end, its loss.
import { type Decision, type Notice, nothing, type ResourceChange, type Surroundings } from '../changes';
import { type Ending, eventOf } from '../ending';
import { counterOf, cseqCeiling, documentCeiling, isSameTarget, type Resource, type Subscription } from '../resource';
import { ended } from './watchers';

/**
 * Drops one subscription whose watcher could not be notified (RFC 6665 §4.2.2): nothing more is sent to it. `failed` is the
 * dialog as it was then; a watcher that has moved since, and said so with a refresh, keeps its subscription.
 */
export function dropSubscription(
  resource: Resource,
  failed: Subscription,
  waitingTime: number,
  around: Surroundings,
): Decision {
  const subscription = resource.subscriptions.get(failed.id);
  if (!subscription || !isSameTarget(subscription, failed)) return nothing;
  const changes: ResourceChange[] = [{ kind: 'unsubscribe', subscription }];
  const notices: Notice[] = [];
  ended(resource, [subscription], 'timeout', waitingTime, changes, notices, around);
  return { changes, notices };
}

/** Sends one more NOTIFY in a dialog, for instance after one that failed for a while; its CSeq needs a place. */
export function notifyAgain(resource: Resource, id: string): Decision {
  const previous = resource.subscriptions.get(id);
  if (!previous) return nothing;
  const subscription = withOwnEvent(resource, previous);
  return {
    changes: [{ kind: 'subscribe', subscription, replaces: previous }],
    notices: [{ to: 'dialog', subscription }],
  };
}

/** What a SUBSCRIBE in a dialog may change. */
export type Refreshed = Pick<
  Subscription,
  'contact' | 'flowRoute' | 'socket' | 'source' | 'contentType' | 'expires' | 'remoteCseq'
>;

/** What a permission may change. */
export type Standing = Pick<Subscription, 'status' | 'reason' | 'view'>;

/** The subscription with something changed and one more NOTIFY provided for. */
export function withOwnEvent(
  resource: Resource,
  subscription: Subscription,
  refreshed: Refreshed = subscription,
  { status, reason, view }: Standing = subscription,
): Subscription {
  // Each field by its name, in the order they have everywhere: to spread so many takes a µs, and makes an object of another kind.
  return {
    id: subscription.id,
    callId: subscription.callId,
    toTag: subscription.toTag,
    fromTag: subscription.fromTag,
    winfo: subscription.winfo,
    eventId: subscription.eventId,
    localUri: subscription.localUri,
    remoteUri: subscription.remoteUri,
    displayName: subscription.displayName,
    watcher: subscription.watcher,
    watcherId: subscription.watcherId,
    contact: refreshed.contact,
    routes: subscription.routes,
    flowRoute: refreshed.flowRoute,
    localContact: subscription.localContact,
    socket: refreshed.socket,
    source: refreshed.source,
    contentType: refreshed.contentType,
    userAgent: subscription.userAgent,
    subscribedAt: subscription.subscribedAt,
    expires: refreshed.expires,
    status,
    reason,
    view,
    remoteCseq: refreshed.remoteCseq,
    localCseq: cseqCeiling(resource, subscription) + 1,
    fanoutsAt: counterOf(resource, subscription.winfo),
    version: documentCeiling(resource, subscription) + (status === 'active' ? 1 : 0),
  };
}

/**
 * Ends subscriptions, each with a last NOTIFY `terminated;reason=` and the ending (RFC 6665 §4.1.3). `waitingTime` in seconds;
 * `refreshed`: by the request that ends them.
 */
export function endSubscriptions(
  resource: Resource,
  subscriptions: readonly Subscription[],
  ending: Ending,
  waitingTime: number,
  around: Surroundings,
  refreshed?: Refreshed,
): Decision {
  const last = subscriptions.map((subscription) => withOwnEvent(resource, subscription, refreshed));
  const changes: ResourceChange[] = last.map((subscription) => ({ kind: 'unsubscribe', subscription }));
  const notices: Notice[] = last.map((subscription) => ({ to: 'dialog', subscription, ends: ending }));
  ended(resource, last, eventOf(ending), waitingTime, changes, notices, around);
  return { changes, notices };
}
