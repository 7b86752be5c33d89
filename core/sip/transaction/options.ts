// Owns the SIP extensions this server supports, and what a Require header asks for beyond them.
import { splitCommas } from '../headers';
import type { SipRequest } from '../message';

/** Option tags (RFC 3261 §19.2), extended by modules. */
export class OptionTags {
  readonly #supporters = new Map<string, number>();

  /** Adds a tag until the returned function is called. Several may support one. */
  add(tag: string): () => void {
    const name = tag.toLowerCase();
    this.#supporters.set(name, (this.#supporters.get(name) ?? 0) + 1);
    let active = true;
    return () => {
      if (!active) return;
      active = false;
      const left = (this.#supporters.get(name) ?? 1) - 1;
      if (left > 0) this.#supporters.set(name, left);
      else this.#supporters.delete(name);
    };
  }

  /** What the request requires and nobody supports, as written; empty in nearly all cases. */
  unsupported(request: SipRequest): string[] {
    if (request.header('Require') === undefined) return [];
    return request
      .headers('Require')
      .flatMap((value) => splitCommas(value))
      .map((tag) => tag.trim())
      .filter((tag) => tag !== '' && !this.#supporters.has(tag.toLowerCase()));
  }

  /** The supported tags, for a Supported header. */
  list(): string[] {
    return [...this.#supporters.keys()].sort();
  }
}
