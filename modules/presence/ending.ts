// Owns the reasons for which a subscription ends: as operators write them, as a NOTIFY says them, as watcherinfo calls them.
import type { WatcherEvent } from './api';
import type { Subscription } from './resource';

/** Reasons of RFC 6665 §4.1.3 that are events of RFC 3857 §4.7.1 as well. */
type EndReason = Exclude<WatcherEvent, 'subscribe' | 'approved'>;

/**
 * What Subscription-State says behind `terminated;reason=`. Only after probation and giveup has a retry-after (seconds) a
 * meaning.
 */
export type Ending = EndReason | `${'probation' | 'giveup'};retry-after=${number}`;

/** A subscription that has ended, while another node than the one that ended it is to send the last NOTIFY. */
export interface Parting {
  readonly subscription: Subscription;
  readonly reason: Ending;
}

/** For messages: what `readEnding` takes. */
export const endings =
  'deactivated, probation, rejected, timeout, giveup or noresource; behind probation and giveup may stand ;retry-after=SECONDS';

/** An ending as an operator wrote it; undefined when it is none. */
export function readEnding(text: string): Ending | undefined {
  const isOne = /^(deactivated|rejected|timeout|noresource|(probation|giveup)(;retry-after=(0|[1-9]\d{0,8}))?)$/.test(
    text,
  );
  return isOne ? (text as Ending) : undefined;
}

/** The event that brought a watcher into `terminated`. */
export function eventOf(ending: Ending): EndReason {
  return ending.split(';', 1)[0] as EndReason;
}
