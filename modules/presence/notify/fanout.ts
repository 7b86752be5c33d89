// Owns fan-outs: who is to be told is found at once, and taken up in slices, so that a crowd at one resource holds up nobody.
import type { Notice } from '../changes';
import { followsState, type Resource, type ResourceKey, type Subscription } from '../resource';
import { type Channel, tell } from './channel';
import type { Contents } from './content';
import type { Traffic } from './traffic';

/** Dialogs that are taken up before the event loop gets a breath. */
const slice = 128;

interface FanOut {
  readonly resource: Resource;
  readonly edition: number;
  readonly told: readonly Subscription[];
  next: number;
}

interface Surroundings {
  readonly traffic: Traffic;
  readonly contents: Contents;
  /** Sees to it that the dialog is told. */
  wake(channel: Channel): void;
  /** A fan-out is over that has held its resource. */
  over(resource: Resource): void;
}

export class FanOuts {
  /** Those with dialogs that have not been taken up, in the order of their commits. */
  private waiting: FanOut[] = [];
  private running = false;

  constructor(private readonly around: Surroundings) {}

  start(resource: Resource, notice: Exclude<Notice, { to: 'dialog' }>): void {
    if (notice.to === 'watcherinfo') {
      this.tellOfWatchers(resource, notice);
      return;
    }
    const { contents, traffic } = this.around;
    const edition = contents.compose(resource, true);
    const told: Subscription[] = [];
    for (const subscription of resource.subscriptions.values()) {
      if (subscription.winfo || !followsState(subscription) || subscription.watcher === notice.except) continue;
      if (notice.anew || contents.isNews(resource, subscription)) told.push(subscription);
    }
    const fanout: FanOut = { resource, edition, told, next: 0 };
    if (told.length <= slice) {
      this.take(fanout, resource, told.length);
      return;
    }
    traffic.holdLine(resource);
    this.waiting.push(fanout);
    this.run();
  }

  /** Takes up at once what waits: before everything is handed over or put to rest. */
  finish(): void {
    for (const fanout of this.waiting.splice(0)) {
      this.take(fanout, this.newest(fanout), fanout.told.length);
      this.around.over(fanout.resource);
    }
  }

  /** Tells no more of this resource. */
  abandon({ id }: ResourceKey): void {
    for (const fanout of this.waiting) if (fanout.resource.key.id === id) fanout.next = fanout.told.length;
  }

  private run(): void {
    if (this.running) return;
    this.running = true;
    setImmediate(() => {
      this.running = false;
      const [fanout] = this.waiting;
      if (!fanout) return;
      this.take(fanout, this.newest(fanout), slice);
      if (fanout.next >= fanout.told.length) {
        this.waiting.shift();
        this.around.over(fanout.resource);
      }
      if (this.waiting.length > 0) this.run();
    });
  }

  /** The resource of a fan-out that waits: it may have been read anew since. */
  private newest({ resource }: FanOut): Resource {
    return this.around.traffic.at(resource.key)?.resource ?? resource;
  }

  private take(fanout: FanOut, resource: Resource, count: number): void {
    const { traffic, wake } = this.around;
    const end = Math.min(fanout.next + count, fanout.told.length);
    for (; fanout.next < end; fanout.next++) {
      const subscription = resource.subscriptions.get(fanout.told[fanout.next]?.id ?? '');
      if (!subscription || !followsState(subscription)) continue;
      const channel = traffic.channelOf(resource, subscription);
      // A refresh, or a later change, has shown it this state meanwhile.
      if (channel.edition < fanout.edition) wake(channel);
    }
  }

  private tellOfWatchers(resource: Resource, { state, watchers }: Extract<Notice, { to: 'watcherinfo' }>): void {
    if (resource.winfoSubscriptions === 0) return;
    for (const subscription of resource.subscriptions.values()) {
      if (!subscription.winfo || !followsState(subscription)) continue;
      const channel = this.around.traffic.channelOf(resource, subscription);
      tell(channel, state === 'full', watchers);
      this.around.wake(channel);
    }
  }
}
