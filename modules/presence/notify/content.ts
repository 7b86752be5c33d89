// Owns what NOTIFYs carry: the document of a resource, made once for all its watchers, and each subscriber's watcherinfo.
import type { Logger } from '../../../core/api';
import type { EventPackage, WatcherinfoFormat } from '../api';
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

export class Contents {
  /** By the name of the package. After the module of one was reloaded all its documents are made anew. */
  private readonly made = new Map<
    string,
    { readonly by: EventPackage; readonly documents: WeakMap<Resource, Documents> }
  >();
  /** What each view showed before the last change. */
  private readonly former = new WeakMap<Resource, ReadonlyMap<string, Content>>();

  constructor(
    private readonly events: ReadonlyMap<string, EventPackage>,
    private readonly watcherinfo: ReadonlyMap<string, WatcherinfoFormat>,
    private readonly permission: (resource: Resource, watcher: string) => Permission,
    private readonly log: Logger,
  ) {}

  /** The resource's publications have changed. */
  outdated(resource: Resource): void {
    const made = this.made.get(resource.key.event)?.documents;
    const documents = made?.get(resource);
    if (documents) this.former.set(resource, documents.views);
    made?.delete(resource);
  }

  /** Makes the resource's document at the first call after a change, so that it shows what is stored now and no more. */
  compose(resource: Resource): void {
    this.documentsOf(resource);
  }

  /**
   * Whether a change shows in what this watcher may see. Who may see everything is told of every change; to the others a
   * NOTIFY with nothing new would tell that something they may not see has changed.
   */
  isNews(resource: Resource, subscription: Subscription): boolean {
    if (subscription.view === everything) return true;
    const before = this.former.get(resource)?.get(subscription.view);
    return before === undefined || !before.equals(this.document(resource, subscription));
  }

  /** What the dialog's next NOTIFY carries; it takes what the channel has not told yet. `now` in ms. */
  next(channel: Channel, subscription: Subscription, now: number): Content {
    const { resource, end } = channel;
    if (subscription.status !== 'active' || (end && end.reason !== 'timeout')) return noContent;
    return subscription.winfo ? this.watchers(channel, subscription, now) : this.document(resource, subscription);
  }

  /** One document serves all who have the same view. */
  private document(resource: Resource, { view, watcher }: Subscription): Content {
    const by = this.events.get(resource.key.event);
    const documents = this.documentsOf(resource);
    if (!by || !documents) return noContent;
    const known = documents.views.get(view);
    if (known) return known;
    const content = contentOf(by.notifyTypes[0] ?? '', this.seen(resource, by, documents.whole, view, watcher));
    documents.views.set(view, content);
    return content;
  }

  private seen(resource: Resource, by: EventPackage, whole: Buffer, view: string, watcher: string): Buffer {
    if (view === everything) return whole;
    const permission = view === closed ? undefined : this.permission(resource, watcher);
    // A view that is not the watcher's any more shows nothing; the NOTIFY with its new one is on its way.
    if (permission?.view !== view || !permission.transformation || !by.transform)
      return by.compose(resource.key.uri, [], 0);
    return by.transform(resource.key.uri, whole, permission.transformation);
  }

  private documentsOf(resource: Resource): Documents | undefined {
    const by = this.events.get(resource.key.event);
    if (!by) return undefined;
    let made = this.made.get(by.name);
    if (made?.by !== by) {
      made = { by, documents: new WeakMap() };
      this.made.set(by.name, made);
    }
    const known = made.documents.get(resource);
    if (known) return known;
    const published = [...resource.publications.values()].map((publication) => publication.document);
    published.sort((a, b) => b.sequence - a.sequence);
    try {
      const whole = by.compose(resource.key.uri, published, resource.fanouts);
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
