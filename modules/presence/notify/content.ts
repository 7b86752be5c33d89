// Owns what NOTIFYs carry: the document of a resource, made once for all its watchers, and each subscriber's watcherinfo.
import type { Logger } from '../../../core/api';
import type { EventPackage, WatcherinfoFormat } from '../api';
import { allWatchers } from '../decide/watcherinfo';
import type { Resource, Subscription } from '../resource';
import type { Channel } from './channel';
import { type Content, contentOf, noContent } from './message';

export class Contents {
  /** With the package that made them: after its module was reloaded they are made anew. */
  private readonly documents = new WeakMap<Resource, { readonly by: EventPackage; readonly content: Content }>();

  constructor(
    private readonly events: ReadonlyMap<string, EventPackage>,
    private readonly watcherinfo: ReadonlyMap<string, WatcherinfoFormat>,
    private readonly log: Logger,
  ) {}

  /** The resource's publications have changed. */
  outdated(resource: Resource): void {
    this.documents.delete(resource);
  }

  /** The resource's document, composed at the first call after a change. */
  document(resource: Resource): Content {
    const by = this.events.get(resource.key.event);
    if (!by) return noContent;
    const known = this.documents.get(resource);
    if (known?.by === by) return known.content;
    const content = this.compose(by, resource);
    this.documents.set(resource, { by, content });
    return content;
  }

  /** What the dialog's next NOTIFY carries; it takes what the channel has not told yet. `now` in ms. */
  next(channel: Channel, subscription: Subscription, now: number): Content {
    const { resource, end } = channel;
    if (subscription.status !== 'active' || (end && end.reason !== 'timeout')) return noContent;
    return subscription.winfo ? this.watchers(channel, subscription, now) : this.document(resource);
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

  private compose(event: EventPackage, resource: Resource): Content {
    const documents = [...resource.publications.values()].map((publication) => publication.document);
    documents.sort((a, b) => b.sequence - a.sequence);
    try {
      return contentOf(event.notifyTypes[0] ?? '', event.compose(resource.key.uri, documents));
    } catch (error) {
      this.log.error({ err: error, resource: resource.key.id }, 'the event package could not make a document');
      return noContent;
    }
  }
}
