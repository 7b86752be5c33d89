// Owns the packing of values for their way to another thread, and the unpacking there.
import type { Value } from '../../core/api';
import { type Job, kinds } from './protocol';

/** Places to begin with, and again after a job that needed far more. */
const firstRoom = 4096;
const mostRoom = 16 * firstRoom;
const noBlobs = new Uint8Array(0);

export type Packed = Pick<Job, 'numbers' | 'kinds' | 'texts' | 'blobs'>;

/** Collects the numbers and values of one job after the other. What it hands out is new memory each time, because it is given away. */
export class Packer {
  #numbers = new Float64Array(firstRoom);
  #count = 0;
  #kinds = new Uint8Array(firstRoom);
  #values = 0;
  #texts = '';
  #blobs: Uint8Array[] = [];
  #blobBytes = 0;

  /** Begins a job; what another one has left when it could not be packed is forgotten. */
  begin(): void {
    if (this.#numbers.length > mostRoom) this.#numbers = new Float64Array(firstRoom);
    if (this.#kinds.length > mostRoom) this.#kinds = new Uint8Array(firstRoom);
    this.#count = 0;
    this.#values = 0;
    this.#texts = '';
    this.#blobs = [];
    this.#blobBytes = 0;
  }

  number(value: number): void {
    if (this.#count === this.#numbers.length) this.#numbers = grown(this.#numbers, new Float64Array(2 * this.#count));
    this.#numbers[this.#count++] = value;
  }

  value(value: Value): void {
    if (typeof value === 'string') {
      this.#kind(kinds.text);
      this.number(value.length);
      this.#texts += value;
    } else if (typeof value === 'number') {
      this.#kind(kinds.number);
      this.number(value);
    } else if (value === null) {
      this.#kind(kinds.null);
    } else {
      this.#kind(kinds.blob);
      this.number(value.length);
      this.#blobs.push(value);
      this.#blobBytes += value.length;
    }
  }

  take(): Packed {
    const numbers = this.#numbers.slice(0, this.#count);
    return { numbers, kinds: this.#kinds.slice(0, this.#values), texts: this.#texts, blobs: this.#joined() };
  }

  #kind(kind: number): void {
    if (this.#values === this.#kinds.length) this.#kinds = grown(this.#kinds, new Uint8Array(2 * this.#values));
    this.#kinds[this.#values++] = kind;
  }

  #joined(): Uint8Array<ArrayBuffer> {
    if (this.#blobs.length === 0) return noBlobs;
    const joined = new Uint8Array(this.#blobBytes);
    let at = 0;
    for (const blob of this.#blobs) {
      joined.set(blob, at);
      at += blob.length;
    }
    return joined;
  }
}

function grown<T extends Float64Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(full: T, larger: T): T {
  larger.set(full);
  return larger;
}

/** Reads what a packer has packed, in the same order. */
export class Cursor {
  readonly #packed: Packed;
  #number = 0;
  #value = 0;
  #text = 0;
  #blob = 0;

  constructor(packed: Packed) {
    this.#packed = packed;
  }

  number(): number {
    return this.#packed.numbers[this.#number++] ?? 0;
  }

  values(count: number): Value[] {
    const values: Value[] = new Array(count);
    for (let i = 0; i < count; i++) values[i] = this.#next();
    return values;
  }

  /** Another cursor at the same place. */
  fork(): Cursor {
    const fork = new Cursor(this.#packed);
    fork.#number = this.#number;
    fork.#value = this.#value;
    fork.#text = this.#text;
    fork.#blob = this.#blob;
    return fork;
  }

  #next(): Value {
    switch (this.#packed.kinds[this.#value++]) {
      case kinds.number:
        return this.number();
      case kinds.text: {
        const from = this.#text;
        this.#text += this.number();
        return this.#packed.texts.substring(from, this.#text);
      }
      case kinds.blob: {
        const from = this.#blob;
        this.#blob += this.number();
        return this.#packed.blobs.subarray(from, this.#blob);
      }
      default:
        return null;
    }
  }
}
