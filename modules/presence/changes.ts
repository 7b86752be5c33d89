// Owns what a decision may say: changes to a resource, the reply, and who is to be notified once the changes are stored.
import type { WatcherEntry } from './api';
import type { Ending } from './ending';
import type { AuthorisedWatcher, Publication, Resource, Subscription } from './resource';
import { addSubscription, removeSubscription } from './subscribers';

export type ResourceChange =
  | { readonly kind: 'publish'; readonly publication: Publication; readonly replaces: Publication | undefined }
  | { readonly kind: 'unpublish'; readonly publication: Publication }
  | { readonly kind: 'subscribe'; readonly subscription: Subscription; readonly replaces: Subscription | undefined }
  | { readonly kind: 'unsubscribe'; readonly subscription: Subscription }
  /** As `unsubscribe`, but its record stays until the node that sends has taken up the last NOTIFY. */
  | { readonly kind: 'end'; readonly subscription: Subscription; readonly reason: Ending }
  | { readonly kind: 'authorise'; readonly watcher: AuthorisedWatcher }
  | { readonly kind: 'forget'; readonly watcher: AuthorisedWatcher }
  /** Documents go out to all watchers, or to all watcherinfo subscribers: every such dialog's CSeq may rise by one. */
  | { readonly kind: 'fan-out'; readonly winfo: boolean }
  /** A search of the database finds the resource from unix second `at` on, or never (Infinity): see `noteDue`. */
  | { readonly kind: 'due'; readonly at: number };

/** Who is to be told after the commit. */
export type Notice =
  /**
   * The state changed: every active watcher that sees it, but not the one that made the change. `anew`: all of them, whether
   * there is news for them or not.
   */
  | { readonly to: 'watchers'; readonly except: string; readonly anew?: true }
  /** One dialog's own event; `ends` makes it the last NOTIFY. */
  | { readonly to: 'dialog'; readonly subscription: Subscription; readonly ends?: Ending }
  /** A watcher's status changed: only `watchers`, or the full list with those that have just ended. */
  | { readonly to: 'watcherinfo'; readonly state: 'partial' | 'full'; readonly watchers: readonly WatcherEntry[] };

/** An answer without what the message itself gives. `headers` are raw lines, each ending in CRLF. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: string;
  readonly toTag?: string;
}

/** What is to be done about one request or event. Without changes nothing is stored and nobody is notified. */
export interface Decision {
  readonly changes: readonly ResourceChange[];
  readonly notices: readonly Notice[];
  readonly answer?: Answer;
}

/** What a decision takes from outside. */
export interface Surroundings {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** An unguessable token. */
  token(): string;
}

/** One thing to decide about a resource. Pure: it reads the resource and returns changes. */
export type Decide = (resource: Resource, around: Surroundings) => Decision;

/** Whether a change of state concerns anybody: somebody watches the document itself, not only who watches it. */
export function isWatched(resource: Resource): boolean {
  return resource.subscriptions.size > resource.winfoSubscriptions;
}

export const nothing: Decision = { changes: [], notices: [] };

/** A refusal. */
export function refuse(status: number, reason: string, headers = ''): Decision {
  return { changes: [], notices: [], answer: { status, reason, headers } };
}

/** The second in which a record granted for `granted` seconds ends. Rounded up: it must not end before its time. */
export function endOf(now: number, granted: number): number {
  return Math.ceil(now / 1000) + granted;
}

/** Makes a decision's changes in the cached resource. The version is the business of whoever commits. */
export function applyChanges(resource: Resource, changes: readonly ResourceChange[]): void {
  for (const change of changes) {
    switch (change.kind) {
      case 'publish':
        if (change.replaces) resource.publications.delete(change.replaces.etag);
        resource.publications.set(change.publication.etag, change.publication);
        resource.dueAt = Math.min(resource.dueAt, change.publication.expires);
        break;
      case 'unpublish':
        resource.publications.delete(change.publication.etag);
        break;
      case 'subscribe':
        addSubscription(resource, change.subscription);
        resource.partings?.delete(change.subscription.id);
        resource.dueAt = Math.min(resource.dueAt, change.subscription.expires);
        break;
      case 'unsubscribe':
        removeSubscription(resource, change.subscription);
        resource.partings?.delete(change.subscription.id);
        break;
      case 'end':
        removeSubscription(resource, change.subscription);
        resource.partings ??= new Map();
        resource.partings.set(change.subscription.id, change);
        break;
      case 'authorise':
        resource.watchers.set(change.watcher.watcher, change.watcher);
        resource.dueAt = Math.min(resource.dueAt, change.watcher.expires);
        break;
      case 'forget':
        resource.watchers.delete(change.watcher.watcher);
        break;
      case 'fan-out':
        if (change.winfo) resource.winfoFanouts++;
        else resource.fanouts++;
        break;
      case 'due':
        resource.dueNoted = change.at;
        break;
    }
  }
}

/** Whether a change touches what watchers see. */
export function changesDocument(change: ResourceChange): boolean {
  if (change.kind === 'unpublish') return true;
  return change.kind === 'publish' && change.publication.document !== change.replaces?.document;
}
