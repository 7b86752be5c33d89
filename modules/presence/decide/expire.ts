// Owns the decision about records whose time has come: a publication as if removed, a subscription as if ended.
import { type Decision, isWatched, type Notice, nothing, type ResourceChange, type Surroundings } from '../changes';
import type { Resource, Subscription } from '../resource';
import { ended, withOwnEvent } from './subscribe';

/** Ends all records of a resource that are due, with one fan-out for all of them. */
export function decideExpiry(resource: Resource, around: Surroundings): Decision {
  const now = around.now / 1000;
  const changes: ResourceChange[] = [];
  const notices: Notice[] = [];
  for (const publication of resource.publications.values()) {
    if (publication.expires <= now) changes.push({ kind: 'unpublish', publication });
  }
  if (changes.length > 0 && isWatched(resource)) {
    changes.push({ kind: 'fan-out', winfo: false });
    notices.push({ to: 'watchers', except: '' });
  }
  const over: Subscription[] = [];
  for (const subscription of resource.subscriptions.values()) {
    if (subscription.expires <= now) over.push(withOwnEvent(resource, subscription, {}));
  }
  for (const subscription of over) {
    changes.push({ kind: 'unsubscribe', subscription });
    notices.push({ to: 'dialog', subscription, ends: 'timeout' });
  }
  ended(resource, over, changes, notices, around);
  return changes.length === 0 ? nothing : { changes, notices };
}
