// Owns a set that forgets: what was added is in it for a given time, at the price of one timer for all.
import type { TimerWheel } from '../../base/wheel';

/** Two generations that change places: everything stays for at least `lifetime`, at most twice that. */
export class RecentSet {
  readonly #wheel: TimerWheel;
  readonly #lifetime: number;
  #young = new Set<string>();
  #old = new Set<string>();
  #turning = false;

  /** @param lifetime ms */
  constructor(wheel: TimerWheel, lifetime: number) {
    this.#wheel = wheel;
    this.#lifetime = lifetime;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  has(text: string): boolean {
    return this.#young.has(text) || this.#old.has(text);
  }

  add(text: string): void {
    this.#young.add(text);
    if (this.#turning) return;
    this.#turning = true;
    this.#wheel.after(this.#lifetime, () => this.#turn());
  }

  #turn(): void {
    this.#old = this.#young;
    this.#young = new Set();
    this.#turning = this.#old.size > 0;
    if (this.#turning) this.#wheel.after(this.#lifetime, () => this.#turn());
  }
}
