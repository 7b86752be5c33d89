// Owns the look at how loaded the server is: how late the event loop is, and what waits in the receive buffers.
import type { Logger } from '../../base/logger';
import type { TimerWheel } from '../../base/wheel';
import type { TransportLayer } from '../transport/layer';
import type { Overload } from './overload';

/** ms between two looks. In this time a flood brings some hundred requests beyond what can be done. */
const lookEvery = 20;
/** What a datagram counts in the receive buffer, more or less: 2,304 bytes for most requests, 768 or 1,280 for an answer. */
const datagramBytes = 1536;
/** Messages a ms that are taken to be read when nothing is known yet. */
const leastRate = 1;
/** How much the rate follows what was seen last: 0.2 forgets within half a second. */
const newest = 0.2;

/** Looks while requests come, and rests when none do. */
export class LoadWatch {
  readonly #wheel: TimerWheel;
  readonly #transports: Pick<TransportLayer, 'backlogs' | 'stats'>;
  readonly #overload: Overload;
  readonly #log: Logger;
  /** Messages that can be read in a ms. */
  #rate = leastRate;
  /** Messages that waited at the last look. */
  #waited = 0;
  #awake = false;
  #busy = false;

  constructor(options: {
    wheel: TimerWheel;
    transports: Pick<TransportLayer, 'backlogs' | 'stats'>;
    overload: Overload;
    log: Logger;
  }) {
    this.#wheel = options.wheel;
    this.#transports = options.transports;
    this.#overload = options.overload;
    this.#log = options.log;
  }

  /** To be told of each request. */
  request(): void {
    this.#busy = true;
    if (this.#awake) return;
    this.#awake = true;
    this.#lookLater();
  }

  #lookLater(): void {
    const began = this.#wheel.now();
    const { received } = this.#transports.stats;
    this.#wheel.after(lookEvery, () => {
      const now = this.#wheel.now();
      const read = (this.#transports.stats.received - received) / (now - began);
      const { messages, full } = this.#unread();
      this.#learn(read, messages);
      const event = this.#overload.look({ delay: now - began - lookEvery, wait: messages / this.#rate, full, now });
      const { load, refused } = this.#overload;
      const seen = { lateMs: Math.round(load.delay), waitMs: Math.round(load.wait) };
      if (event?.kind === 'begun')
        this.#log.warn({ ...seen, ...refused }, 'more requests than can be served: some get 503');
      if (event?.kind === 'over') this.#log.info({ requests: event.refused }, 'the overload is over');
      this.#awake = this.#busy || this.#overload.pressed;
      this.#busy = false;
      if (this.#awake) this.#lookLater();
    });
  }

  /**
   * What is read while little waits is what comes, and more could be read: only a higher number tells something then. Taken for what
   * can be read it would make a long wait of each moment in which nobody reads (a collection of garbage).
   */
  #learn(read: number, messages: number): void {
    const always = Math.min(this.#waited, messages) > lookEvery * this.#rate;
    this.#waited = messages;
    if (always || read > this.#rate) this.#rate += newest * (read - this.#rate);
    this.#rate = Math.max(leastRate, this.#rate);
  }

  /** What waits in the kernel: how many messages, and how full the fullest buffer is. */
  #unread(): { messages: number; full: number } {
    let bytes = 0;
    let full = 0;
    for (const { backlog, receiveBuffer } of this.#transports.backlogs()) {
      bytes += backlog.bytes;
      full = Math.max(full, backlog.bytes / receiveBuffer);
    }
    return { messages: bytes / datagramBytes, full };
  }
}
