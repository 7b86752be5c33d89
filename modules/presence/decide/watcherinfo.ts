// Owns what watcherinfo says of one subscription (RFC 3857 §4.7, RFC 3858 §3).
import type { WatcherEntry, WatcherEvent, WatcherStatus } from '../api';
import type { Notice, ResourceChange } from '../changes';
import type { AuthorisedWatcher, Resource, Subscription } from '../resource';

/** A live subscription as a `watcher` element, with the event that brought it into its status. */
export function watcherEntry(subscription: Subscription, now: number): WatcherEntry {
  return {
    ...common(subscription, now),
    status: subscription.status,
    event: subscription.reason === 'approved' ? 'approved' : 'subscribe',
    expiration: Math.max(0, subscription.expires - Math.ceil(now / 1000)),
  };
}

/** A subscription that has just ended: named once, then forgotten. */
export function endedEntry(subscription: Subscription, event: WatcherEvent, now: number): WatcherEntry {
  return { ...common(subscription, now), status: 'terminated', event };
}

/** A watcher that waits for the presentity's word without a subscription, or has just stopped to. */
export function waitingEntry(
  { watcher, watcherId, displayName }: AuthorisedWatcher,
  status: WatcherStatus = 'waiting',
  event: WatcherEvent = 'timeout',
): WatcherEntry {
  return { uri: watcher, id: watcherId, status, event, ...(displayName === '' ? {} : { displayName }) };
}

/** All who watch or wait, for a document with full state. */
export function allWatchers(resource: Resource, now: number): WatcherEntry[] {
  const entries: WatcherEntry[] = [];
  for (const subscription of resource.subscriptions.values()) {
    if (!subscription.winfo) entries.push(watcherEntry(subscription, now));
  }
  for (const watcher of resource.watchers.values()) {
    if (watcher.status === 'waiting') entries.push(waitingEntry(watcher));
  }
  return entries;
}

/** Tells the watcherinfo subscribers of what changed (RFC 3857 §4.7.2), if there are any, as mostly there are not. */
export function tellWatcherinfo(
  resource: Resource,
  state: 'partial' | 'full',
  watchers: () => readonly WatcherEntry[],
  changes: ResourceChange[],
  notices: Notice[],
): void {
  if (resource.winfoSubscriptions === 0) return;
  changes.push({ kind: 'fan-out', winfo: true });
  notices.push({ to: 'watcherinfo', state, watchers: watchers() });
}

function common(subscription: Subscription, now: number) {
  return {
    uri: subscription.watcher,
    id: subscription.watcherId,
    durationSubscribed: Math.max(0, Math.floor(now / 1000) - subscription.subscribedAt),
    ...(subscription.displayName === '' ? {} : { displayName: subscription.displayName }),
  };
}
