// Owns what was worked out about an object and may be asked for again soon: a bounded number, and none of an object that has gone.

/**
 * A `WeakMap` of two generations: what was not asked for during one goes. A million entries of a `WeakMap` would cost as much as
 * the objects they are about, and each full collection would walk through them all.
 */
export class RecentMemo<K extends WeakKey, V> {
  #young = new WeakMap<K, V>();
  #old = new WeakMap<K, V>();
  #count = 0;
  readonly #generation: number;

  /** @param generation entries that are kept for sure; up to twice as many are */
  constructor(generation: number) {
    this.#generation = generation;
  }

  get(key: K): V | undefined {
    const found = this.#young.get(key);
    if (found !== undefined) return found;
    const aged = this.#old.get(key);
    if (aged !== undefined) this.set(key, aged);
    return aged;
  }

  set(key: K, value: V): void {
    if (this.#count >= this.#generation) {
      this.#old = this.#young;
      this.#young = new WeakMap();
      this.#count = 0;
    }
    if (!this.#young.has(key)) this.#count++;
    this.#young.set(key, value);
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
