// Owns a map for what comes and goes: entries that stay for milliseconds leave nothing behind for the garbage collector.
import { hashText } from './hash';

const none = -1;
const leastCapacity = 16;

/**
 * A map by text with the methods of `Map`, in no order. V8's `Map` makes a new table whenever as many entries have come as it
 * has places, and an old table that has grown old keeps the next one alive and all it held: with entries that stay for
 * milliseconds, whole requests live until the next full collection (4.7 KB of each PUBLISH, a fifth of the server's time with the collector).
 * This one uses its places again and allocates nothing as long as it does not grow.
 */
export class BriefMap<V> {
  #heads = new Int32Array(leastCapacity).fill(none);
  /** Of each place: the next in its bucket, or in the list of free ones. */
  #next = new Int32Array(leastCapacity);
  #hashes = new Int32Array(leastCapacity);
  #keys: (string | undefined)[] = [];
  #values: (V | undefined)[] = [];
  #free = none;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param hash of the key, when it is known: so with all methods */
  get(key: string, hash = hashText(key)): V | undefined {
    const place = this.#find(key, hash);
    return place === none ? undefined : this.#values[place];
  }

  has(key: string, hash = hashText(key)): boolean {
    return this.#find(key, hash) !== none;
  }

  set(key: string, value: V, hash = hashText(key)): void {
    let place = this.#find(key, hash);
    if (place === none) {
      place = this.#take();
      const bucket = hash & (this.#heads.length - 1);
      this.#hashes[place] = hash;
      this.#next[place] = this.#heads[bucket] as number;
      this.#heads[bucket] = place;
      this.#keys[place] = key;
      this.#size++;
    }
    this.#values[place] = value;
  }

  /** @returns whether it was there */
  delete(key: string, hash = hashText(key)): boolean {
    const bucket = hash & (this.#heads.length - 1);
    let before = none;
    let place = this.#heads[bucket] as number;
    while (place !== none && !this.#holds(place, key, hash)) {
      before = place;
      place = this.#next[place] as number;
    }
    if (place === none) return false;
    const next = this.#next[place] as number;
    if (before === none) this.#heads[bucket] = next;
    else this.#next[before] = next;
    this.#keys[place] = undefined;
    this.#values[place] = undefined;
    this.#next[place] = this.#free;
    this.#free = place;
    this.#size--;
    return true;
  }

  /** Entries that are deleted meanwhile are not visited, those that are added may or may not be. */
  *entries(): Iterable<[string, V]> {
    for (let place = 0; place < this.#keys.length; place++) {
      const key = this.#keys[place];
      if (key !== undefined) yield [key, this.#values[place] as V];
    }
  }

  /** As `entries`. */
  *values(): Iterable<V> {
    for (let place = 0; place < this.#keys.length; place++) {
      if (this.#keys[place] !== undefined) yield this.#values[place] as V;
    }
  }

  /** As `entries`. */
  *keys(): Iterable<string> {
    for (const key of this.#keys) if (key !== undefined) yield key;
  }

  /** The values of this moment, with holes; each in its place, where it stays as long as it is in the map. No walk: a copy of a table. */
  snapshot(): readonly (V | undefined)[] {
    return this.#values.slice();
  }

  #find(key: string, hash: number): number {
    let place = this.#heads[hash & (this.#heads.length - 1)] as number;
    while (place !== none && !this.#holds(place, key, hash)) place = this.#next[place] as number;
    return place;
  }

  #holds(place: number, key: string, hash: number): boolean {
    return this.#hashes[place] === hash && this.#keys[place] === key;
  }

  /** A free place. */
  #take(): number {
    const place = this.#free;
    if (place !== none) {
      this.#free = this.#next[place] as number;
      return place;
    }
    if (this.#keys.length === this.#heads.length) this.#grow();
    this.#values.push(undefined);
    return this.#keys.push(undefined) - 1;
  }

  #grow(): void {
    const capacity = 2 * this.#heads.length;
    this.#heads = new Int32Array(capacity).fill(none);
    const next = new Int32Array(capacity);
    const hashes = new Int32Array(capacity);
    hashes.set(this.#hashes);
    for (let place = 0; place < this.#keys.length; place++) {
      const bucket = (hashes[place] as number) & (capacity - 1);
      next[place] = this.#heads[bucket] as number;
      this.#heads[bucket] = place;
    }
    this.#next = next;
    this.#hashes = hashes;
  }
}
