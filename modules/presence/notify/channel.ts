// Owns what is known in memory about one dialog's NOTIFYs: the last CSeq, the one in flight, what waits behind it.
import type { ClientTransaction, Flow, SipServices, WheelTimer } from '../../../core/api';
import type { WatcherEntry } from '../api';
import type { Ending } from '../ending';
import { cseqCeiling, documentCeiling, isSameTarget, type Resource, type Subscription } from '../resource';
import { frameOf, type NotifyFrame } from './message';
import { noPlace, type Place } from './places';
import { flowFor } from './target';

/** Nothing to do; in an outbox; sent and not answered; after a failure waiting for its time. */
export type ChannelState = 'idle' | 'queued' | 'flying' | 'backing-off';

export interface Channel {
  readonly id: string;
  resource: Resource;
  /** The dialog as it is stored: what a decision has made of it counts from its commit. */
  subscription: Subscription;
  state: ChannelState;
  /** The last number used. */
  cseq: number;
  /** Watcherinfo documents sent, which is the version of the next (RFC 3858 §3). */
  documents: number;
  /** The document that its last NOTIFY had, see `Seen.edition`. */
  edition: number;
  /** Something happened since the NOTIFY in flight was made: another one follows it, with the newest state. */
  again: boolean;
  /** The subscription has ended: what its last NOTIFY says, and the dialog as it was. */
  end: { readonly reason: Ending; readonly subscription: Subscription } | undefined;
  /** Watcherinfo not yet told; `full` wins over single entries, `entries` then adds those who have ended. */
  untold: { full: boolean; readonly entries: Map<string, WatcherEntry> } | undefined;
  /** The status that the last NOTIFY was answered with, or why there was none. */
  answer: string | number | undefined;
  /** NOTIFYs in a row that are to be retried. */
  failures: number;
  /** The NOTIFY in flight. */
  flight: Flying | undefined;
  /** The place among the unanswered NOTIFYs of its resource that it holds. */
  place: Place;
  /** ms since 1970: when a dialog that is backing off is tried again. */
  retryAt: number;
  timer: WheelTimer | undefined;
  /** The fixed part of its NOTIFYs and the way they take, as long as the dialog is as it was when they were made. */
  prepared: Prepared | undefined;
}

/** What a NOTIFY told of, and whether it was the dialog's last. */
export interface Told {
  readonly subscription: Subscription;
  readonly last: boolean;
}

/** A NOTIFY that has been sent. */
export interface Flying extends Told {
  readonly transaction: ClientTransaction | undefined;
}

interface Prepared {
  /** Stands for the notifier that made it: the next life of the module makes its own. */
  readonly by: object;
  of: Subscription;
  readonly frame: NotifyFrame;
  readonly flow: Flow;
}

/** Watcherinfo entries that wait for one subscriber; more become one full document. */
const maxUntold = 256;

/** A channel for a dialog of which something is to be told just now. `first`: nobody has ever sent a NOTIFY in it. */
export function newChannel(resource: Resource, subscription: Subscription, first: boolean): Channel {
  const channel: Channel = {
    id: subscription.id,
    resource,
    subscription,
    state: 'idle',
    cseq: 0,
    documents: 0,
    edition: 0,
    again: false,
    end: undefined,
    untold: undefined,
    answer: undefined,
    failures: 0,
    flight: undefined,
    place: noPlace,
    retryAt: 0,
    timer: undefined,
    prepared: undefined,
  };
  if (!first) moveOn(channel);
  return channel;
}

/** Binds a channel to a resource that was read anew. */
export function rebind(channel: Channel, resource: Resource, subscription: Subscription): void {
  // When nobody else has stored anything since, all numbers that were used are this channel's.
  const isSame = channel.resource.version >= resource.loadedVersion;
  channel.resource = resource;
  channel.subscription = subscription;
  if (!isSame) moveOn(channel);
}

/**
 * Goes on above all numbers that may have been used by a process that died or by another node: what is to be told now has
 * raised the ceilings by one at least, and they are below.
 */
function moveOn(channel: Channel): void {
  const { resource, subscription } = channel;
  const step = subscription.status === 'active' ? 1 : 0;
  channel.cseq = Math.max(channel.cseq, cseqCeiling(resource, subscription) - 1);
  channel.documents = Math.max(channel.documents, documentCeiling(resource, subscription) - step);
  // What the subscriber knows of the watchers is not known here.
  if (subscription.winfo) tell(channel, true, []);
}

/** The fixed part of a NOTIFY on this way, made when the last one was another or somebody else's than `by`. */
export function prepare(channel: Channel, by: object, of: Subscription, flow: Flow, userAgent: string): NotifyFrame {
  let { prepared } = channel;
  if (prepared?.by !== by || prepared.flow !== flow || !isAlike(prepared.of, of)) {
    prepared = { by, of, frame: frameOf(of, channel.resource.key.event, userAgent, flow), flow };
    channel.prepared = prepared;
  }
  prepared.of = of;
  return prepared.frame;
}

/**
 * The way its next NOTIFY takes: that of the last one while it is open. Looked for anew at each refresh where names lead to it, but
 * not while it is the one that the refreshes come on. Rejects when there is none.
 */
export function wayOf(channel: Channel, by: object, of: Subscription, sip: SipServices): Flow | Promise<Flow> {
  const { prepared } = channel;
  if (prepared?.by === by && prepared.flow.open) {
    const { flow } = prepared;
    if (prepared.of === of || (flow.key === of.source && isAlike(prepared.of, of))) return flow;
  }
  try {
    return flowFor(of, sip);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Whether a dialog still has all that frame and way are made of: what a refresh leaves as it was. */
function isAlike(a: Subscription, b: Subscription): boolean {
  return (
    a === b ||
    (isSameTarget(a, b) &&
      a.routes === b.routes &&
      a.flowRoute === b.flowRoute &&
      a.localContact === b.localContact &&
      a.localUri === b.localUri &&
      a.remoteUri === b.remoteUri &&
      a.eventId === b.eventId)
  );
}

/** Adds what a watcherinfo subscriber has to be told. */
export function tell(channel: Channel, full: boolean, entries: readonly WatcherEntry[]): void {
  channel.untold ??= { full: false, entries: new Map() };
  const { untold } = channel;
  untold.full ||= full;
  for (const entry of entries) untold.entries.set(entry.id, entry);
  if (untold.entries.size > maxUntold) {
    untold.full = true;
    untold.entries.clear();
  }
}
