// Owns what NOTIFYs carry: the document of a resource, made once for all its watchers, and each subscriber's watcherinfo.
import { type Logger, SmallMap } from '../../../core/api';
import type { EventPackage, PublishedDocument, View, WatcherEntry, WatcherinfoFormat } from '../api';
import { changesDocument, type ResourceChange } from '../changes';
import { allWatchers } from '../decide/watcherinfo';
import type { Permission } from '../permission';
import { closed, everything, type Resource, type ResourceKey, type Subscription } from '../resource';
import type { Channel } from './channel';
import { type Content, contentOf, noContent } from './message';

/** What watchers see of one resource. */
export interface Seen {
  readonly of: Resource;
  /** Rises with each fan-out, over all resources: a NOTIFY shows all fan-outs up to the one that it was made at. */
  edition: number;
  /** Whose documents these are. After its module was reloaded all are made anew. */
  readonly by: EventPackage;
  /** As composed: what everybody with every permission sees. Undefined: to be made. */
  whole: Buffer | undefined;
  /** By the name of the view that they are for. */
  views: SmallMap<Content>;
  /** Before the last change. */
  former: Former;
  /** What each view showed before the resource was read anew, if nothing has been told since. */
  told: SmallMap<Content> | undefined;
  /** What who may see nothing sees: whatever is published, neither its bytes nor the time that it takes may tell. */
  closed: Content | undefined;
  /** Partial views have been made at least once. */
  remembered: boolean;
}

/** What each view showed before a change; undefined: nobody knows. */
export type Former = SmallMap<Content> | undefined;

/** Where what is seen of a resource is kept: as long as NOTIFYs are under way, and while there is room. */
interface Places {
  lineOf(resource: Resource): { seen: Seen | undefined };
  /** Undefined when there is none yet. */
  at(key: ResourceKey): { seen: Seen | undefined } | undefined;
}

export class Contents {
  private editions = 0;

  constructor(
    private readonly events: ReadonlyMap<string, EventPackage>,
    private readonly watcherinfo: ReadonlyMap<string, WatcherinfoFormat>,
    private readonly permission: (resource: Resource, watcher: string) => Permission,
    private readonly log: Logger,
    private readonly places: Places,
  ) {}

  /**
   * A resource is about to be changed. What is seen of it by watchers with a part of the permissions is made, if it was not
   * yet, so that a change they see can be told from one they do not.
   */
  remember(resource: Resource): void {
    if (resource.partialViews === 0) return;
    const seen = this.seenOf(resource);
    if (!seen || seen.remembered) return;
    seen.remembered = true;
    const made = new Set([everything, closed]);
    for (const { view, watcher, winfo } of resource.subscriptions.values()) {
      if (winfo || made.has(view)) continue;
      made.add(view);
      const permission = this.permission(resource, watcher);
      if (permission.view === view) this.document(resource, permission);
    }
  }

  /**
   * Takes up what a commit has changed: when publications have, the documents are outdated. `handed`: other nodes have changed
   * the resource as well, before it was read.
   */
  stored(resource: Resource, changes: readonly ResourceChange[], handed: boolean): void {
    const isChanged = changes.some(changesDocument);
    const seen = this.places.at(resource.key)?.seen;
    if (!seen || !(isChanged || handed)) return;
    seen.former = handed ? seen.told : seen.views;
    seen.told = undefined;
    if (!isChanged) return;
    seen.views = new SmallMap();
    seen.whole = undefined;
  }

  /**
   * Makes the resource's document at the first call after a change, so that it shows what is stored now and no more. It is
   * not called for who may not see it: they must not feel its size in the time that making it takes.
   * @param isNew everybody is to be told of it @returns its edition
   */
  compose(resource: Resource, isNew = false): number {
    const seen = this.seenOf(resource);
    if (!seen) return ++this.editions;
    this.wholeOf(resource, seen);
    if (isNew) seen.edition = ++this.editions;
    return seen.edition;
  }

  /** What the views showed before the last change, for `isNews`. */
  formerOf(resource: Resource): Former {
    return this.seenOf(resource)?.former;
  }

  /**
   * Whether what has changed since `former` shows in what this watcher may see. Who may see everything is told of every change; to the
   * others a NOTIFY with nothing new would tell that something they may not see has changed.
   */
  isNews(resource: Resource, { view, watcher }: Subscription, former: Former): boolean {
    if (view === everything) return true;
    const permission = this.permission(resource, watcher);
    const before = permission.view === view ? former?.get(view) : undefined;
    return before === undefined || !before.body.equals(this.document(resource, permission).body);
  }

  /** What the dialog's next NOTIFY carries; it takes what the channel has not told yet. `now` in ms. */
  next(channel: Channel, subscription: Subscription, now: number): Content {
    const { resource, end } = channel;
    if (subscription.status !== 'active' || (end && end.reason !== 'timeout')) return noContent;
    if (subscription.winfo) return this.watchers(channel, subscription, now);
    const seen = this.seenOf(resource);
    if (!seen) return noContent;
    channel.edition = seen.edition;
    return this.documentOf(resource, seen, this.permission(resource, subscription.watcher));
  }

  /**
   * The document that a permission lets be seen: one for all who have the same view. The permission is that of the moment:
   * what was allowed when a NOTIFY was decided on may be over when it leaves.
   */
  document(resource: Resource, permission: Permission): Content {
    const seen = this.seenOf(resource);
    return seen ? this.documentOf(resource, seen, permission) : noContent;
  }

  private documentOf(resource: Resource, seen: Seen, { status, view, transformation }: Permission): Content {
    try {
      return status === 'active' && view !== closed
        ? this.shown(resource, seen, view, transformation)
        : closedDocument(resource, seen);
    } catch (error) {
      this.log.error(
        { err: error, resource: resource.key.id, view },
        'the event package could not transform a document',
      );
      return noContent;
    }
  }

  private shown(resource: Resource, seen: Seen, view: string, transformation: View | undefined): Content {
    const whole = this.wholeOf(resource, seen);
    if (!whole) return noContent;
    const known = seen.views.get(view);
    if (known) return known;
    const { by } = seen;
    const body = view === everything ? whole : transformed(resource, by, whole, transformation);
    const content = contentOf(by.notifyTypes[0] ?? '', body);
    seen.views.set(view, content);
    return content;
  }

  /** What a permission lets be seen of the resource as it is in memory, made for the occasion; '' when nothing can be made. */
  preview(resource: Resource, { status, view, transformation }: Permission): string {
    const by = this.events.get(resource.key.event);
    if (!by || status !== 'active') return '';
    if (view === closed) return String(by.compose(resource.key.uri, [], 0));
    const whole = by.compose(resource.key.uri, publishedIn(resource), resource.fanouts);
    return String(view === everything ? whole : transformed(resource, by, whole, transformation));
  }

  private seenOf(resource: Resource): Seen | undefined {
    const by = this.events.get(resource.key.event);
    if (!by) return undefined;
    const place = this.places.lineOf(resource);
    if (place.seen?.by !== by || place.seen.of !== resource) {
      const nothing = { edition: 0, whole: undefined, former: undefined, closed: undefined, remembered: false };
      const told = place.seen?.by === by ? place.seen.views : undefined;
      place.seen = { of: resource, by, views: new SmallMap(), told, ...nothing };
    }
    return place.seen;
  }

  private wholeOf(resource: Resource, seen: Seen): Buffer | undefined {
    try {
      seen.whole ??= seen.by.compose(resource.key.uri, publishedIn(resource), resource.fanouts);
    } catch (error) {
      this.log.error({ err: error, resource: resource.key.id }, 'the event package could not make a document');
    }
    return seen.whole;
  }

  private watchers(channel: Channel, subscription: Subscription, now: number): Content {
    const { resource, untold } = channel;
    const format = this.watcherinfo.get(subscription.contentType);
    if (!format) return noContent;
    channel.untold = undefined;
    const full = untold?.full ?? true;
    const living = full ? allWatchers(resource, now) : [];
    const known = new Set(living.map((entry) => entry.id));
    // In a full list, who lived when it was noted and is not in it now has ended at another node.
    const isNews = ({ id, status }: WatcherEntry) => !known.has(id) && (!full || status === 'terminated');
    const others = [...(untold?.entries.values() ?? [])].filter(isNews);
    const body = format.render({
      resource: resource.key.uri,
      package: resource.key.event,
      version: channel.documents++,
      state: full ? 'full' : 'partial',
      watchers: [...living, ...others],
    });
    return contentOf(format.type, body);
  }
}

function closedDocument({ key }: Resource, seen: Seen): Content {
  seen.closed ??= contentOf(seen.by.notifyTypes[0] ?? '', seen.by.compose(key.uri, [], 0));
  return seen.closed;
}

/** Newest content first. */
function publishedIn(resource: Resource): PublishedDocument[] {
  const published = [...resource.publications.values()].map((publication) => publication.document);
  return published.sort((a, b) => b.sequence - a.sequence);
}

function transformed({ key }: Resource, by: EventPackage, whole: Buffer, view: View | undefined): Buffer {
  if (!view || !by.transform) return by.compose(key.uri, [], 0);
  return by.transform(key.uri, whole, view);
}
