// Owns what became of NOTIFYs and has to be stored, which no request waits for: when the database is away, it is tried again.
import { DatabaseUnavailable, type Logger, type TimerWheel, type WheelTimer } from '../../core/api';
import { dropSubscription, notifyAgain } from './decide/dialog';
import type { Door } from './door';
import type { Followup } from './handover';

/** How soon an outcome that could not be stored is tried again (ms). */
const retryMs = 5_000;

interface FollowupsOptions {
  readonly door: Door;
  readonly wheel: TimerWheel;
  readonly log: Logger;
  /** Seconds for which who waits for permission is remembered. */
  waitingTime(): number;
}

export class Followups {
  /** Those that could not be stored and wait for their next attempt; while they are held, those that wait for the next life. */
  private readonly postponed = new Map<Followup, WheelTimer | undefined>();
  private holding = false;
  private ended = false;

  constructor(private readonly options: FollowupsOptions) {}

  follow(up: Followup): void {
    if (this.ended) return;
    if (this.holding) {
      this.postponed.set(up, undefined);
      return;
    }
    const { door, log, wheel, waitingTime } = this.options;
    const { key } = up;
    door.submit({
      key,
      decide: (resource, around) =>
        up.kind === 'again'
          ? notifyAgain(resource, up.dialog)
          : dropSubscription(resource, up.failed, waitingTime(), around),
      done: () => {},
      failed: (error) => {
        log.warn({ err: error, resource: key.id }, 'the outcome of a NOTIFY could not be stored');
        if (!(error instanceof DatabaseUnavailable)) return;
        const again = () => {
          this.postponed.delete(up);
          this.follow(up);
        };
        this.postponed.set(up, wheel.after(Math.max(retryMs, error.retryAfter * 1000), again));
      },
    });
  }

  /** From now on nothing more is stored: what comes waits for `release` or the next life. */
  hold(): void {
    this.holding = true;
  }

  release(): void {
    this.holding = false;
    const held = [...this.postponed].filter(([, timer]) => timer === undefined);
    for (const [up] of held) {
      this.postponed.delete(up);
      this.follow(up);
    }
  }

  /** Ends, and gives what waits to the next life of the module. */
  end(): readonly Followup[] {
    this.ended = true;
    for (const timer of this.postponed.values()) if (timer) this.options.wheel.cancel(timer);
    return [...this.postponed.keys()];
  }
}
