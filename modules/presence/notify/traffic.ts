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
  /** Stays when it comes to rest, as long as there is room. */
  kept: boolean;
  /** Since it was last looked at for its place. */
  used: boolean;
}

/** By the id of the resource. */
export type Lines = Map<string, Line>;

/**
 * Channels and resources that are kept while they are idle, roughly. A channel with what it has prepared weighs as much as the subscription,
 * and of a million dialogs most are told something once an hour: those for which there is no room are made anew from what is stored.
 */
const standardRoom = 65_536;
/**
 * Where there is no room one resource in so many is kept all the same, in place of others that were not used lately. With each of them
 * it would be worth nothing where far more dialogs than these are told something in turn, and V8 would have to look for what was given
 * up among all that is alive: what stays for some seconds is found by full collections only.
 */
const oneIn = 16;
/** Resources that are looked at for their place for each channel that comes. */
const pace = 2;

export class Traffic {
  private busy = 0;
  /** Channels and resources that are kept. */
  private count = 0;
  /** Resources for which there was no room. */
  private turnedAway = 0;
  /** Where the search for what was not used lately goes on. */
  private next: Iterator<Line>;

  /** @param lines those of an earlier life of the module */
  constructor(
    private readonly lines: Lines = new Map(),
    private readonly room = standardRoom,
  ) {
    for (const line of lines.values()) {
      if (line.underWay > 0) this.busy++;
      if (line.kept) this.count += 1 + line.channels.size;
    }
    this.next = lines.values();
  }

  /** All, for the next life of the module, which makes its documents itself. */
  handOver(): Lines {
    for (const line of this.lines.values()) {
      line.seen = undefined;
      for (const channel of line.channels.values()) channel.edition = 0;
    }
    return this.lines;
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
      this.weigh(line, 1);
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
    this.lay(line);
    return true;
  }

  /** Nothing more is to be told of a resource for now. */
  rest(key: ResourceKey): void {
    const line = this.at(key);
    if (line?.underWay === 0) this.lay(line);
  }

  /** Takes out a channel that is done for good. */
  remove({ id, resource }: Channel): void {
    const line = this.at(resource.key);
    if (!line?.channels.delete(id)) return;
    this.weigh(line, -1);
    this.dropIfEmpty(line);
  }

  /** Forgets the idle channels of a resource that is not in memory any more. */
  forget(key: ResourceKey): void {
    const line = this.at(key);
    if (!line) return;
    this.keepOnly(line, ({ state }) => state !== 'idle');
    this.dropIfEmpty(line);
  }

  /** The channels that are not idle. */
  *working(): Iterable<Channel> {
    for (const { underWay, channels } of this.lines.values()) {
      if (underWay === 0) continue;
      for (const channel of channels.values()) if (channel.state !== 'idle') yield channel;
    }
  }

  at({ id }: ResourceKey): Line | undefined {
    return this.lines.get(id);
  }

  /** The line of a resource, used just now. */
  lineOf(resource: Resource): Line {
    const { id } = resource.key;
    let line = this.lines.get(id);
    if (line) line.used = true;
    else {
      const kept = this.count < this.room || ++this.turnedAway % oneIn === 0;
      line = { resource, channels: new SmallMap(), underWay: 0, seen: undefined, kept, used: true };
      this.lines.set(id, line);
      this.weigh(line, 1);
    }
    return line;
  }

  private adopted(resource: Resource): Line {
    const line = this.lineOf(resource);
    if (line.resource !== resource) this.adopt(line, resource);
    return line;
  }

  /** Takes a resource that was read anew, without the channels that it has no use for. */
  private adopt(line: Line, resource: Resource): void {
    const former = line.resource;
    this.keepOnly(
      line,
      ({ state, resource: of, id }) => state !== 'idle' || (of === former && resource.subscriptions.has(id)),
    );
    line.resource = resource;
  }

  /** A line has so many channels more. Others make room for it, but a crowd that would fill all of it is not kept. */
  private weigh(line: Line, more: number): void {
    if (!line.kept) return;
    this.count += more;
    if (line.channels.size >= this.room) {
      line.kept = false;
      this.count -= 1 + line.channels.size;
    }
    for (let n = 0; n < pace && more > 0 && this.count > this.room; n++) this.retire(line);
  }

  /** Looks at the next line: one that was not used since it was last looked at goes. */
  private retire(newcomer: Line): void {
    let { value: line } = this.next.next();
    if (!line) {
      this.next = this.lines.values();
      line = this.next.next().value as Line;
    }
    if (line.used) line.used = false;
    else if (line.kept && line.underWay === 0 && line !== newcomer) this.shed(line);
  }

  /** A line comes to rest. */
  private lay(line: Line): void {
    const { resource, channels } = line;
    // A change may just be on its way to the database: for who sees a part, what was seen before it has to be there after it.
    if (!line.kept && resource.partialViews > 0 && channels.size < this.room) {
      line.kept = true;
      this.weigh(line, 1 + channels.size);
    }
    if (line.kept) this.dropIfEmpty(line);
    else this.shed(line);
  }

  private shed(line: Line): void {
    this.keepOnly(line, isNeeded);
    this.dropIfEmpty(line);
  }

  private keepOnly(line: Line, isKept: (channel: Channel) => boolean): void {
    const { channels } = line;
    const before = channels.size;
    for (const channel of [...channels.values()]) if (!isKept(channel)) channels.delete(channel.id);
    this.weigh(line, channels.size - before);
  }

  private dropIfEmpty(line: Line): void {
    const { channels, underWay, resource } = line;
    if (channels.size > 0 || underWay > 0 || !this.lines.delete(resource.key.id)) return;
    this.weigh(line, -1);
  }
}

/**
 * Whether an idle channel says more than what is stored: then its dialog would notice that it was forgotten. One that has used
 * every number up to the ceiling is made again as it was, for what is told next raises the ceiling by one.
 */
function isNeeded({ resource, subscription, cseq, failures }: Channel): boolean {
  return subscription.winfo || failures > 0 || cseq !== cseqCeiling(resource, subscription);
}
