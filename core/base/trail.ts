// Owns what is told to whoever traces: decisions and commits in words. Nobody follows most of the time, and then nothing is said.

/** @param peers addresses that the step has to do with, with and without port */
export type Follower = (text: string, peers: readonly string[]) => void;

export class Trail {
  readonly #followers = new Set<Follower>();

  /** Ask before putting anything into words: false nearly always, and then `tell` must cost nothing. */
  get followed(): boolean {
    return this.#followers.size > 0;
  }

  /** Tells one step. The text names the presentity and the Call-ID, by which followers find it. */
  tell(text: string, peers: readonly string[] = []): void {
    for (const follow of this.#followers) follow(text, peers);
  }

  /** Lets somebody follow until the result is called. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }
}
