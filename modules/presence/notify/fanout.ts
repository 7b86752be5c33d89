// Owns fan-outs: who is to be told is looked for in slices, so that a crowd at one resource holds up nobody.
import type { Notice } from '../changes';
import { everything, followsState, type Resource, type ResourceKey, type Subscription } from '../resource';
import { type Channel, tell } from './channel';
import type { Contents, Former } from './content';
import type { Traffic } from './traffic';

/** Dialogs that are looked at before the event loop gets a breath. */
const slice = 128;

/** What a change asks to be told, and to whom. */
interface News {
  readonly resource: Resource;
  readonly edition: number;
  /** The watcher that is not told. */
  readonly except: string;
  /** Told whether it shows in what a watcher sees or not. */
  readonly anew: boolean;
  readonly former: Former;
}

/** News that is told in slices. */
interface FanOut {
  news: News;
  /** All that were subscribed when it began, with holes. */
  who: readonly (Subscription | undefined)[];
  next: number;
  /** How many have not been looked at. */
  left: number;
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
  /** Those with dialogs that have not been looked at, in the order of their commits. */
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
    const former = contents.formerOf(resource);
    const news = { resource, edition, except: notice.except, anew: notice.anew ?? false, former };
    if (resource.subscriptions.size <= slice) {
      for (const subscription of resource.subscriptions.values()) this.tell(news, resource, subscription);
      return;
    }
    const who = resource.subscriptions.snapshot();
    const earlier = this.waiting.find((fanout) => covers(news, fanout.news));
    if (earlier) {
      // It goes on where it is, so that whoever is last has a turn however often there is news.
      Object.assign(earlier, { news, who, next: earlier.next % who.length, left: who.length });
      return;
    }
    traffic.holdLine(resource);
    this.waiting.push({ news, who, next: 0, left: who.length });
    this.run();
  }

  /** Takes up at once what waits: before everything is handed over or put to rest. */
  finish(): void {
    for (const fanout of this.waiting.splice(0)) {
      this.take(fanout, fanout.left);
      this.around.over(fanout.news.resource);
    }
  }

  /** Tells no more of this resource. */
  abandon({ id }: ResourceKey): void {
    for (const fanout of this.waiting) if (fanout.news.resource.key.id === id) fanout.left = 0;
  }

  private run(): void {
    if (this.running) return;
    this.running = true;
    setImmediate(() => {
      this.running = false;
      const [fanout] = this.waiting;
      if (!fanout) return;
      this.take(fanout, slice);
      if (fanout.left === 0) {
        this.waiting.shift();
        this.around.over(fanout.news.resource);
      }
      if (this.waiting.length > 0) this.run();
    });
  }

  private take(fanout: FanOut, most: number): void {
    const { news, who } = fanout;
    // It may have been read anew since.
    const resource = this.around.traffic.at(news.resource.key)?.resource ?? news.resource;
    for (let count = Math.min(most, fanout.left); count > 0; count--, fanout.left--) {
      const subscription = resource.subscriptions.get(who[fanout.next]?.id ?? '');
      if (subscription) this.tell(news, resource, subscription);
      fanout.next = (fanout.next + 1) % who.length;
    }
  }

  private tell({ edition, except, anew, former }: News, resource: Resource, subscription: Subscription): void {
    const { contents, traffic, wake } = this.around;
    if (subscription.winfo || !followsState(subscription) || subscription.watcher === except) return;
    if (!anew && !contents.isNews(resource, subscription, former)) return;
    const channel = traffic.channelOf(resource, subscription);
    // A refresh, or a later change, has shown it this state meanwhile.
    if (channel.edition < edition) wake(channel);
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

/** Whether whoever has to be told of the older has to be told of the newer: nobody sees a part only, and both leave out the same. */
function covers(newer: News, older: News): boolean {
  const isWhole = ({ anew, former }: News) => !anew && [...(former?.keys() ?? [])].every((view) => view === everything);
  return newer.resource === older.resource && newer.except === older.except && isWhole(newer) && isWhole(older);
}
