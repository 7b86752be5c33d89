// Owns the NOTIFYs: one in flight per dialog, what changes meanwhile goes into the next, failures by the policy.
import type { ClientOutcome, Flow } from '../../../core/api';
import type { Notice } from '../changes';
import type { Draft } from '../draft';
import {
  cseqCeiling,
  followsState,
  isSameTarget,
  type Resource,
  type ResourceKey,
  type Subscription,
} from '../resource';
import { type Channel, type Told, tell, wayOf } from './channel';
import { Contents } from './content';
import { FanOuts } from './fanout';
import { takeOff } from './flight';
import { cancelTimer, endedSilently, park, silence } from './halt';
import type { NotifierOptions } from './options';
import { Outbox } from './outbox';
import { judge, retryDelay } from './outcome';
import { noPlace, type Place } from './places';
import { type Lines, Traffic } from './traffic';

export class Notifier {
  readonly traffic: Traffic;
  readonly contents: Contents;
  private readonly fanouts: FanOuts;
  readonly outbox: Outbox<string, Channel>;
  /** Stands for this notifier in what it prepares. */
  private readonly self = {};
  private parked = false;

  constructor(private readonly options: NotifierOptions) {
    this.traffic = new Traffic(options.lines);
    this.outbox = new Outbox({
      wheel: options.sip.wheel,
      idle: options.idle,
      send: (channel, place) => this.send(channel, place),
    });
    const { events, watcherinfo, permission, log } = options;
    this.contents = new Contents(events, watcherinfo, permission, log, this.traffic);
    this.fanouts = new FanOuts({
      traffic: this.traffic,
      contents: this.contents,
      wake: (channel) => this.wake(channel),
      over: (resource) => {
        if (this.traffic.releaseLine(resource)) options.onQuiet(resource.key);
      },
    });
  }

  /** Whether NOTIFYs of this resource are under way: it must stay in memory. */
  isBusy(key: ResourceKey): boolean {
    return this.traffic.isBusy(key);
  }

  /** How many resources have NOTIFYs under way. */
  get underWay(): number {
    return this.traffic.underWay;
  }

  /** What is known of a dialog's NOTIFYs; undefined when none was sent lately. */
  look(key: ResourceKey, dialog: string): Readonly<Channel> | undefined {
    return this.traffic.find(key, dialog);
  }

  /** Takes up what a commit has changed and whom it concerns. The document is made now, from what is stored. */
  stored({ resource, duty, changes, notices }: Draft): void {
    this.contents.stored(resource, changes, duty === 'handed');
    for (const id of endedSilently(changes, notices)) {
      const channel = this.traffic.find(resource.key, id);
      if (channel) this.finish(channel);
    }
    // A dialog's own event comes first: it alone knows that a dialog is new.
    for (const notice of notices) if (notice.to === 'dialog') this.tellDialog(resource, notice);
    for (const notice of notices) if (notice.to !== 'dialog') this.fanouts.start(resource, notice);
    if (this.traffic.isBusy(resource.key)) return;
    this.traffic.rest(resource.key);
    this.options.onQuiet(resource.key);
  }

  /** Forgets the idle channels of a resource that leaves memory. */
  forget(key: ResourceKey): void {
    this.traffic.forget(key);
  }

  /**
   * Stops acting and gives the channels to the next life of the module. NOTIFYs in flight stay in flight: their outcomes wait
   * for `resume`.
   */
  park(): Lines {
    this.fanouts.finish();
    this.parked = true;
    this.outbox.clear();
    for (const channel of this.traffic.working()) park(channel, this.options.sip.wheel);
    return this.traffic.handOver();
  }

  /** Sends nothing until `resume`, and nothing again. */
  pause(): void {
    this.fanouts.finish();
    this.parked = true;
    this.outbox.clear();
    for (const channel of this.traffic.working()) silence(channel, this.options.sip.wheel);
  }

  /** A resource was read anew while its watchers are being told. */
  renew(resource: Resource): void {
    for (const channel of this.traffic.renew(resource)) this.finish(channel);
  }

  /** Another node tells the watchers of this resource now. */
  abandon(key: ResourceKey): void {
    this.fanouts.abandon(key);
    for (const channel of this.traffic.of(key)) if (!channel.end) this.finish(channel);
  }

  /** Goes on with what the channels were at when they were parked or paused. */
  resume(): void {
    this.parked = false;
    for (const channel of this.traffic.working()) {
      const { flight } = channel;
      if (flight) flight.transaction?.adopt((outcome) => this.landed(channel, flight, outcome));
      else if (channel.state === 'backing-off') this.await(channel);
      else this.enqueue(channel);
    }
  }

  /** Stops all sending. What is owed stays noted in the database. */
  close(): void {
    this.fanouts.finish();
    this.outbox.clear();
    for (const channel of this.traffic.working()) {
      channel.flight?.transaction?.cancel();
      cancelTimer(channel, this.options.sip.wheel);
      channel.state = 'idle';
    }
  }

  private tellDialog(resource: Resource, { subscription, ends }: Extract<Notice, { to: 'dialog' }>): void {
    const current = ends === undefined ? resource.subscriptions.get(subscription.id) : subscription;
    // Ended again before it was told of its beginning.
    if (!current) return;
    if (followsState(current) && !current.winfo) this.contents.compose(resource);
    const channel = this.traffic.channelOf(resource, current, subscription.localCseq === 1);
    if (ends !== undefined) channel.end = { reason: ends, subscription };
    if (subscription.winfo) tell(channel, true, []);
    this.wake(channel);
  }

  private wake(channel: Channel): void {
    if (channel.state === 'idle') {
      this.traffic.hold(channel);
      this.enqueue(channel);
    } else if (channel.state === 'backing-off' && channel.end) {
      // The last NOTIFY waits for nothing.
      cancelTimer(channel, this.options.sip.wheel);
      this.enqueue(channel);
    } else if (channel.state !== 'queued') {
      channel.again = true;
    }
  }

  private enqueue(channel: Channel): void {
    channel.state = 'queued';
    this.outbox.add(channel.resource.key.id, channel);
  }

  private send(channel: Channel, place: Place): void {
    const { resource } = channel;
    if (this.parked || channel.state !== 'queued' || !this.options.maySend()) {
      this.outbox.giveBack(resource.key.id, place);
      return;
    }
    channel.place = place;
    const subscription = channel.end?.subscription ?? channel.subscription;
    if (channel.cseq >= cseqCeiling(resource, subscription)) {
      // Every number that stored state provides for has been used: store a higher one first.
      this.leavePlace(channel);
      this.rest(channel);
      this.options.follow({ kind: 'again', key: resource.key, dialog: channel.id });
      return;
    }
    channel.state = 'flying';
    const way = wayOf(channel, this.self, subscription, this.options.sip);
    const unreachable = (error: unknown) => this.unreachable(channel, subscription, error);
    if (way instanceof Promise) way.then((flow) => this.launch(channel, flow), unreachable);
    else this.launch(channel, way);
  }

  private launch(channel: Channel, flow: Flow): void {
    // While the way was looked for all was closed or handed over, or a pause has made it be looked for again and that was quicker.
    if (this.parked || channel.state !== 'flying' || channel.flight) return;
    const { sip, clock, log } = this.options;
    try {
      takeOff(channel, flow, { tower: this, by: this.self, contents: this.contents, sip, now: clock.now() });
    } catch (error) {
      log.error({ err: error, dialog: channel.id }, 'a NOTIFY could not be made');
      this.leavePlace(channel);
      if (channel.end) this.finish(channel);
      else this.backOff(channel, retryDelay(channel.failures));
    }
  }

  /** @internal A NOTIFY has its outcome. */
  landed(channel: Channel, { subscription, last }: Told, outcome: ClientOutcome): void {
    channel.flight = undefined;
    this.leavePlace(channel);
    channel.answer = outcome.failure ?? outcome.response?.status;
    this.options.replied(outcome, channel, subscription);
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
    // The document of a failed NOTIFY is lost to the watcher: a later part would leave a hole (RFC 3858 §4).
    if (channel.subscription.winfo) tell(channel, true, []);
    channel.state = 'backing-off';
    channel.retryAt = this.options.clock.now() + afterMs;
    this.await(channel);
  }

  /** Tries a dialog that is backing off again when its time has come. */
  private await(channel: Channel): void {
    const { sip, clock, follow } = this.options;
    channel.timer = sip.wheel.after(channel.retryAt - clock.now(), () => {
      channel.timer = undefined;
      if (channel.again) {
        this.next(channel);
      } else {
        this.rest(channel);
        follow({ kind: 'again', key: channel.resource.key, dialog: channel.id });
      }
    });
  }

  private unreachable(channel: Channel, subscription: Subscription, error: unknown): void {
    if (this.parked || channel.state !== 'flying' || channel.flight) return;
    this.leavePlace(channel);
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
    const { key } = channel.resource;
    const { log, follow } = this.options;
    log.info({ dialog: channel.id, resource: key.uri, why }, 'a watcher cannot be notified: its subscription ends');
    this.finish(channel);
    follow({ kind: 'drop', key, failed });
  }

  private finish(channel: Channel): void {
    channel.flight?.transaction?.cancel();
    channel.flight = undefined;
    this.leavePlace(channel);
    cancelTimer(channel, this.options.sip.wheel);
    this.traffic.remove(channel);
    this.rest(channel);
  }

  private leavePlace(channel: Channel): void {
    const { place, resource } = channel;
    if (place === noPlace) return;
    channel.place = noPlace;
    this.outbox.giveBack(resource.key.id, place);
  }

  private rest(channel: Channel): void {
    if (channel.state === 'idle') return;
    channel.state = 'idle';
    if (this.traffic.release(channel)) this.options.onQuiet(channel.resource.key);
  }
}
