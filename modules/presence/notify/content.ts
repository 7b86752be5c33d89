// Owns what NOTIFYs carry: the document of a resource, made once for all its watchers, and each subscriber's watcherinfo.
import type { EventPackage, WatcherinfoFormat } from '../api';
import { allWatchers } from '../decide/watcherinfo';
import type { Resource, Subscription } from '../resource';
import type { Channel } from './channel';
import { type Content, contentOf, noContent } from './message';

export class Contents {
  private readonly documents = new WeakMap<Resource, Content>();

  constructor(
    private readonly events: ReadonlyMap<string, EventPackage>,
    private readonly watcherinfo: ReadonlyMap<string, WatcherinfoFormat>,
  ) {}

  /** The resource's publications have changed. */
  outdated(resource: Resource): void {
    this.documents.delete(resource);
  }

  /** The resource's document, composed at the first call after a change. */
  document(resource: Resource): Content {
    const known = this.documents.get(resource);
    if (known) return known;
    const made = this.compose(resource);
    this.documents.set(resource, made);
    return made;
  }

  /** What the dialog's next NOTIFY carries; it takes what the channel has not told yet. `now` in ms. */
  next(channel: Channel, subscription: Subscription, cseq: number, now: number): Content {
    const { resource, end } = channel;
    if (subscription.status !== 'active' || (end && end.reason !== 'timeout')) return noContent;
    return subscription.winfo ? this.watchers(channel, subscription, cseq, now) : this.document(resource);
  }

  private watchers(channel: Channel, subscription: Subscription, cseq: number, now: number): Content {
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
      version: subscription.version + cseq - subscription.localCseq,
      state: full ? 'full' : 'partial',
      watchers: [...living, ...others],
    });
    return contentOf(format.type, body);
  }

  private compose(resource: Resource): Content {
    const event = this.events.get(resource.key.event);
    if (!event) return noContent;
    const documents = [...resource.publications.values()].map((publication) => publication.document);
    documents.sort((a, b) => b.sequence - a.sequence);
    return contentOf(event.notifyTypes[0] ?? '', event.compose(resource.key.uri, documents));
  }
}
