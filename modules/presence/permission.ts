// Owns who may watch: everybody at once with `force_active`, else only whom the presentity has let in.
import type { Resource, SubscriptionStatus } from './resource';

/**
 * The status of a new subscription. With `force_active` it is active. Otherwise a presentity's own watcherinfo is active
 * (RFC 3857 §3.4) and everything else waits for the presentity's word: no document is no permission, and a document is
 * never read as more than it says.
 */
export function permissionOf(
  resource: Resource,
  watcher: string,
  winfo: boolean,
  forceActive: boolean,
): SubscriptionStatus {
  if (forceActive) return 'active';
  return winfo && watcher === resource.key.uri ? 'active' : 'pending';
}
