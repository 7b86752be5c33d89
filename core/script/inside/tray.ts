// Owns values laid out on one side of the border for the other side to take. Both sides have one, each a copy of its own.
import type { Plain } from '../fields';

/** The places are used again and again, so that laying out allocates nothing. */
export class Tray {
  readonly #values: (Plain | undefined)[] = [];
  #laid = 0;
  #taken = 0;

  /** Lays values out. Whatever was not taken before is gone. */
  layOut(first?: Plain, second?: Plain, third?: Plain): void {
    this.#values[0] = first;
    this.#values[1] = second;
    this.#values[2] = third;
    this.#laid = 3;
    this.#taken = 0;
  }

  /** Whatever was not taken before is gone: `add` begins anew. */
  clear(): void {
    this.#laid = 0;
    this.#taken = 0;
  }

  /** Lays out one more. */
  add(value: Plain | undefined): void {
    this.#values[this.#laid++] = value;
  }

  /** Takes back what was laid out last and is undefined, and puts how many values are left behind the first, times `step`, into it. */
  close(first: number, step: number): void {
    while (this.#laid > 1 && this.#values[this.#laid - 1] === undefined) this.#laid--;
    this.#values[0] = first * step + this.#laid - 1;
  }

  /** The next value; undefined when there is none. */
  take(): Plain | undefined {
    return this.#taken < this.#laid ? this.#values[this.#taken++] : undefined;
  }
}
