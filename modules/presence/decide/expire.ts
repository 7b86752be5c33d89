// Owns the decision about records whose time has come: a publication as if removed, a subscription as if ended, a waiting as given up.
import { type Decision, isWatched, type Notice, nothing, type ResourceChange, type Surroundings } from '../changes';
import type { AuthorisedWatcher, Resource, Subscription } from '../resource';
import { withOwnEvent } from './dialog';
import { tellWatcherinfo, waitingEntry } from './watcherinfo';
import { ended } from './watchers';

/** Ends all records of a resource that are due, with one fan-out for all of them. `waitingTime` in seconds. */
export function decideExpiry(resource: Resource, waitingTime: number, around: Surroundings): Decision {
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
  const given: AuthorisedWatcher[] = [];
  for (const subscription of resource.subscriptions.values()) {
    if (subscription.expires <= now) over.push(withOwnEvent(resource, subscription));
  }
  for (const subscription of over) {
    changes.push({ kind: 'unsubscribe', subscription });
    notices.push({ to: 'dialog', subscription, ends: 'timeout' });
  }
  for (const watcher of resource.watchers.values()) {
    if (watcher.expires <= now) given.push(watcher);
  }
  for (const watcher of given) changes.push({ kind: 'forget', watcher });
  if (over.length > 0) ended(resource, over, 'timeout', waitingTime, changes, notices, around);
  if (given.length > 0) {
    const entries = () => given.map((watcher) => waitingEntry(watcher, 'terminated', 'giveup'));
    tellWatcherinfo(resource, 'partial', entries, changes, notices);
  }
  return changes.length === 0 ? nothing : { changes, notices };
}
