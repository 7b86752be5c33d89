// Owns the NOTIFYs: one in flight per dialog, what changes meanwhile goes into the next, failures by the policy.
import type { ClientOutcome, Clock, EventRouteInput, Flow, Logger, SipServices } from '../../../core/api';
import type { EventPackage, WatcherinfoFormat } from '../api';
import { changesDocument, type Decide, type Notice, type ResourceChange } from '../changes';
import { notifyAgain } from '../decide/subscribe';
import type { Permission } from '../permission';
import {
  cseqCeiling,
  followsState,
  isSameTarget,
  type Resource,
  type ResourceKey,
  type Subscription,
} from '../resource';
import { type Channel, tell } from './channel';
import { Contents } from './content';
import { frameOf, notifyBytes, subscriptionState } from './message';
import { Outbox } from './outbox';
import { judge, retryDelay } from './outcome';
import { flowFor } from './target';
import { Traffic } from './traffic';

export interface NotifierOptions {
  readonly sip: SipServices;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: ReadonlyMap<string, EventPackage>;
  readonly watcherinfo: ReadonlyMap<string, WatcherinfoFormat>;
  /** What a watcher may see now. */
  permission(resource: Resource, watcher: string): Permission;
  /** Puts a decision of the notifier's own through the door. */
  change(key: ResourceKey, decide: Decide): void;
  /** Takes out a subscription whose watcher cannot be notified, as it was then. */
  drop(key: ResourceKey, failed: Subscription): void;
  /** Told when nothing is owed to a resource's watchers any more. */
  onQuiet(key: ResourceKey): void;
  /** `event_route` of the script, only when it exports the route. */
  replied: ((input: EventRouteInput) => void) | undefined;
}

export class Notifier {
  private readonly traffic = new Traffic();
  private readonly contents: Contents;
  private readonly outbox = new Outbox<string, Channel>((channel) => this.send(channel));

  constructor(private readonly options: NotifierOptions) {
    this.contents = new Contents(options.events, options.watcherinfo, options.permission, options.log);
  }

  /** Whether NOTIFYs of this resource are under way: it must stay in memory. */
  isBusy(key: ResourceKey): boolean {
    return this.traffic.isBusy(key);
  }

  /** How many resources have NOTIFYs under way. */
  get underWay(): number {
    return this.traffic.underWay;
  }

  /** Takes up what a commit has changed and whom it concerns. The document is made now, from what is stored. */
  stored(resource: Resource, changes: readonly ResourceChange[], notices: readonly Notice[]): void {
    if (changes.some(changesDocument)) this.contents.outdated(resource);
    this.silence(resource, changes, notices);
    // A dialog's own event comes first: it alone knows that a dialog is new.
    for (const notice of notices) if (notice.to === 'dialog') this.tellDialog(resource, notice);
    for (const notice of notices) if (notice.to !== 'dialog') this.tellAll(resource, notice);
    if (!this.traffic.isBusy(resource.key)) this.options.onQuiet(resource.key);
  }

  /** Forgets the idle channels of a resource that leaves memory. */
  forget(key: ResourceKey): void {
    this.traffic.forget(key);
  }

  /** Stops all sending. What is owed stays noted in the database. */
  close(): void {
    for (const channel of this.traffic.all()) {
      channel.transaction?.cancel();
      this.cancelTimer(channel);
      channel.state = 'idle';
    }
  }

  private tellDialog(resource: Resource, { subscription, ends }: Extract<Notice, { to: 'dialog' }>): void {
    const current = ends === undefined ? resource.subscriptions.get(subscription.id) : subscription;
    // Ended again before it was told of its beginning.
    if (!current) return;
    this.contents.compose(resource);
    const channel = this.traffic.channelOf(resource, current, subscription.localCseq === 1);
    if (ends !== undefined) channel.end = { reason: ends, subscription };
    if (subscription.winfo) tell(channel, true, []);
    this.wake(channel);
  }

  private tellAll(resource: Resource, notice: Exclude<Notice, { to: 'dialog' }>): void {
    if (notice.to === 'watchers') this.contents.compose(resource);
    for (const subscription of resource.subscriptions.values()) {
      if (!followsState(subscription) || subscription.winfo !== (notice.to === 'watcherinfo')) continue;
      if (notice.to === 'watchers' && subscription.watcher === notice.except) continue;
      if (notice.to === 'watchers' && !this.contents.isNews(resource, subscription)) continue;
      const channel = this.traffic.channelOf(resource, subscription);
      if (notice.to === 'watcherinfo') tell(channel, notice.state === 'full', notice.watchers);
      this.wake(channel);
    }
  }

  private wake(channel: Channel): void {
    if (channel.state === 'idle') {
      this.traffic.hold(channel);
      this.enqueue(channel);
    } else if (channel.state === 'backing-off' && channel.end) {
      // The last NOTIFY waits for nothing.
      this.cancelTimer(channel);
      this.enqueue(channel);
    } else if (channel.state !== 'queued') {
      channel.again = true;
    }
  }

  private enqueue(channel: Channel): void {
    channel.state = 'queued';
    this.outbox.add(channel.resource.key.id, channel);
  }

  private send(channel: Channel): void {
    if (channel.state !== 'queued') return;
    const { resource } = channel;
    const subscription = channel.end?.subscription ?? channel.subscription;
    if (channel.cseq >= cseqCeiling(resource, subscription)) {
      // Every number that stored state provides for has been used: store a higher one first.
      this.rest(channel);
      this.options.change(resource.key, (current) => notifyAgain(current, channel.id));
      return;
    }
    channel.state = 'flying';
    if (channel.prepared?.of === subscription && channel.prepared.flow.open) {
      this.launch(channel, channel.prepared.flow);
      return;
    }
    let flow: ReturnType<typeof flowFor>;
    try {
      flow = flowFor(subscription, this.options.sip);
    } catch (error) {
      this.unreachable(channel, subscription, error);
      return;
    }
    if (flow instanceof Promise) {
      flow.then(
        (found) => this.launch(channel, found),
        (error: unknown) => this.unreachable(channel, subscription, error),
      );
    } else {
      this.launch(channel, flow);
    }
  }

  private launch(channel: Channel, flow: Flow): void {
    // Closed while the way to the watcher was looked for.
    if (channel.state !== 'flying') return;
    const { sip, clock, log } = this.options;
    const last = channel.end !== undefined;
    const subscription = channel.end?.subscription ?? channel.subscription;
    channel.again = false;
    try {
      const cseq = ++channel.cseq;
      const content = this.contents.next(channel, subscription, clock.now());
      const state = subscriptionState(subscription, channel.end?.reason, clock.now());
      if (channel.prepared?.of !== subscription || channel.prepared.flow !== flow) {
        const frame = frameOf(subscription, channel.resource.key.event, sip.userAgent);
        channel.prepared = { of: subscription, frame, flow };
      }
      const { frame } = channel.prepared;
      channel.transaction = sip.transactions.request({
        flow,
        render: (via) => notifyBytes(frame, via, cseq, state, content),
        onFinal: (outcome) => this.landed(channel, subscription, outcome, last),
      });
    } catch (error) {
      log.error({ err: error, dialog: channel.id }, 'a NOTIFY could not be made');
      if (last) this.finish(channel);
      else this.backOff(channel, retryDelay(channel.failures));
    }
  }

  private landed(channel: Channel, subscription: Subscription, outcome: ClientOutcome, last: boolean): void {
    channel.transaction = undefined;
    this.options.replied?.({
      ...(outcome.response ? { response: outcome.response } : {}),
      fields: {
        status: outcome.response?.status ?? 408,
        presentity: channel.resource.key.uri,
        watcher: subscription.watcher,
        event: channel.resource.key.event,
        call_id: subscription.callId,
        cseq: channel.cseq,
      },
    });
    if (last) {
      this.finish(channel);
      return;
    }
    const verdict = judge(outcome, channel.failures);
    if (verdict.kind === 'delivered') {
      channel.failures = 0;
      this.next(channel);
    } else if (channel.end) {
      this.next(channel);
    } else if (verdict.kind === 'gone') {
      this.gone(channel, subscription, outcome.response?.status ?? outcome.failure ?? 'no answer');
    } else {
      this.backOff(channel, verdict.afterMs);
    }
  }

  /** After a NOTIFY that arrived: the one that waits behind it, or rest. */
  private next(channel: Channel): void {
    if (channel.again || channel.end) this.enqueue(channel);
    else this.rest(channel);
  }

  private backOff(channel: Channel, afterMs: number): void {
    channel.failures++;
    // The document of a failed NOTIFY is lost to the watcher: a later part would leave a hole (RFC 3858 §4.1).
    if (channel.subscription.winfo) tell(channel, true, []);
    channel.state = 'backing-off';
    channel.timer = this.options.sip.wheel.after(afterMs, () => {
      channel.timer = undefined;
      if (channel.again) {
        this.next(channel);
      } else {
        const { key } = channel.resource;
        this.rest(channel);
        this.options.change(key, (current) => notifyAgain(current, channel.id));
      }
    });
  }

  private unreachable(channel: Channel, subscription: Subscription, error: unknown): void {
    if (channel.state !== 'flying') return;
    if (channel.end?.subscription === subscription) this.finish(channel);
    else if (channel.end) this.next(channel);
    else this.gone(channel, subscription, error instanceof Error ? error.message : String(error));
  }

  private gone(channel: Channel, failed: Subscription, why: string | number): void {
    if (!isSameTarget(channel.subscription, failed)) {
      // The watcher has moved since, and its refresh has asked for a NOTIFY there.
      this.next(channel);
      return;
    }
    const { log, drop } = this.options;
    const { key } = channel.resource;
    log.info({ dialog: channel.id, resource: key.uri, why }, 'a watcher cannot be notified: its subscription ends');
    this.finish(channel);
    drop(key, failed);
  }

  /** A subscription that ended without a last NOTIFY has nothing more to say. */
  private silence({ key }: Resource, changes: readonly ResourceChange[], notices: readonly Notice[]): void {
    const ended = changes.filter((change) => change.kind === 'unsubscribe');
    if (ended.length === 0) return;
    const lasting = new Set<string>();
    for (const notice of notices) if (notice.to === 'dialog' && notice.ends) lasting.add(notice.subscription.id);
    for (const { subscription } of ended) {
      const channel = lasting.has(subscription.id) ? undefined : this.traffic.find(key, subscription.id);
      if (channel) this.finish(channel);
    }
  }

  private finish(channel: Channel): void {
    channel.transaction?.cancel();
    this.cancelTimer(channel);
    this.traffic.remove(channel);
    this.rest(channel);
  }

  private rest(channel: Channel): void {
    if (channel.state === 'idle') return;
    channel.state = 'idle';
    if (this.traffic.release(channel)) this.options.onQuiet(channel.resource.key);
  }

  private cancelTimer(channel: Channel): void {
    if (channel.timer) this.options.sip.wheel.cancel(channel.timer);
    channel.timer = undefined;
  }
}
