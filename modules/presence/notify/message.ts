// Owns the bytes of a NOTIFY: what stays the same in a dialog is made once, the rest is put around it.
import { detach, type Flow, type Outgoing } from '../../../core/api';
import type { Ending } from '../ending';
import type { Subscription } from '../resource';
import { routesOf } from './target';

/** The parts of a dialog's NOTIFYs that do not change from one to the next. */
export interface NotifyFrame {
  /** `NOTIFY uri SIP/2.0` and CRLF, before the Via. */
  readonly start: string;
  /** All headers between Via and CSeq. */
  readonly headers: string;
}

/** Content headers with the empty line behind them, and the body: shared by all watchers of one document. */
export interface Content {
  readonly head: string;
  readonly body: Buffer;
}

export const noContent: Content = { head: 'Content-Length: 0\r\n\r\n', body: Buffer.alloc(0) };

/** The frame of a dialog (RFC 3261 §12.2.1.1): remote target and route set, tags, Event with its id, our Contact. */
export function frameOf(
  subscription: Subscription,
  packageName: string,
  userAgent: string,
  flow: Pick<Flow, 'key'>,
): NotifyFrame {
  const { requestUri, routes } = routesOf(subscription, flow);
  const id = subscription.eventId === undefined ? '' : `;id=${subscription.eventId}`;
  const event = subscription.winfo ? `${packageName}.winfo` : packageName;
  return {
    // Flat: a text put together stays a tree of its parts, which weighs three times as much, until somebody reads it.
    start: detach(`NOTIFY ${requestUri} SIP/2.0\r\nVia: `),
    headers: detach(
      `\r\nMax-Forwards: 70\r\n${routes === '' ? '' : `Route: ${routes}\r\n`}` +
        `From: <${subscription.localUri}>;tag=${subscription.toTag}\r\n` +
        `To: <${subscription.remoteUri}>;tag=${subscription.fromTag}\r\n` +
        `Call-ID: ${subscription.callId}\r\nContact: ${subscription.localContact}\r\nEvent: ${event}${id}\r\n` +
        `${userAgent === '' ? '' : `User-Agent: ${userAgent}\r\n`}CSeq: `,
    ),
  };
}

/** A document with the headers that announce it. */
export function contentOf(type: string, body: Buffer): Content {
  return { head: detach(`Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`), body };
}

/** The value of Subscription-State: `active;expires=n`, `pending;expires=n` or `terminated;reason=r` (RFC 6665 §4.1.3). */
export function subscriptionState(subscription: Subscription, ends: Ending | undefined, now: number): string {
  if (ends !== undefined) return `terminated;reason=${ends}`;
  return `${subscription.status};expires=${Math.max(0, subscription.expires - Math.ceil(now / 1000))}`;
}

/** One NOTIFY. `via` is the whole Via value. */
export function notify(frame: NotifyFrame, via: string, cseq: number, state: string, content: Content): Outgoing {
  const head = `${frame.start}${via}${frame.headers}${cseq} NOTIFY\r\nSubscription-State: ${state}\r\n${content.head}`;
  return { head, body: content.body };
}
