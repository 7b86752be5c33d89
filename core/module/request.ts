// Owns what the core hands to a module: a request on its way through the script, and what an event route is told.
import type { SipRequest, SipResponse } from '../sip/message';
import type { ReplyOptions } from '../sip/reply';
import type { Flow } from '../sip/transport/flow';

/** Values that a script and modules leave for each other at a request. */
export interface Avps {
  get(id: string): string | number | undefined;
  set(id: string, value: string | number): void;
}

/** A request that the routing script is working on; what a function whose first argument is a request gets. */
export interface RoutedRequest {
  /** The message as it stands: what the script edited is what modules see. */
  readonly message: SipRequest;
  /** The way it came, and the way its answer goes. */
  readonly flow: Flow;
  /** The request's AVPs by `String(id)`. */
  readonly avps: Avps;
  readonly answered: boolean;
  /** Raw header lines, each ending in CRLF, that `reply` adds to the answer. */
  replyHeaders: string;
  /**
   * Answers the request. False, and logged, when it has been answered already. `stateless` keeps no reply for
   * retransmissions.
   */
  reply(status: number, reason: string, options?: ReplyOptions & { stateless?: boolean }): boolean;
}

/** What an event route is told, for instance `presence:notify-reply`. */
export interface EventRouteInput {
  /** The request the event is about, as far as there is one. */
  readonly request?: SipRequest;
  /** The answer to it; absent when none came. */
  readonly response?: SipResponse;
  /** Plain values that the script reads by name. */
  readonly fields: Readonly<Record<string, string | number>>;
}
