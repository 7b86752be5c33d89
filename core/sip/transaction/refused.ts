// Owns the memory of refusals for overload: what was refused once stays refused when it comes again.

/** Requests remembered; of two that fall into one place the newer one is. A power of two. */
const places = 1 << 20;
/** s that a client may send a request again: 64 × T1, timer F of RFC 3261. */
const lasts = 32;

/**
 * A refusal keeps nothing of the request but its hash. Without it a copy that was on its way could be served after its client has
 * taken the 503 for an answer: a publication would have an entity-tag that nobody knows. A place costs eight bytes; that another
 * request has the same hash within 32 s is as good as impossible, and then it is told to come back.
 */
export class RefusedRequests {
  readonly #hashes = new Int32Array(places);
  /** The second in which it was, counted from 1; 0: never. */
  readonly #at = new Uint32Array(places);

  /** @param now in ms that never go back, here and below */
  note(hash: number, now: number): void {
    const place = hash & (places - 1);
    this.#hashes[place] = hash;
    this.#at[place] = now / 1000 + 1;
  }

  has(hash: number, now: number): boolean {
    const place = hash & (places - 1);
    const at = this.#at[place] as number;
    return at > 0 && this.#hashes[place] === (hash | 0) && now / 1000 + 1 - at <= lasts;
  }
}
