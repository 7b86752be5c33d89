// Owns the memory of refusals for overload: what was refused once stays refused when it comes again.

/** Requests that share a bucket: with 100,000 refused in 32 s one bucket in nine million is too small for its own. */
const width = 8;
const bucketBits = 17;
/** s that a client may send a request again: 64 × T1, timer F of RFC 3261. */
const lasts = 32;

/**
 * A refusal keeps nothing of the request but its hash. Without it a copy that was on its way could be served after its client has
 * taken the 503 for an answer: a publication would have an entity-tag that nobody knows. A place costs eight bytes; that another
 * request has the same hash within 32 s is as good as impossible, and then it is told to come back.
 */
export class RefusedRequests {
  readonly #hashes = new Int32Array(width << bucketBits);
  /** The second in which it was, counted from 1; 0: never. */
  readonly #at = new Uint32Array(width << bucketBits);
  /** Nothing is remembered after this second. */
  #last = 0;

  /** @param now in ms that never go back, here and below */
  note(hash: number, now: number): void {
    const first = bucketOf(hash) * width;
    let oldest = first;
    for (let place = first + 1; place < first + width; place++) {
      if ((this.#at[place] as number) < (this.#at[oldest] as number)) oldest = place;
    }
    const second = Math.floor(now / 1000) + 1;
    this.#hashes[oldest] = hash;
    this.#at[oldest] = second;
    this.#last = second + lasts;
  }

  has(hash: number, now: number): boolean {
    const second = Math.floor(now / 1000) + 1;
    if (second > this.#last) return false;
    const first = bucketOf(hash) * width;
    for (let place = first; place < first + width; place++) {
      const at = this.#at[place] as number;
      if (at > 0 && this.#hashes[place] === (hash | 0) && second - at <= lasts) return true;
    }
    return false;
  }
}

/** The hash of texts that are much alike is even in its upper bits only when it is mixed once more (Knuth, TAOCP 3, §6.4). */
function bucketOf(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> (32 - bucketBits);
}
