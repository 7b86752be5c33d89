// Owns every timer of the SIP floor: one hashed wheel and one Node timer, however many things wait.
import type { Clock } from './clock';
import type { Logger } from './logger';

const tickMs = 10;
const slotCount = 4096;
/** The longest sleep. A suspended machine or a corrected clock is noticed this soon, whatever waits. */
const maxSleepMs = 1000;
/** Callbacks run before sockets get their turn again. */
const batch = 1000;

/** Something that will happen. Opaque: made by `after`, given to `cancel`. Links of a circular list, so both are O(1). */
export class WheelTimer {
  /** @internal */ previous: WheelTimer = this;
  /** @internal */ next: WheelTimer = this;

  /** @internal */
  constructor(
    readonly deadline: number,
    /** @internal */ readonly fn: () => void,
  ) {}

  /** Whether it still waits. */
  get pending(): boolean {
    return this.next !== this;
  }
}

/**
 * A hashed timing wheel (Varghese and Lauck 1987, scheme 6): 4096 slots of 10 ms, so that the 32 s of SIP's longest timer
 * fit in one turn; longer ones stay in their slot and are passed over once in 41 s. A callback never runs early; it runs
 * up to 10 ms late, those of different ticks in the order of their time, those of one tick in the order of `after`.
 *
 * Time is what the clock has moved FORWARD: a clock that is set back stops no timer, one that jumps ahead (a suspended
 * machine) makes everything due that the jump passed.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #log: Pick<Logger, 'error'> | undefined;
  readonly #slots: WheelTimer[] = [];
  readonly #due = list();
  #size = 0;
  /** The last tick whose timers are due or have run. */
  #tick = 0;
  /** ms of forward time since the wheel was made. */
  #elapsed = 0;
  #lastSeen: number;
  #running = false;
  #handle: NodeJS.Timeout | undefined;
  #wakeTick = Number.POSITIVE_INFINITY;

  /** @param options.log told of a callback that throws; without it the process warns. Neither stops the other timers. */
  constructor(clock: Clock, options: { log?: Pick<Logger, 'error'> } = {}) {
    this.#clock = clock;
    this.#log = options.log;
    this.#lastSeen = clock.now();
    for (let i = 0; i < slotCount; i++) this.#slots.push(list());
  }

  /** How many timers wait. */
  get size(): number {
    return this.#size;
  }

  /** ms that never go back, on the clock the timers run by: for measuring idle time. */
  now(): number {
    const now = this.#clock.now();
    if (now > this.#lastSeen) this.#elapsed += now - this.#lastSeen;
    this.#lastSeen = now;
    return this.#elapsed;
  }

  /** Calls `fn` once, `ms` from now (0 and less: at the next tick). */
  after(ms: number, fn: () => void): WheelTimer {
    const deadline = Math.max(this.#tick + 1, Math.ceil((this.now() + ms) / tickMs));
    const timer = new WheelTimer(deadline, fn);
    append(this.#slot(deadline), timer);
    this.#size++;
    if (this.#running && deadline < this.#wakeTick) this.#sleepUntil(deadline);
    return timer;
  }

  /** Forgets it. Nothing happens when it has run or was cancelled before. */
  cancel(timer: WheelTimer): void {
    if (!timer.pending) return;
    unlink(timer);
    this.#size--;
  }

  /** Runs what is due, all of it. */
  advance(): void {
    this.#collect();
    this.#run(Number.POSITIVE_INFINITY);
  }

  /** Lets the wheel turn by itself. It never keeps the process alive: sockets do that. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#rest();
  }

  /** Stops turning. What waits stays, and goes on after `start` or `advance`. */
  stop(): void {
    this.#running = false;
    this.#wake();
  }

  #slot(tick: number): WheelTimer {
    return this.#slots[tick % slotCount] as WheelTimer;
  }

  /** Moves what fell due since the last look to the end of the due list, in the order of its time. */
  #collect(): void {
    const target = Math.floor(this.now() / tickMs);
    if (target - this.#tick < slotCount) {
      while (this.#tick < target) {
        this.#tick++;
        for (const timer of passed(this.#slot(this.#tick), target)) append(this.#due, timer);
      }
      return;
    }
    // More than a turn at once: the slots are no longer in the order of time.
    const jumped = this.#slots.flatMap((slot) => passed(slot, target));
    jumped.sort((a, b) => a.deadline - b.deadline);
    for (const timer of jumped) append(this.#due, timer);
    this.#tick = target;
  }

  #run(limit: number): void {
    for (let count = 0; count < limit; count++) {
      const timer = this.#due.next;
      if (timer === this.#due) return;
      unlink(timer);
      this.#size--;
      try {
        timer.fn();
      } catch (error) {
        if (this.#log) this.#log.error({ err: error }, 'a timer callback failed');
        else process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
  }

  #turn(): void {
    this.#handle = undefined;
    this.#wakeTick = Number.POSITIVE_INFINITY;
    this.#collect();
    this.#run(batch);
    this.#rest();
  }

  /** Sleeps until the next slot that holds something; with nothing to wait for, for good. */
  #rest(): void {
    if (!this.#running || this.#size === 0) return;
    let tick = this.#tick;
    if (this.#due.next === this.#due) {
      const last = tick + maxSleepMs / tickMs;
      do tick++;
      while (tick < last && this.#slot(tick).next === this.#slot(tick));
    }
    if (tick < this.#wakeTick) this.#sleepUntil(tick);
  }

  #sleepUntil(tick: number): void {
    this.#wake();
    this.#wakeTick = tick;
    const ms = Math.min(maxSleepMs, Math.max(1, Math.ceil(tick * tickMs - this.#elapsed)));
    this.#handle = setTimeout(() => this.#turn(), ms);
    this.#handle.unref();
  }

  #wake(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
    this.#wakeTick = Number.POSITIVE_INFINITY;
  }
}

function list(): WheelTimer {
  return new WheelTimer(0, () => {});
}

function append(head: WheelTimer, timer: WheelTimer): void {
  timer.previous = head.previous;
  timer.next = head;
  head.previous.next = timer;
  head.previous = timer;
}

function unlink(timer: WheelTimer): void {
  timer.previous.next = timer.next;
  timer.next.previous = timer.previous;
  timer.previous = timer;
  timer.next = timer;
}

/** Takes out of a slot what is due at `tick`. */
function passed(slot: WheelTimer, tick: number): WheelTimer[] {
  const taken: WheelTimer[] = [];
  let timer = slot.next;
  while (timer !== slot) {
    const next = timer.next;
    if (timer.deadline <= tick) {
      unlink(timer);
      taken.push(timer);
    }
    timer = next;
  }
  return taken;
}
