// Owns who may come in: the token, compared in a time that tells nothing about it.
import { createHash, timingSafeEqual } from 'node:crypto';
import { isLoopback } from './address';
import type { HttpRoute } from './api';

const scheme = 'bearer ';

export class Guard {
  readonly #expected: Buffer | undefined;

  constructor(token: string | undefined) {
    this.#expected = token === undefined ? undefined : digest(token);
  }

  /** @param authorization the header as sent @param source the address of the peer */
  admits(route: HttpRoute, authorization: string | undefined, source: string): boolean {
    if (route.access === 'open') return true;
    if (this.#expected === undefined) return isLoopback(source);
    if (authorization === undefined || authorization.slice(0, scheme.length).toLowerCase() !== scheme) return false;
    return timingSafeEqual(digest(authorization.slice(scheme.length).trim()), this.#expected);
  }
}

/** Of equal length whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
