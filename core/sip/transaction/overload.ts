// Owns the decision which requests are refused when there is more work than can be done, so that the rest is done in time.
import type { SipRequest } from '../message';

/** Bounds of work at which the server counts as full. 0 switches a bound off. */
export interface OverloadLimits {
  /** Requests that are being worked on: in the script, at the door of a resource, on their way to disk. */
  readonly working: number;
  /** ms by which the event loop is late. */
  readonly delay: number;
  /** Bytes that wait in the receive buffer of a UDP socket. */
  readonly backlog: number;
  /** s that a refused client is asked to wait, on average: each is told another number, so that they do not come back together. */
  readonly retryAfter: number;
}

/** Half a second at 4,000 requests a second: the client sends again after T1, and that makes more work, not less. */
export const defaultOverloadLimits: OverloadLimits = {
  working: 2000,
  delay: 250,
  backlog: 1024 * 1024,
  retryAfter: 10,
};

/** What no request tells, as it was seen last. */
export interface Load {
  /** ms by which the event loop is late. */
  readonly delay: number;
  /** What waits unread, as a part of its bound. */
  readonly backlog: number;
}

/**
 * `new` begins something. `known` carries something on, or ends it: refusing it would lose state that the client has, and make
 * it begin anew. `always` asks whether the server is alive.
 */
export type Importance = 'new' | 'known' | 'always';

/**
 * RFC 3261 §8.2.2 has a server decide before it works. A request inside a dialog has a To tag; a PUBLISH that refreshes,
 * modifies or removes has SIP-If-Match (RFC 3903 §4.1).
 */
export function importanceOf(request: SipRequest): Importance {
  if (request.method === 'OPTIONS') return 'always';
  return request.toTag !== undefined || request.header('SIP-If-Match') !== undefined ? 'known' : 'new';
}

/**
 * The part of such requests that is refused. It rises with the load, which is 1 at the bound, instead of jumping from nothing
 * to all: new requests from half the bound on until all are refused at the bound, known ones from there on until twice the bound.
 */
export function refusedShare(load: number, importance: Importance): number {
  if (importance === 'always') return 0;
  return clamp(importance === 'new' ? 2 * load - 1 : load - 1);
}

/**
 * What has been read cost something already, and a 503 costs a fifth of what an answer costs: a server that refuses all of it
 * would do nothing else. So of what the loop and the buffers hold up at least this part is served; what cannot even be read then
 * the kernel drops, at no cost, from a buffer that is kept small meanwhile.
 */
const mostRefused = { new: 0.6, known: 0.3 };

/** ms without a refusal after which an overload counts as over. */
const calmAfter = 5000;
/** (√5 - 1) / 2: its multiples modulo 1 spread evenly, however many are taken (Knuth, TAOCP 3, §6.4). */
const goldenRatio = 0.618033988749895;

/** What began or ended, for the log. */
export type OverloadEvent = { readonly kind: 'begun' } | { readonly kind: 'over'; readonly refused: number };

/** Decides for each request. All it needs from outside is told to it. */
export class Overload {
  limits: OverloadLimits;
  /** Requests refused since the start. */
  readonly refused = { new: 0, known: 0 };
  #load: Load = { delay: 0, backlog: 0 };
  #previous: Load = { delay: 0, backlog: 0 };
  /** The part of `load` that is nearest to its bound. */
  #sampled = 0;
  /** Of each kind the thousandths of a request that are still to be refused: shares come out exact, without drawing lots. */
  readonly #owed = { new: 0, known: 0 };
  #spread = 0;
  #refusedBefore = 0;
  /** How many had been refused when the overload began; undefined: there is none. */
  #since: number | undefined;
  #lastRefusal = 0;

  constructor(limits: OverloadLimits = defaultOverloadLimits) {
    this.limits = limits;
  }

  /** What was seen last. */
  get load(): Load {
    return this.#load;
  }

  /** Whether requests are being refused, would be, or were until a moment ago. */
  get pressed(): boolean {
    return this.#since !== undefined || this.#sampled > 0;
  }

  /**
   * Takes a look at what no request tells, many times a second while there is work.
   * @param look `delay` in ms; `backlog` as a part of its bound; `now` in ms that never go back
   */
  look(look: { readonly delay: number; readonly backlog: number; readonly now: number }): OverloadEvent | undefined {
    const { delay, backlog, now } = look;
    const before = this.#previous;
    this.#previous = { delay, backlog };
    // One long turn is a collection of garbage, one full buffer a burst. Two in a row are more than can be done.
    this.#load = { delay: Math.min(delay, before.delay), backlog: Math.min(backlog, before.backlog) };
    this.#sampled = Math.max(this.#load.backlog, part(this.#load.delay, this.limits.delay));
    const total = this.refused.new + this.refused.known;
    if (total > this.#refusedBefore) {
      const begun = this.#since === undefined;
      this.#since ??= this.#refusedBefore;
      this.#refusedBefore = total;
      this.#lastRefusal = now;
      return begun ? { kind: 'begun' } : undefined;
    }
    if (this.#since === undefined || now - this.#lastRefusal < calmAfter) return undefined;
    const refused = total - this.#since;
    this.#since = undefined;
    return { kind: 'over', refused };
  }

  /** Seconds for Retry-After when the request is to be refused; undefined when it may come in. @param working others at work */
  refuses(request: SipRequest, working: number): number | undefined {
    const work = part(working, this.limits.working);
    if (work <= 0.5 && this.#sampled <= 0.5) return undefined;
    const importance = importanceOf(request);
    if (importance === 'always') return undefined;
    const bySample = Math.min(refusedShare(this.#sampled, importance), mostRefused[importance]);
    this.#owed[importance] += Math.round(Math.max(bySample, refusedShare(work, importance)) * 1000);
    if (this.#owed[importance] < 1000) return undefined;
    this.#owed[importance] -= 1000;
    this.refused[importance]++;
    return this.retryAfter();
  }

  /** Seconds, from half to one and a half times `retryAfter`. */
  retryAfter(): number {
    this.#spread = (this.#spread + goldenRatio) % 1;
    return Math.max(1, Math.round(this.limits.retryAfter * (0.5 + this.#spread)));
  }
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

function part(value: number, bound: number): number {
  return bound === 0 ? 0 : value / bound;
}
