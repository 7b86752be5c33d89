// Owns the channels of all resources: those with NOTIFYs under way, and of the idle ones those used not long ago.
import { SmallMap } from '../../../core/api';
import { cseqCeiling, type Resource, type ResourceKey, type Subscription } from '../resource';
import { type Channel, newChannel, rebind } from './channel';
import type { Seen } from './content';

/** The channels of one resource, by dialog. */
export interface Line {
  /** The object in memory that stands for it at present: another one when it was read anew. */
  resource: Resource;
  readonly channels: SmallMap<Channel>;
  /** How many of them are not idle. */
  underWay: number;
  /** What its watchers see. */
  seen: Seen | undefined;
}

/** By the id of the resource. */
export type Lines = Map<string, Line>;

/**
 * Channels and resources in a generation, roughly. A channel with what it has prepared weighs as much as the subscription, and of a million
 * dialogs most are told something once an hour: what is not used for longest goes, and is made anew from what is stored.
 */
const generationSize = 65_536;

export class Traffic {
  private busy = 0;
  private old: Lines = new Map();
  /** Channels and resources in the young generation. */
  private count = 0;

  /** @param young those of an earlier life of the module, too */
  constructor(
    private young: Lines = new Map(),
    private readonly generation = generationSize,
  ) {
    for (const { underWay, channels } of young.values()) {
      if (underWay > 0) this.busy++;
      this.count += 1 + channels.size;
    }
  }

  /** All, for the next life of the module, which makes its documents itself. */
  handOver(): Lines {
    for (const line of this.all()) {
      line.seen = undefined;
      for (const channel of line.channels.values()) channel.edition = 0;
    }
    return new Map([...this.old, ...this.young]);
  }

  /** How many resources have NOTIFYs under way. */
  get underWay(): number {
    return this.busy;
  }

  /** Resources with NOTIFYs under way. */
  get busyKeys(): ResourceKey[] {
    return [...this.all()].filter(({ underWay }) => underWay > 0).map(({ resource }) => resource.key);
  }

  /** The channels of one resource. */
  of(key: ResourceKey): Channel[] {
    return [...(this.at(key)?.channels.values() ?? [])];
  }

  isBusy(key: ResourceKey): boolean {
    return (this.at(key)?.underWay ?? 0) > 0;
  }

  find(key: ResourceKey, dialog: string): Channel | undefined {
    return this.at(key)?.channels.get(dialog);
  }

  /**
   * The channel of a dialog of which something is to be told just now. `subscription` is the dialog as stored; `first` says
   * that it is new, so that no NOTIFY was ever sent in it.
   */
  channelOf(resource: Resource, subscription: Subscription, first = false): Channel {
    const line = this.adopted(resource);
    let channel = line.channels.get(subscription.id);
    if (!channel) {
      channel = newChannel(resource, subscription, first);
      line.channels.set(subscription.id, channel);
      this.counts(1);
    } else if (channel.resource !== resource) {
      rebind(channel, resource, subscription);
    } else {
      channel.subscription = subscription;
    }
    return channel;
  }

  /** A resource was read anew: its channels at work tell what is stored. @returns those whose dialogs are not stored any more */
  renew(resource: Resource): Channel[] {
    const lost: Channel[] = [];
    const line = this.at(resource.key);
    if (line) line.resource = resource;
    for (const channel of this.of(resource.key)) {
      if (channel.state === 'idle' || channel.end) continue;
      const subscription = resource.subscriptions.get(channel.id);
      if (subscription) rebind(channel, resource, subscription);
      else if (!resource.partings?.has(channel.id)) lost.push(channel);
    }
    return lost;
  }

  /** A channel leaves `idle`. */
  hold({ resource }: Channel): void {
    const line = this.at(resource.key);
    if (line && line.underWay++ === 0) this.busy++;
  }

  /** More is to be told of a resource than its channels know: it must stay in memory until `releaseLine`. */
  holdLine(resource: Resource): void {
    const line = this.adopted(resource);
    if (line.underWay++ === 0) this.busy++;
  }

  /** A channel returns to `idle`. @returns whether nothing of its resource is under way any more */
  release({ resource }: Channel): boolean {
    return this.releaseLine(resource);
  }

  /** As `release`. */
  releaseLine(resource: Resource): boolean {
    const line = this.at(resource.key);
    if (!line || --line.underWay > 0) return false;
    this.busy--;
    this.dropIfEmpty(line);
    return true;
  }

  /** Takes out a channel that is done for good. */
  remove({ id, resource }: Channel): void {
    const line = this.at(resource.key);
    if (!line) return;
    line.channels.delete(id);
    this.dropIfEmpty(line);
  }

  /** Forgets the idle channels of a resource that is not in memory any more. */
  forget(key: ResourceKey): void {
    const line = this.at(key);
    if (!line) return;
    keepOnly(line, ({ state }) => state !== 'idle');
    this.dropIfEmpty(line);
  }

  /** The channels that are not idle. */
  *working(): Iterable<Channel> {
    for (const { underWay, channels } of this.all()) {
      if (underWay === 0) continue;
      for (const channel of channels.values()) if (channel.state !== 'idle') yield channel;
    }
  }

  private *all(): Iterable<Line> {
    yield* this.young.values();
    yield* this.old.values();
  }

  at({ id }: ResourceKey): Line | undefined {
    return this.young.get(id) ?? this.old.get(id);
  }

  /** The line of a resource, used just now. */
  lineOf(resource: Resource): Line {
    const { id } = resource.key;
    let line = this.young.get(id);
    if (!line) {
      line = this.old.get(id);
      if (line) this.old.delete(id);
      else line = { resource, channels: new SmallMap(), underWay: 0, seen: undefined };
      this.young.set(id, line);
      this.counts(1 + line.channels.size);
    }
    return line;
  }

  private adopted(resource: Resource): Line {
    const line = this.lineOf(resource);
    if (line.resource !== resource) adopt(line, resource);
    return line;
  }

  /** So much more is young. A crowd that fills a generation alone does not push out the others with each of its channels. */
  private counts(more: number): void {
    this.count += more;
    if (this.count > this.generation && this.young.size > 1) this.turnOver();
  }

  private turnOver(): void {
    const leaving = this.old;
    this.old = this.young;
    this.young = new Map();
    this.count = 0;
    for (const [id, line] of leaving) {
      if (line.underWay === 0) keepOnly(line, isNeeded);
      if (line.channels.size > 0) this.old.set(id, line);
    }
  }

  private dropIfEmpty({ channels, underWay, resource }: Line): void {
    if (channels.size > 0 || underWay > 0) return;
    this.young.delete(resource.key.id);
    this.old.delete(resource.key.id);
  }
}

/** Takes a resource that was read anew, without the channels that it has no use for. */
function adopt(line: Line, resource: Resource): void {
  const former = line.resource;
  keepOnly(
    line,
    ({ state, resource: of, id }) => state !== 'idle' || (of === former && resource.subscriptions.has(id)),
  );
  line.resource = resource;
}

/**
 * Whether an idle channel says more than what is stored: then its dialog would notice that it was forgotten. One that has used
 * every number up to the ceiling is made again as it was, for what is told next raises the ceiling by one.
 */
function isNeeded({ resource, subscription, cseq, failures }: Channel): boolean {
  return subscription.winfo || failures > 0 || cseq !== cseqCeiling(resource, subscription);
}

function keepOnly({ channels }: Line, isKept: (channel: Channel) => boolean): void {
  for (const channel of [...channels.values()]) if (!isKept(channel)) channels.delete(channel.id);
}
