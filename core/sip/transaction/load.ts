// Owns the look at how loaded the server is: how late the event loop is, and what waits in the receive buffers.
import type { Logger } from '../../base/logger';
import type { TimerWheel } from '../../base/wheel';
import type { TransportLayer } from '../transport/layer';
import type { Overload } from './overload';

/** ms between two looks. In this time a flood brings some hundred requests beyond what can be done. */
const lookEvery = 20;
/** A small receive buffer is nearly full before its bytes reach any bound: this part of it counts as one. */
const fullPart = 0.75;

/** Looks while requests come, and rests when none do. */
export class LoadWatch {
  readonly #wheel: TimerWheel;
  readonly #transports: Pick<TransportLayer, 'backlogs' | 'squeeze'>;
  readonly #overload: Overload;
  readonly #log: Logger;
  #awake = false;
  #busy = false;

  constructor(options: {
    wheel: TimerWheel;
    transports: Pick<TransportLayer, 'backlogs' | 'squeeze'>;
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
    const due = this.#wheel.now() + lookEvery;
    this.#wheel.after(lookEvery, () => {
      const now = this.#wheel.now();
      const event = this.#overload.look({ delay: now - due, backlog: this.#backlog(), now });
      const { load, refused } = this.#overload;
      const seen = { lateMs: Math.round(load.delay), backlog: `${Math.round(load.backlog * 100)} %` };
      // What waits longer than a moment was sent again by its client: while there is too much, less may wait.
      if (event !== undefined) this.#transports.squeeze(event.kind === 'begun' ? this.#overload.limits.backlog : 0);
      if (event?.kind === 'begun')
        this.#log.warn({ ...seen, ...refused }, 'more requests than can be served: some get 503');
      if (event?.kind === 'over') this.#log.info({ requests: event.refused }, 'the overload is over');
      this.#awake = this.#busy || this.#overload.pressed;
      this.#busy = false;
      if (this.#awake) this.#lookLater();
    });
  }

  /** The fullest socket, as a part of the bound. */
  #backlog(): number {
    const { backlog: bound } = this.#overload.limits;
    if (bound === 0) return 0;
    let fullest = 0;
    for (const { backlog, receiveBuffer } of this.#transports.backlogs()) {
      fullest = Math.max(fullest, backlog.bytes / Math.min(bound, fullPart * receiveBuffer));
    }
    return fullest;
  }
}
