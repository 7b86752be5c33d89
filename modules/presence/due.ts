// Owns the moment that is stored with a resource and by which a search of the database finds what ends.
import { type Decision, nothing, type ResourceChange } from './changes';
import { isEmpty, nextExpiry, type Resource } from './resource';

/**
 * The stored moment is moved on with a change when it leaves less than this part of the time that is really left: one that is
 * refreshed at half its time or later is moved then, in a row that is written anyway, and not by a commit of its own when it passes.
 */
const worthMoving = 0.5;
/** So many records are looked through with a change to find the first end; in larger resources the moment passes and is moved then. */
const few = 16;

/**
 * The stored moment is a lower bound: it is written when something ends before it and when it has passed, and else as seldom as
 * can be, because a refresh that left it alone has written one row and no index. Pure; `now` in unix seconds.
 */
export function noteDue(resource: Resource, changes: readonly ResourceChange[], now: number): Decision {
  if (isEmpty(resource)) return nothing;
  const noted = resource.version === 0 ? Number.POSITIVE_INFINITY : resource.dueNoted;
  const passed = noted <= now;
  if (noted <= resource.dueAt) {
    if (!passed && !lags(resource, changes, noted, now)) return nothing;
    resource.dueAt = nextExpiry(resource);
    if (!passed && !isShort(noted, resource.dueAt, now)) return nothing;
  }
  return { changes: [{ kind: 'due', at: resource.dueAt }], notices: [] };
}

/** Whether the records that have changed now end so much later that it may be worth looking for the first end. */
function lags(resource: Resource, changes: readonly ResourceChange[], noted: number, now: number): boolean {
  if (resource.publications.size + resource.subscriptions.size + resource.watchers.size > few) return false;
  return changes.some((change) => {
    if (change.kind === 'publish') return isShort(noted, change.publication.expires, now);
    return change.kind === 'subscribe' && isShort(noted, change.subscription.expires, now);
  });
}

function isShort(noted: number, end: number, now: number): boolean {
  return noted - now < worthMoving * (end - now);
}
