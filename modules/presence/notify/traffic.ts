// Owns the channels of all resources, and the knowledge which resources have NOTIFYs under way.
import type { Resource, ResourceKey, Subscription } from '../resource';
import { type Channel, newChannel, rebind } from './channel';

/** The channels of one resource, by dialog. */
export interface Line {
  /** The object in memory that stands for it at present: another one when it was read anew. */
  resource: Resource;
  readonly channels: Map<string, Channel>;
  /** How many of them are not idle. */
  underWay: number;
}

/** By the id of the resource. */
export type Lines = Map<string, Line>;

export class Traffic {
  private busy = 0;

  /** @param lines those of an earlier life of the module, too */
  constructor(readonly lines: Lines = new Map()) {
    for (const line of lines.values()) if (line.underWay > 0) this.busy++;
  }

  /** How many resources have NOTIFYs under way. */
  get underWay(): number {
    return this.busy;
  }

  /** Resources with NOTIFYs under way. */
  get busyKeys(): ResourceKey[] {
    return [...this.lines.values()].filter(({ underWay }) => underWay > 0).map(({ resource }) => resource.key);
  }

  /** The channels of one resource. */
  of(key: ResourceKey): Channel[] {
    return [...(this.lines.get(key.id)?.channels.values() ?? [])];
  }

  isBusy(key: ResourceKey): boolean {
    return (this.lines.get(key.id)?.underWay ?? 0) > 0;
  }

  find(key: ResourceKey, dialog: string): Channel | undefined {
    return this.lines.get(key.id)?.channels.get(dialog);
  }

  /**
   * The channel of a dialog of which something is to be told just now. `subscription` is the dialog as stored; `first` says
   * that it is new, so that no NOTIFY was ever sent in it.
   */
  channelOf(resource: Resource, subscription: Subscription, first = false): Channel {
    let line = this.lines.get(resource.key.id);
    if (!line) {
      line = { resource, channels: new Map(), underWay: 0 };
      this.lines.set(resource.key.id, line);
    } else if (line.resource !== resource) {
      adopt(line, resource);
    }
    let channel = line.channels.get(subscription.id);
    if (!channel) {
      channel = newChannel(resource, subscription, first);
      line.channels.set(subscription.id, channel);
    } else if (channel.resource !== resource) {
      rebind(channel, resource, subscription);
    } else {
      channel.subscription = subscription;
    }
    return channel;
  }

  /** A channel leaves `idle`. */
  hold({ resource }: Channel): void {
    const line = this.lines.get(resource.key.id);
    if (line && line.underWay++ === 0) this.busy++;
  }

  /** A channel returns to `idle`. @returns whether nothing of its resource is under way any more */
  release({ resource }: Channel): boolean {
    const line = this.lines.get(resource.key.id);
    if (!line || --line.underWay > 0) return false;
    this.busy--;
    if (line.channels.size === 0) this.lines.delete(resource.key.id);
    return true;
  }

  /** Takes out a channel that is done for good. */
  remove({ id, resource }: Channel): void {
    const line = this.lines.get(resource.key.id);
    if (!line) return;
    line.channels.delete(id);
    if (line.channels.size === 0 && line.underWay === 0) this.lines.delete(resource.key.id);
  }

  /** Forgets the idle channels of a resource that is not in memory any more. */
  forget(key: ResourceKey): void {
    const line = this.lines.get(key.id);
    if (!line) return;
    for (const channel of line.channels.values()) if (channel.state === 'idle') line.channels.delete(channel.id);
    if (line.channels.size === 0 && line.underWay === 0) this.lines.delete(key.id);
  }

  /** The channels that are not idle. */
  *working(): Iterable<Channel> {
    for (const { underWay, channels } of this.lines.values()) {
      if (underWay === 0) continue;
      for (const channel of channels.values()) if (channel.state !== 'idle') yield channel;
    }
  }
}

/** Takes a resource that was read anew, without the channels that it has no use for. */
function adopt(line: Line, resource: Resource): void {
  for (const channel of line.channels.values()) {
    const isKnown = channel.resource === line.resource && resource.subscriptions.has(channel.id);
    if (channel.state === 'idle' && !isKnown) line.channels.delete(channel.id);
  }
  line.resource = resource;
}
