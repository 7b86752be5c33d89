// Owns the time of day. Nothing else in the house calls Date.now(), so a test can set the clock.
import { performance } from 'node:perf_hooks';

/** A source of time. */
export interface Clock {
  /** Milliseconds since 1970, as `Date.now()`. */
  now(): number;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now() };

/** Milliseconds that never go back, with fractions: for measuring how long something takes, and nothing else. */
export function stopwatch(): number {
  return performance.now();
}

/** Milliseconds for which the event loop has had nothing to do since the start, with fractions. */
export function idleTime(): number {
  return performance.nodeTiming.idleTime;
}

/** Unix time in whole seconds, as the database stores it. */
export function seconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}
