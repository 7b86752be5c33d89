// Owns the subscriptions of a resource in memory: put in, taken out, and counted by what is asked about them.
import { SmallMap } from '../../core/api';
import { closed, everything, type Resource, type Subscription } from './resource';

/** Puts a subscription in, new or in place of its former self. */
export function addSubscription(resource: Resource, subscription: Subscription): void {
  const former = resource.subscriptions.get(subscription.id);
  if (former && seesPart(former)) resource.partialViews--;
  if (seesPart(subscription)) resource.partialViews++;
  if (former?.watcher !== subscription.watcher || former.winfo !== subscription.winfo) {
    if (former) count(resource, former, -1);
    count(resource, subscription, 1);
  }
  resource.subscriptions.set(subscription.id, subscription);
  if (!resource.watching && resource.subscriptions.size > crowd) countAll(resource);
}

/** Takes a subscription out, if it is there. */
export function removeSubscription(resource: Resource, { id }: Subscription): void {
  const former = resource.subscriptions.get(id);
  if (!former) return;
  if (seesPart(former)) resource.partialViews--;
  count(resource, former, -1);
  resource.subscriptions.delete(id);
}

/** Subscriptions of one watcher to this resource, of one kind. */
export function subscriptionCount(resource: Resource, watcher: string, winfo: boolean): number {
  if (resource.watching) return resource.watching.get(watchingKey(watcher, winfo)) ?? 0;
  let found = 0;
  for (const each of resource.subscriptions.values()) if (each.watcher === watcher && each.winfo === winfo) found++;
  return found;
}

/** Fewer subscriptions are counted when somebody asks: a table of counts weighs more than they do. */
const crowd = 16;

function countAll(resource: Resource): void {
  resource.watching = new SmallMap();
  resource.winfoSubscriptions = 0;
  for (const subscription of resource.subscriptions.values()) count(resource, subscription, 1);
}

function count(resource: Resource, { watcher, winfo }: Subscription, step: 1 | -1): void {
  if (winfo) resource.winfoSubscriptions += step;
  if (!resource.watching) return;
  const key = watchingKey(watcher, winfo);
  const left = (resource.watching.get(key) ?? 0) + step;
  if (left === 0) resource.watching.delete(key);
  else resource.watching.set(key, left);
}

function watchingKey(watcher: string, winfo: boolean): string {
  return winfo ? `winfo ${watcher}` : watcher;
}

function seesPart({ winfo, view }: Subscription): boolean {
  return !winfo && view !== everything && view !== closed;
}
