// Owns a clock that stands still until a test moves it, so that no test sleeps.
import type { Clock } from '../../core/base/clock';

/** A clock moved by hand. Whatever lives on time (a timer wheel, say) hangs its `advance` on `onTick`. */
export class ManualClock implements Clock {
  #now: number;
  readonly #ticks = new Set<() => void>();

  /** @param start ms since 1970; a whole second, so that seconds computed from it are round */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  /**
   * Moves on by `ms`, at most `step` ms at a time, and calls every tick listener after each step. Small steps keep the
   * order of timers that fall due at different times.
   */
  advance(ms: number, step = 10): void {
    const end = this.#now + ms;
    while (this.#now < end) {
      this.#now = Math.min(end, this.#now + step);
      for (const tick of this.#ticks) tick();
    }
  }

  /** Jumps to `time` (ms since 1970) in one step, backwards too: what a corrected system clock does. */
  set(time: number): void {
    this.#now = time;
    for (const tick of this.#ticks) tick();
  }

  /** Calls `tick` after every step of time until the returned function is called. */
  onTick(tick: () => void): () => void {
    this.#ticks.add(tick);
    return () => {
      this.#ticks.delete(tick);
    };
  }
}
