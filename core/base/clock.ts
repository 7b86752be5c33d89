// Owns the time of day. Nothing else in the house calls Date.now(), so a test can set the clock.

/** A source of time. */
export interface Clock {
  /** Milliseconds since 1970, as `Date.now()`. */
  now(): number;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now() };

/** Unix time in whole seconds, as the database stores it. */
export function seconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}
