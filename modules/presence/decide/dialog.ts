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

/**
 * Ends subscriptions, each with a last NOTIFY `terminated;reason=` and the ending (RFC 6665 §4.1.3). `waitingTime` in seconds.
 */
export function endSubscriptions(
  resource: Resource,
  subscriptions: readonly Subscription[],
  ending: Ending,
  waitingTime: number,
  around: Surroundings,
): Decision {
  const last = subscriptions.map((subscription) => withOwnEvent(resource, subscription, {}));
  const changes: ResourceChange[] = last.map((subscription) => ({ kind: 'unsubscribe', subscription }));
  const notices: Notice[] = last.map((subscription) => ({ to: 'dialog', subscription, ends: ending }));
  ended(resource, last, eventOf(ending), waitingTime, changes, notices, around);
  return { changes, notices };
}
