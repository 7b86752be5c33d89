// Owns the bytes of a stream that have come and are not a whole message yet.

const nothing: Buffer = Buffer.alloc(0);

/**
 * A queue that copies little: what comes alone is held as it is, what comes in pieces is gathered in a buffer that doubles.
 * Its memory stays below twice what it holds, whatever the size of the pieces. Views given out are never written over.
 */
export class ByteQueue {
  #bytes = nothing;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** All that is held. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  append(chunk: Buffer): void {
    if (this.#length === 0) {
      this.#bytes = chunk;
      this.#length = chunk.length;
      return;
    }
    const length = this.#length + chunk.length;
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    chunk.copy(this.#bytes, this.#length);
    this.#length = length;
  }

  /** Drops the first `count` bytes. The rest is copied, so that it does not keep alive what it came with. */
  consume(count: number): void {
    if (count === 0) return;
    const rest = this.#length - count;
    const bytes = rest === 0 ? nothing : Buffer.allocUnsafeSlow(rest);
    this.#bytes.copy(bytes, 0, count, this.#length);
    this.#bytes = bytes;
    this.#length = rest;
  }
}
