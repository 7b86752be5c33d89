// Owns the base values of RFC 3261's timers (§17.1.1.1 and table 4).

/** All in ms. */
export interface Timers {
  /** Round-trip estimate: the first retransmission; 64 of it end a transaction (timers F and J). */
  readonly t1: number;
  /** The longest interval between retransmissions of a non-INVITE request. */
  readonly t2: number;
}

export const defaultTimers: Timers = { t1: 500, t2: 4000 };
