// Owns what happens to running subscriptions when permissions or state are to be looked at again.
import type { Decide, Notice, ResourceChange } from '../changes';
import { isWatched } from '../changes';
import type { Resource, SubscriptionStatus } from '../resource';
import { restate, withOwnEvent } from './subscribe';
import { tellWatcherinfo } from './watcherinfo';

/** What a presentity allows a watcher. */
export type Authorise = (resource: Resource, watcher: string, winfo: boolean) => SubscriptionStatus;

/** Applies permissions anew: a subscription whose status changes is told so, and so are the watcherinfo subscribers. */
export function reauthorise(authorise: Authorise): Decide {
  return (resource, around) => {
    const changes: ResourceChange[] = [];
    const notices: Notice[] = [];
    const told = [];
    for (const previous of resource.subscriptions.values()) {
      const status = authorise(resource, previous.watcher, previous.winfo);
      if (status === previous.status) continue;
      const entry = restate(resource, previous, status, {}, changes, notices, around);
      if (entry) told.push(entry);
    }
    if (told.length > 0) tellWatcherinfo(resource, 'partial', told, changes, notices);
    return { changes, notices };
  };
}

/** Sends every dialog of the resource its state once more, those that wait for permission too. */
export const tellEverybody: Decide = (resource) => {
  const changes: ResourceChange[] = [];
  const notices: Notice[] = [];
  for (const previous of resource.subscriptions.values()) {
    if (previous.status === 'active') continue;
    const subscription = withOwnEvent(resource, previous, {});
    changes.push({ kind: 'subscribe', subscription, replaces: previous });
    notices.push({ to: 'dialog', subscription });
  }
  if (isWatched(resource)) {
    changes.push({ kind: 'fan-out', winfo: false });
    notices.push({ to: 'watchers', except: '' });
  }
  tellWatcherinfo(resource, 'full', [], changes, notices);
  return { changes, notices };
};
