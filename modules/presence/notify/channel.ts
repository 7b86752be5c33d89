// Owns what is known in memory about one dialog's NOTIFYs: the last CSeq, the one in flight, what waits behind it.
import type { ClientTransaction, Flow, WheelTimer } from '../../../core/api';
import type { WatcherEntry } from '../api';
import { cseqCeiling, type Resource, type Subscription } from '../resource';
import type { NotifyFrame } from './message';

/** Nothing to do; in an outbox; sent and not answered; after a failure waiting for its time. */
export type ChannelState = 'idle' | 'queued' | 'flying' | 'backing-off';

export interface Channel {
  readonly id: string;
  resource: Resource;
  state: ChannelState;
  /** The last number used. */
  cseq: number;
  /** Something happened since the NOTIFY in flight was made: another one follows it, with the newest state. */
  again: boolean;
  /** The subscription has ended: what its last NOTIFY says, and the dialog as it was. */
  end: { readonly reason: string; readonly subscription: Subscription } | undefined;
  /** Watcherinfo not yet told; `full` wins over single entries, `entries` then adds those who have ended. */
  untold: { full: boolean; readonly entries: Map<string, WatcherEntry> } | undefined;
  /** NOTIFYs in a row that are to be retried. */
  failures: number;
  transaction: ClientTransaction | undefined;
  timer: WheelTimer | undefined;
  /** The fixed part of its NOTIFYs and the way they take, as long as the dialog is as it was when they were made. */
  prepared: { readonly of: Subscription; readonly frame: NotifyFrame; readonly flow: Flow } | undefined;
}

/**
 * A channel for a dialog of which something is to be told just now. That raised the ceiling by one at least, so all numbers
 * that were used before, by this process or by one that died, are below it.
 */
export function newChannel(resource: Resource, subscription: Subscription): Channel {
  return {
    id: subscription.id,
    resource,
    state: 'idle',
    cseq: cseqCeiling(resource, subscription) - 1,
    again: false,
    end: undefined,
    untold: undefined,
    failures: 0,
    transaction: undefined,
    timer: undefined,
    prepared: undefined,
  };
}

/** Adds what a watcherinfo subscriber has to be told. */
export function tell(channel: Channel, full: boolean, entries: readonly WatcherEntry[]): void {
  channel.untold ??= { full: false, entries: new Map() };
  channel.untold.full ||= full;
  for (const entry of entries) channel.untold.entries.set(entry.id, entry);
}
