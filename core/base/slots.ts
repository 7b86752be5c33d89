// Owns the numbering of what is under way: a small number finds it, and is used again when it is over.

/** Numbers count from 1. Like `BriefMap`, it leaves nothing behind for the garbage collector. */
export class Slots<T> {
  readonly #things: (T | undefined)[] = [undefined];
  readonly #free: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number at which `thing` is found from now on. */
  add(thing: T): number {
    const number = this.#free.pop() ?? this.#things.length;
    this.#things[number] = thing;
    this.#size++;
    return number;
  }

  get(number: number): T | undefined {
    return this.#things[number];
  }

  /** Frees a number. Nothing happens when nothing is at it. */
  remove(number: number): void {
    if (this.#things[number] === undefined) return;
    this.#things[number] = undefined;
    this.#free.push(number);
    this.#size--;
  }

  /** In no order. What is removed meanwhile is not visited, what is added may or may not be. */
  *values(): Iterable<T> {
    for (const thing of this.#things) if (thing !== undefined) yield thing;
  }
}
