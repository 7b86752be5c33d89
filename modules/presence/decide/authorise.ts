// Owns what happens to running subscriptions and waiting watchers when permissions or state are to be looked at again.
import type { WatcherEntry } from '../api';
import type { Decide, Notice, ResourceChange } from '../changes';
import { isWatched } from '../changes';
import { followsState, type Resource } from '../resource';
import { withOwnEvent } from './dialog';
import { type Authorise, restate } from './subscribe';
import { tellWatcherinfo, waitingEntry } from './watcherinfo';

/**
 * Applies permissions anew. A watcher whose status or view changes is notified of it, a watcher that waited is told by
 * nobody but the presentity learns that it is dealt with, and watcherinfo subscribers are told of both.
 */
export function reauthorise(authorise: Authorise): Decide {
  return (resource, around) => {
    const changes: ResourceChange[] = [];
    const notices: Notice[] = [];
    const told: WatcherEntry[] = [];
    for (const previous of resource.subscriptions.values()) {
      const permission = authorise(resource, previous.watcher, previous.winfo);
      if (permission.status === previous.status && permission.view === previous.view) continue;
      const entry = restate(resource, previous, permission, previous, changes, notices, around);
      if (entry) told.push(entry);
    }
    told.push(...settleWaiting(resource, authorise, changes));
    if (told.length > 0) tellWatcherinfo(resource, 'partial', () => told, changes, notices);
    return { changes, notices };
  };
}

/** RFC 3857 §4.7.1: a decision ends the waiting. Who was let in subscribes again by itself. */
function settleWaiting(resource: Resource, authorise: Authorise, changes: ResourceChange[]): WatcherEntry[] {
  const told: WatcherEntry[] = [];
  for (const watcher of resource.watchers.values()) {
    if (watcher.status !== 'waiting') continue;
    const { status } = authorise(resource, watcher.watcher, false);
    if (status === 'pending') continue;
    changes.push({ kind: 'forget', watcher });
    told.push(waitingEntry(watcher, 'terminated', status === 'active' ? 'approved' : 'rejected'));
  }
  return told;
}

/** Sends every dialog of the resource its state once more, those that may not know of it too: they get what they had. */
export const tellEverybody: Decide = (resource, around) => {
  const changes: ResourceChange[] = [];
  const notices: Notice[] = [];
  for (const previous of resource.subscriptions.values()) {
    if (followsState(previous)) continue;
    const subscription = withOwnEvent(resource, previous);
    changes.push({ kind: 'subscribe', subscription, replaces: previous });
    notices.push({ to: 'dialog', subscription });
  }
  const others = tellState(resource, around);
  return { changes: [...changes, ...others.changes], notices: [...notices, ...others.notices] };
};

/** Sends the state once more to all who may know of it, and to the watcherinfo subscribers. */
export const tellState: Decide = (resource) => {
  const changes: ResourceChange[] = [];
  const notices: Notice[] = [];
  if (isWatched(resource)) {
    changes.push({ kind: 'fan-out', winfo: false });
    notices.push({ to: 'watchers', except: '', anew: true });
  }
  tellWatcherinfo(resource, 'full', () => [], changes, notices);
  return { changes, notices };
};
