// Owns what NOTIFYs carry: the document of a resource, made once for all its watchers, and each subscriber's watcherinfo.
import type { Logger } from '../../../core/api';
import type { EventPackage, PublishedDocument, View, WatcherinfoFormat } from '../api';
import { changesDocument, type ResourceChange } from '../changes';
import { allWatchers } from '../decide/watcherinfo';
import type { Permission } from '../permission';
import { closed, everything, type Resource, type Subscription } from '../resource';
import type { Channel } from './channel';
import { type Content, contentOf, noContent } from './message';

/** The documents of one resource, by the name of the view that they are for. */
interface Documents {
  /** As composed: what everybody with every permission sees. */
  readonly whole: Buffer;
  readonly views: Map<string, Content>;
}

/** What one package made. */
interface Made {
  readonly by: EventPackage;
  readonly documents: WeakMap<Resource, Documents>;
  /** What who may see nothing sees: whatever is published, neither its bytes nor the time that it takes may tell. */
  readonly closed: WeakMap<Resource, Content>;
  /** Resources whose partial views have been made at least once. */
  readonly remembered: WeakSet<Resource>;
}

export class Contents {
  /** By the name of the package. After the module of one was reloaded all its documents are made anew. */
  private readonly made = new Map<string, Made>();
  /** What each view showed before the last change. */
  private readonly former = new WeakMap<Resource, ReadonlyMap<string, Content>>();

  constructor(
    private readonly events: ReadonlyMap<string, EventPackage>,
    private readonly watcherinfo: ReadonlyMap<string, WatcherinfoFormat>,
    private readonly permission: (resource: Resource, watcher: string) => Permission,
    private readonly log: Logger,
  ) {}

  /**
   * A resource is about to be changed. What is seen of it by watchers with a part of the permissions is made, if it was not
   * yet, so that a change they see can be told from one they do not.
   */
  remember(resource: Resource): void {
    const made = this.madeBy(resource.key.event);
    if (!made || made.remembered.has(resource)) return;
    made.remembered.add(resource);
    const seen = new Set([everything, closed]);
    for (const { view, watcher, winfo } of resource.subscriptions.values()) {
      if (winfo || seen.has(view)) continue;
      seen.add(view);
      const permission = this.permission(resource, watcher);
      if (permission.view === view) this.document(resource, permission);
    }
  }

  /** Takes up what a commit has changed. @returns whether publications have: the documents are outdated then */
  stored(resource: Resource, changes: readonly ResourceChange[]): boolean {
    if (!changes.some(changesDocument)) return false;
    const documents = this.made.get(resource.key.event)?.documents;
    this.former.set(resource, documents?.get(resource)?.views ?? none);
    documents?.delete(resource);
    return true;
  }

  /**
   * Makes the resource's document at the first call after a change, so that it shows what is stored now and no more. It is
   * not called for who may not see it: they must not feel its size in the time that making it takes.
   */
  compose(resource: Resource): void {
    this.documentsOf(resource);
  }

  /**
   * Whether the last change shows in what this watcher may see. Who may see everything is told of every change; to the
   * others a NOTIFY with nothing new would tell that something they may not see has changed.
   */
  isNews(resource: Resource, { view, watcher }: Subscription): boolean {
    if (view === everything) return true;
    const permission = this.permission(resource, watcher);
    const before = permission.view === view ? this.former.get(resource)?.get(view) : undefined;
    return before === undefined || !before.equals(this.document(resource, permission));
  }

  /** What the dialog's next NOTIFY carries; it takes what the channel has not told yet. `now` in ms. */
  next(channel: Channel, subscription: Subscription, now: number): Content {
    const { resource, end } = channel;
    if (subscription.status !== 'active' || (end && end.reason !== 'timeout')) return noContent;
    if (subscription.winfo) return this.watchers(channel, subscription, now);
    return this.document(resource, this.permission(resource, subscription.watcher));
  }

  /**
   * The document that a permission lets be seen: one for all who have the same view. The permission is that of the moment:
   * what was allowed when a NOTIFY was decided on may be over when it leaves.
   */
  document(resource: Resource, { status, view, transformation }: Permission): Content {
    const made = this.madeBy(resource.key.event);
    if (!made) return noContent;
    try {
      return status === 'active' && view !== closed
        ? this.shown(resource, made, view, transformation)
        : closedDocument(resource, made);
    } catch (error) {
      this.log.error(
        { err: error, resource: resource.key.id, view },
        'the event package could not transform a document',
      );
      return noContent;
    }
  }

  private shown(resource: Resource, { by }: Made, view: string, transformation: View | undefined): Content {
    const documents = this.documentsOf(resource);
    if (!documents) return noContent;
    const known = documents.views.get(view);
    if (known) return known;
    const body = view === everything ? documents.whole : seen(resource, by, documents.whole, transformation);
    const content = contentOf(by.notifyTypes[0] ?? '', body);
    documents.views.set(view, content);
    return content;
  }

  /** What a permission lets be seen of the resource as it is in memory, made for the occasion; '' when nothing can be made. */
  preview(resource: Resource, { status, view, transformation }: Permission): string {
    const by = this.events.get(resource.key.event);
    if (!by || status !== 'active') return '';
    if (view === closed) return String(by.compose(resource.key.uri, [], 0));
    const whole = by.compose(resource.key.uri, publishedIn(resource), resource.fanouts);
    return String(view === everything ? whole : seen(resource, by, whole, transformation));
  }

  private madeBy(event: string): Made | undefined {
    const by = this.events.get(event);
    if (!by) return undefined;
    let made = this.made.get(event);
    if (made?.by !== by) {
      made = { by, documents: new WeakMap(), closed: new WeakMap(), remembered: new WeakSet() };
      this.made.set(event, made);
    }
    return made;
  }

  private documentsOf(resource: Resource): Documents | undefined {
    const made = this.madeBy(resource.key.event);
    if (!made) return undefined;
    const { by } = made;
    const known = made.documents.get(resource);
    if (known) return known;
    try {
      const whole = by.compose(resource.key.uri, publishedIn(resource), resource.fanouts);
      const documents: Documents = { whole, views: new Map() };
      made.documents.set(resource, documents);
      return documents;
    } catch (error) {
      this.log.error({ err: error, resource: resource.key.id }, 'the event package could not make a document');
      return undefined;
    }
  }

  private watchers(channel: Channel, subscription: Subscription, now: number): Content {
    const { resource, untold } = channel;
    const format = this.watcherinfo.get(subscription.contentType);
    if (!format) return noContent;
    channel.untold = undefined;
    const full = untold?.full ?? true;
    const living = full ? allWatchers(resource, now) : [];
    const known = new Set(living.map((entry) => entry.id));
    const others = [...(untold?.entries.values() ?? [])].filter((entry) => !known.has(entry.id));
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

const none: ReadonlyMap<string, Content> = new Map();

function closedDocument(resource: Resource, { by, closed }: Made): Content {
  let content = closed.get(resource);
  if (!content) {
    content = contentOf(by.notifyTypes[0] ?? '', by.compose(resource.key.uri, [], 0));
    closed.set(resource, content);
  }
  return content;
}

/** Newest content first. */
function publishedIn(resource: Resource): PublishedDocument[] {
  const published = [...resource.publications.values()].map((publication) => publication.document);
  return published.sort((a, b) => b.sequence - a.sequence);
}

function seen({ key }: Resource, by: EventPackage, whole: Buffer, view: View | undefined): Buffer {
  if (!view || !by.transform) return by.compose(key.uri, [], 0);
  return by.transform(key.uri, whole, view);
}
