// Owns the failure policy of NOTIFY: what an answer, or none, means for the subscription (RFC 6665 §4.2.2, RFC 5057 §5).
import type { ClientOutcome } from '../../../core/api';

export type Verdict =
  | { readonly kind: 'delivered' }
  /** The watcher is not there or wants none: the subscription ends without another NOTIFY. */
  | { readonly kind: 'gone' }
  /** A fault that may pass: the same dialog is tried again after `afterMs`. */
  | { readonly kind: 'later'; readonly afterMs: number };

/**
 * RFC 6665 §4.2.2 by way of RFC 5057: answers that say that dialog or usage is no more. 430 is another node's word that the
 * watcher's connection has gone (RFC 5626 §5.3): whoever opens a new one subscribes anew.
 */
const endingCodes = new Set([404, 405, 410, 416, 430, 480, 481, 482, 483, 484, 485, 489, 501, 604]);

const firstRetryMs = 5_000;
const longestRetryMs = 300_000;
/** What a watcher may ask for with Retry-After; its subscription ends before that in most cases. */
const longestWishMs = 86_400_000;

/** Judges the final outcome of a NOTIFY. `failures` counts those before it that were to be retried. */
export function judge(outcome: ClientOutcome, failures: number): Verdict {
  const { response } = outcome;
  if (!response) return { kind: 'gone' };
  if (response.status < 300) return { kind: 'delivered' };
  const wanted = retryAfter(response.header('Retry-After'));
  // RFC 5057 §5.2: 480 with Retry-After says when the watcher is back; the others end the dialog whatever they add.
  if (endingCodes.has(response.status) && !(response.status === 480 && wanted !== undefined)) return { kind: 'gone' };
  if (wanted !== undefined) return { kind: 'later', afterMs: Math.min(wanted * 1000, longestWishMs) };
  return { kind: 'later', afterMs: retryDelay(failures) };
}

/** Milliseconds to wait after a NOTIFY that failed for a while: 5 s, then twice as long each time, up to 5 minutes. */
export function retryDelay(failures: number): number {
  return Math.min(firstRetryMs * 2 ** Math.min(failures, 10), longestRetryMs);
}

/** Seconds, without the comment and parameters that may follow (RFC 3261 §20.33). */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const seconds = Number.parseInt(value, 10);
  return Number.isNaN(seconds) || seconds < 0 ? undefined : Math.max(1, seconds);
}
