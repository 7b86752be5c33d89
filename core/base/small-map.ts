// Owns a map that mostly holds a few entries: two lists as long as they are short, a table when they are not.
import { BriefMap } from './brief-map';

/** As many as are found by looking at each faster than by a hash. */
const few = 12;
const nothing: readonly never[] = [];

/**
 * A map by text with the methods of `Map`; the order is that of coming as long as there are few. Empty, it has no table,
 * and a server with a hundred thousand resources holds four times as many of them; and see `BriefMap`.
 */
export class SmallMap<V> {
  private names: string[] = nothing as readonly string[] as string[];
  private things: V[] = nothing as readonly V[] as V[];
  private many: BriefMap<V> | undefined = undefined;

  get size(): number {
    return this.many === undefined ? this.names.length : this.many.size;
  }

  get(key: string): V | undefined {
    if (this.many !== undefined) return this.many.get(key);
    const place = this.names.indexOf(key);
    return place === -1 ? undefined : this.things[place];
  }

  has(key: string): boolean {
    return this.many === undefined ? this.names.includes(key) : this.many.has(key);
  }

  set(key: string, value: V): void {
    if (this.many !== undefined) {
      this.many.set(key, value);
      return;
    }
    const place = this.names.indexOf(key);
    if (place !== -1) this.things[place] = value;
    else if (this.names.length < few) {
      this.names = longer(this.names, key);
      this.things = longer(this.things, value);
    } else {
      this.many = new BriefMap();
      for (const [i, known] of this.names.entries()) this.many.set(known, this.things[i] as V);
      this.names = [];
      this.things = [];
      this.many.set(key, value);
    }
  }

  /** @returns whether it was there */
  delete(key: string): boolean {
    if (this.many !== undefined) return this.many.delete(key);
    const place = this.names.indexOf(key);
    if (place === -1) return false;
    this.names.splice(place, 1);
    this.things.splice(place, 1);
    return true;
  }

  /** Entries that are deleted meanwhile are not visited twice, and may make another one be passed over. */
  keys(): Iterable<string> {
    return this.many === undefined ? this.names : this.many.keys();
  }

  *[Symbol.iterator](): Iterator<[string, V]> {
    if (this.many !== undefined) yield* this.many.entries();
    else for (const [i, name] of this.names.entries()) yield [name, this.things[i] as V];
  }

  /** As `keys`. */
  values(): Iterable<V> {
    return this.many === undefined ? this.things : this.many.values();
  }

  /** The values of this moment, with holes when there are many. */
  snapshot(): readonly (V | undefined)[] {
    return this.many === undefined ? this.things.slice() : this.many.snapshot();
  }
}

/** A list of just the right length: `push` would make room for sixteen more, and `[...list, item]` takes ten times as long. */
function longer<T>(list: readonly T[], item: T): T[] {
  const { length } = list;
  const made = new Array<T>(length + 1);
  for (let i = 0; i < length; i++) made[i] = list[i] as T;
  made[length] = item;
  return made;
}
