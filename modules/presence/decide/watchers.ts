// Owns what is remembered of watchers beside their subscriptions: what the rules made of them, and who waits for their word.
import type { WatcherEntry, WatcherEvent } from '../api';
import { endOf, type Notice, type ResourceChange, type Surroundings } from '../changes';
import type { Permission } from '../permission';
import type { SubscribeRequest } from '../request/subscribe';
import type { AuthorisedWatcher, Resource, Subscription } from '../resource';
import { subscriptionCount } from '../subscribers';
import { endedEntry, tellWatcherinfo } from './watcherinfo';

/** The record of a watcher that gave up waiting and now asks again. */
export function waitingRecord(resource: Resource, { watcher, winfo }: SubscribeRequest): AuthorisedWatcher | undefined {
  const known = winfo ? undefined : resource.watchers.get(watcher);
  return known?.status === 'waiting' ? known : undefined;
}

/** Notes what the rules made of a watcher. With `force_active` there is nothing to note. */
export function record(
  resource: Resource,
  subscription: Subscription,
  permission: Permission,
  changes: ResourceChange[],
  around: Surroundings,
): void {
  const { watcher, status, watcherId, displayName } = subscription;
  const known = resource.watchers.get(watcher);
  if (known?.status === status || (!known && !permission.byRules)) return;
  const insertedTime = known?.insertedTime ?? Math.floor(around.now / 1000);
  const expires = Number.POSITIVE_INFINITY;
  changes.push({
    kind: 'authorise',
    watcher: { watcher, status, reason: '', insertedTime, expires, watcherId, displayName },
  });
}

/**
 * A fetch by a watcher on whom nothing is decided is a subscription that ends at once: the presentity learns that he asked
 * (RFC 3857 §4.7.1). Who waits already, or subscribes beside it, is known.
 */
export function fetched(
  resource: Resource,
  subscription: Subscription,
  waitingTime: number,
  changes: ResourceChange[],
  notices: Notice[],
  around: Surroundings,
): void {
  const { watcher, watcherId, displayName } = subscription;
  if (resource.watchers.has(watcher) || roomToWait(resource, waitingTime) === 0) return;
  const expires = endOf(around.now, waitingTime);
  const insertedTime = Math.floor(around.now / 1000);
  changes.push({
    kind: 'authorise',
    watcher: { watcher, status: 'waiting', reason: '', insertedTime, expires, watcherId, displayName },
  });
  tellWatcherinfo(resource, 'partial', () => [waitsFrom(subscription, around)], changes, notices);
}

function waitsFrom(subscription: Subscription, around: Surroundings): WatcherEntry {
  return { ...endedEntry(subscription, 'timeout', around.now), status: 'waiting' };
}

/** How many more watchers may begin to wait. */
function roomToWait(resource: Resource, waitingTime: number): number {
  if (waitingTime === 0) return 0;
  let room = maxWaiting;
  for (const { status } of resource.watchers.values()) if (status === 'waiting') room--;
  return Math.max(0, room);
}

/** Watchers of one presentity that may wait for its word without a subscription; more of them are forgotten at once. */
const maxWaiting = 1000;

/**
 * What the end of subscriptions to the presentity means for its watcherinfo and for what is known of the watchers. Who was
 * still pending when its time was over is remembered as waiting, so that the presentity learns of everybody who asked; every
 * other event is the end of it (RFC 3857 §4.7.1).
 */
export function ended(
  resource: Resource,
  subscriptions: readonly Subscription[],
  event: WatcherEvent,
  waitingTime: number,
  changes: ResourceChange[],
  notices: Notice[],
  around: Surroundings,
): void {
  const watched = subscriptions.filter((subscription) => !subscription.winfo);
  if (watched.length === 0) return;
  const left = new Map<string, number>();
  let room = event === 'timeout' ? roomToWait(resource, waitingTime) : 0;
  const entries: WatcherEntry[] = [];
  for (const subscription of watched) {
    const { watcher } = subscription;
    const others = (left.get(watcher) ?? subscriptionCount(resource, watcher, false)) - 1;
    left.set(watcher, others);
    const known = resource.watchers.get(watcher);
    if (known && others === 0 && subscription.status === 'pending' && room > 0) {
      room--;
      const expires = endOf(around.now, waitingTime);
      const { watcherId, displayName } = subscription;
      changes.push({ kind: 'authorise', watcher: { ...known, status: 'waiting', expires, watcherId, displayName } });
      entries.push(waitsFrom(subscription, around));
    } else {
      if (known && others === 0) changes.push({ kind: 'forget', watcher: known });
      entries.push(endedEntry(subscription, event, around.now));
    }
  }
  tellWatcherinfo(resource, 'full', () => entries, changes, notices);
}
