// Owns the decision which requests are refused when there is more work than can be done, so that the rest is done in time.
import type { SipRequest } from '../message';

/** Bounds at which the server counts as full. 0 switches a bound off. */
export interface OverloadLimits {
  /** Requests that are being worked on: in the script, at the door of a resource, on their way to disk. */
  readonly working: number;
  /** ms that a request may wait until it is read, and by which the event loop may be late. */
  readonly delay: number;
  /** s that a refused client is asked to wait, on average: each is told another number, so that they do not come back together. */
  readonly retryAfter: number;
}

/** A client sends again after T1 = 500 ms, and that makes more work, not less: what is read has to be younger. */
export const defaultOverloadLimits: OverloadLimits = { working: 2000, delay: 400, retryAfter: 10 };

/** What no request tells, as it was seen last. */
export interface Load {
  /** ms by which the event loop is late. */
  readonly delay: number;
  /** ms that what comes now will wait until it is read. */
  readonly wait: number;
  /** How full the fullest receive buffer is, from 0 to 1. */
  readonly full: number;
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
 * The part of such requests that is refused for what is being worked on. It rises with the load, which is 1 at the bound, instead
 * of jumping from nothing to all: new requests from half the bound on until all are refused at the bound, known ones from there on until twice the bound.
 */
export function refusedShare(load: number, importance: Importance): number {
  if (importance === 'always') return 0;
  return clamp(importance === 'new' ? 2 * load - 1 : load - 1);
}

/**
 * What waits is steered to half of its bound, by a controller with a proportional and an integral part (PI): one that only looked at
 * the bound would refuse all and then nothing, in turns. With a refusal that costs a fifth of an answer and three times the load
 * that can be served this is damped critically; with more load it is slower, with less it swings a little.
 */
const aim = 0.5;
const proportional = 1;
/** For each look. */
const integral = 0.05;
/**
 * ms for which requests may wait longer than that, while none waits as long as the bound, before any is refused. A burst is over by
 * then: refusing would cost its clients seconds, and waiting costs them a moment.
 */
const patience = 300;
/** How much the part of new requests follows what came last. */
const newest = 0.5;

/** ms without a refusal after which an overload counts as over. */
const calmAfter = 5000;
/** (√5 - 1) / 2: its multiples modulo 1 spread evenly, however many are taken (Knuth, TAOCP 3, §6.4). */
const goldenRatio = 0.618033988749895;

const nothingWaits: Load = { delay: 0, wait: 0, full: 0 };

/** What began or ended, for the log. */
export type OverloadEvent = { readonly kind: 'begun' } | { readonly kind: 'over'; readonly refused: number };

/** Decides for each request. All it needs from outside is told to it. */
export class Overload {
  limits: OverloadLimits;
  /** Requests refused since the start. */
  readonly refused = { new: 0, known: 0 };
  #load: Load = nothingWaits;
  #previous: Load = nothingWaits;
  /** ms at which requests began to wait for long. */
  #lateSince: number | undefined;
  /** The part of all requests that is refused by what lasts, whatever this moment is like. */
  #lasting = 0;
  /** The parts that are refused by the last look. */
  #shares = { new: 0, known: 0 };
  /** Requests since the last look, counted while some are refused, and the part of new ones among them. */
  readonly #came = { new: 0, known: 0 };
  #newPart = 1;
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
    return this.#since !== undefined || this.#lasting > 0;
  }

  /**
   * Takes a look at what no request tells, many times a second while there is work.
   * @param now in ms that never go back
   */
  look(look: Load & { readonly now: number }): OverloadEvent | undefined {
    const { now } = look;
    const before = this.#previous;
    this.#previous = look;
    // One long turn is a collection of garbage, one full buffer a burst. Two in a row are more than can be done.
    this.#load = {
      delay: Math.min(look.delay, before.delay),
      wait: Math.min(look.wait, before.wait),
      full: Math.min(look.full, before.full),
    };
    this.#steer(now);
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
    if (work <= 0.5 && this.#shares.new === 0 && this.#shares.known === 0) return undefined;
    const importance = importanceOf(request);
    if (importance === 'always') return undefined;
    this.#came[importance]++;
    this.#owed[importance] += Math.round(Math.max(this.#shares[importance], refusedShare(work, importance)) * 1000);
    if (this.#owed[importance] < 1000) return undefined;
    this.#owed[importance] -= 1000;
    this.refused[importance]++;
    return this.retryAfter();
  }

  #steer(now: number): void {
    const { delay, wait, full } = this.#load;
    const bound = this.limits.delay;
    const late = bound === 0 ? 0 : Math.max(delay, wait) / bound;
    if (late <= aim) this.#lateSince = undefined;
    else this.#lateSince ??= now;
    // Once requests are being refused, to be patient again would make the share swing.
    const lasts = this.#lasting > 0 || late >= 1 || now - (this.#lateSince ?? now) >= patience;
    // Half of the receive buffer is kept for the moments in which nobody reads: what finds no room is lost, whatever it is.
    const used = bound === 0 ? 0 : full;
    const beyond = Math.max(lasts ? late : 0, used) - aim;
    this.#lasting = clamp(this.#lasting + integral * beyond);
    this.#divide(clamp(this.#lasting + proportional * beyond));
  }

  /** Refuses so large a part of all: new ones first, of the others what these do not make up. */
  #divide(refused: number): void {
    const { new: begins, known } = this.#came;
    if (begins + known > 0) this.#newPart += newest * (begins / (begins + known) - this.#newPart);
    this.#came.new = 0;
    this.#came.known = 0;
    const others = 1 - this.#newPart;
    this.#shares = {
      new: this.#newPart > 0 ? clamp(refused / this.#newPart) : 0,
      known: others > 0 ? clamp((refused - this.#newPart) / others) : 0,
    };
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
