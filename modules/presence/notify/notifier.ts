// Owns the NOTIFYs: one in flight per dialog, what changes meanwhile goes into the next, failures by the policy.
import type { ClientOutcome, Clock, EventRouteInput, Flow, Logger, SipServices } from '../../../core/api';
import type { EventPackage, WatcherinfoFormat } from '../api';
import { changesDocument, type Decide, type Notice, type ResourceChange } from '../changes';
import { dropSubscription, notifyAgain } from '../decide/subscribe';
import { cseqCeiling, type Resource, type Subscription } from '../resource';
import { type Channel, newChannel, tell } from './channel';
import { Contents } from './content';
import { frameOf, notifyBytes, subscriptionState } from './message';
import { Outbox } from './outbox';
import { judge } from './outcome';
import { flowFor } from './target';

interface NotifierOptions {
  readonly sip: SipServices;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: ReadonlyMap<string, EventPackage>;
  readonly watcherinfo: ReadonlyMap<string, WatcherinfoFormat>;
  /** Puts a decision of the notifier's own through the door. */
  change(resource: Resource, decide: Decide): void;
  /** Told when nothing is owed to a resource's watchers any more. */
  onQuiet(resource: Resource): void;
  /** `event_route` of the script, only when it exports the route. */
  replied: ((input: EventRouteInput) => void) | undefined;
}

export class Notifier {
  private readonly channels = new Map<string, Channel>();
  private readonly busy = new Map<Resource, number>();
  private readonly contents: Contents;
  private readonly outbox = new Outbox<Resource, Channel>((channel) => this.send(channel));

  constructor(private readonly options: NotifierOptions) {
    this.contents = new Contents(options.events, options.watcherinfo);
  }

  /** Whether NOTIFYs of this resource are under way: it must stay in memory. */
  isBusy(resource: Resource): boolean {
    return this.busy.has(resource);
  }

  /** How many resources have NOTIFYs under way. */
  get underWay(): number {
    return this.busy.size;
  }

  /** Takes up what a commit has changed and whom it concerns. The document is made now, from what is stored. */
  stored(resource: Resource, changes: readonly ResourceChange[], notices: readonly Notice[]): void {
    if (changes.some(changesDocument)) this.contents.outdated(resource);
    for (const change of changes) {
      if (change.kind === 'unsubscribe') this.forgetUnlessLast(change.subscription, notices);
    }
    for (const notice of notices) this.take(resource, notice);
    if (notices.length > 0 && !this.busy.has(resource)) this.options.onQuiet(resource);
  }

  /** Forgets the idle channels of a resource that leaves memory. */
  evicted(resource: Resource): void {
    for (const id of resource.subscriptions.keys()) this.channels.delete(id);
  }

  private take(resource: Resource, notice: Notice): void {
    if (notice.to !== 'watcherinfo') this.contents.document(resource);
    switch (notice.to) {
      case 'watchers':
        for (const subscription of resource.subscriptions.values()) {
          if (subscription.winfo || subscription.status !== 'active' || subscription.watcher === notice.except)
            continue;
          this.wake(this.channelOf(resource, subscription));
        }
        break;
      case 'dialog': {
        const channel = this.channelOf(resource, notice.subscription);
        if (notice.ends !== undefined) channel.end = { reason: notice.ends, subscription: notice.subscription };
        if (notice.subscription.winfo) tell(channel, true, []);
        this.wake(channel);
        break;
      }
      case 'watcherinfo':
        for (const subscription of resource.subscriptions.values()) {
          if (!subscription.winfo || subscription.status !== 'active') continue;
          const channel = this.channelOf(resource, subscription);
          tell(channel, notice.state === 'full', notice.watchers);
          this.wake(channel);
        }
        break;
    }
  }

  private channelOf(resource: Resource, subscription: Subscription): Channel {
    let channel = this.channels.get(subscription.id);
    if (!channel) {
      channel = newChannel(resource, subscription);
      this.channels.set(subscription.id, channel);
    } else if (channel.resource !== resource) {
      // Read anew from the database: what is under way now counts for the new copy.
      if (channel.state !== 'idle') {
        this.release(channel.resource);
        this.hold(resource);
      }
      channel.resource = resource;
    }
    return channel;
  }

  private wake(channel: Channel): void {
    if (channel.state === 'idle') {
      channel.state = 'queued';
      this.hold(channel.resource);
      this.outbox.add(channel.resource, channel);
    } else if (channel.state === 'backing-off' && channel.end) {
      // The last NOTIFY waits for nothing.
      this.cancelTimer(channel);
      channel.state = 'queued';
      this.outbox.add(channel.resource, channel);
    } else if (channel.state !== 'queued') {
      channel.again = true;
    }
  }

  private send(channel: Channel): void {
    if (channel.state !== 'queued') return;
    const { resource } = channel;
    const subscription = channel.end?.subscription ?? resource.subscriptions.get(channel.id);
    if (!subscription) {
      this.close(channel);
      return;
    }
    if (channel.cseq >= cseqCeiling(resource, subscription)) {
      // Every number that stored state provides for has been used: store a higher one first.
      this.rest(channel);
      this.options.change(resource, (current) => notifyAgain(current, channel.id));
      return;
    }
    channel.state = 'flying';
    channel.again = false;
    if (channel.prepared?.of === subscription && channel.prepared.flow.open) {
      this.launch(channel, subscription, channel.prepared.flow);
      return;
    }
    let flow: ReturnType<typeof flowFor>;
    try {
      flow = flowFor(subscription, this.options.sip);
    } catch (error) {
      this.unreachable(channel, error);
      return;
    }
    if (flow instanceof Promise) {
      flow.then(
        (found) => this.launch(channel, subscription, found),
        (error: unknown) => this.unreachable(channel, error),
      );
    } else {
      this.launch(channel, subscription, flow);
    }
  }

  private launch(channel: Channel, subscription: Subscription, flow: Flow): void {
    const { sip, clock } = this.options;
    const cseq = ++channel.cseq;
    const last = channel.end !== undefined;
    const content = this.contents.next(channel, subscription, cseq, clock.now());
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
      this.close(channel);
      return;
    }
    const verdict = judge(outcome, channel.failures);
    if (verdict.kind === 'delivered') {
      channel.failures = 0;
      this.next(channel);
    } else if (channel.end) {
      this.next(channel);
    } else if (verdict.kind === 'gone') {
      this.gone(channel, outcome.response?.status ?? outcome.failure ?? 'no answer');
    } else {
      this.backOff(channel, verdict.afterMs);
    }
  }

  /** After a NOTIFY that arrived: the one that waits behind it, or rest. */
  private next(channel: Channel): void {
    if (channel.again || channel.end) {
      channel.state = 'queued';
      this.outbox.add(channel.resource, channel);
    } else {
      this.rest(channel);
    }
  }

  private backOff(channel: Channel, afterMs: number): void {
    channel.failures++;
    // The document of a failed NOTIFY is lost to the watcher: a later part would leave a hole (RFC 3858 §4.1).
    tell(channel, true, []);
    channel.state = 'backing-off';
    channel.timer = this.options.sip.wheel.after(afterMs, () => {
      channel.timer = undefined;
      if (channel.again) {
        this.next(channel);
      } else {
        this.rest(channel);
        this.options.change(channel.resource, (current) => notifyAgain(current, channel.id));
      }
    });
  }

  private unreachable(channel: Channel, error: unknown): void {
    if (channel.end) this.close(channel);
    else this.gone(channel, error instanceof Error ? error.message : String(error));
  }

  private gone(channel: Channel, why: string | number): void {
    const { log, change } = this.options;
    log.info(
      { dialog: channel.id, resource: channel.resource.key.uri, why },
      'a watcher cannot be notified: its subscription ends',
    );
    const { resource, id } = channel;
    this.close(channel);
    change(resource, (current, around) => dropSubscription(current, id, around));
  }

  /** A subscription that ended without a last NOTIFY has nothing more to say. */
  private forgetUnlessLast(subscription: Subscription, notices: readonly Notice[]): void {
    if (notices.some((notice) => notice.to === 'dialog' && notice.subscription === subscription)) return;
    const channel = this.channels.get(subscription.id);
    if (channel) this.close(channel);
  }

  private close(channel: Channel): void {
    channel.transaction?.cancel();
    this.cancelTimer(channel);
    this.channels.delete(channel.id);
    this.rest(channel);
  }

  private rest(channel: Channel): void {
    if (channel.state === 'idle') return;
    channel.state = 'idle';
    this.release(channel.resource);
  }

  private cancelTimer(channel: Channel): void {
    if (channel.timer) this.options.sip.wheel.cancel(channel.timer);
    channel.timer = undefined;
  }

  private hold(resource: Resource): void {
    this.busy.set(resource, (this.busy.get(resource) ?? 0) + 1);
  }

  private release(resource: Resource): void {
    const left = (this.busy.get(resource) ?? 1) - 1;
    if (left > 0) {
      this.busy.set(resource, left);
    } else {
      this.busy.delete(resource);
      this.options.onQuiet(resource);
    }
  }
}
