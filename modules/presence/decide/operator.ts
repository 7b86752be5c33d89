// Owns what an operator may do to a resource by hand: take a publication out, end a subscription.
import { type Decision, isWatched, type Notice, nothing, type ResourceChange, type Surroundings } from '../changes';
import type { Resource, Subscription } from '../resource';
import { withOwnEvent } from './subscribe';
import { ended } from './watchers';

/** Takes a publication out, as if its time had come. Nothing when there is none of this entity-tag. */
export function removePublication(resource: Resource, etag: string): Decision {
  const publication = resource.publications.get(etag);
  if (!publication) return nothing;
  const change: ResourceChange = { kind: 'unpublish', publication };
  if (!isWatched(resource)) return { changes: [change], notices: [] };
  return { changes: [change, { kind: 'fan-out', winfo: false }], notices: [{ to: 'watchers', except: '' }] };
}

/**
 * Ends a subscription with a last NOTIFY `terminated;reason=deactivated`: the watcher may subscribe again at once (RFC 6665
 * §4.1.3). `waitingTime` in seconds.
 */
export function endSubscription(
  resource: Resource,
  { id }: Subscription,
  waitingTime: number,
  around: Surroundings,
): Decision {
  const live = resource.subscriptions.get(id);
  if (!live) return nothing;
  const subscription = withOwnEvent(resource, live, {});
  const changes: ResourceChange[] = [{ kind: 'unsubscribe', subscription }];
  const notices: Notice[] = [{ to: 'dialog', subscription, ends: 'deactivated' }];
  ended(resource, [subscription], 'deactivated', waitingTime, changes, notices, around);
  return { changes, notices };
}
