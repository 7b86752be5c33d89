// Owns runs inside the sandbox: which one the code works for, where it is, what it has spent and what it waits for.
import type { Plain } from '../fields';

/** One run of a route. `at` is where it is, `turns` what it has spent. */
export interface Run {
  readonly id: number;
  at: number;
  turns: number;
  live: boolean;
  request: unknown;
  /** The number of what it waits for; 0: nothing. */
  wait: number;
  /** Those of what else it waits for, when it does not wait for one thing after the other. */
  others: number[] | undefined;
}

function makeRun(id: number): Run {
  return { id, at: 0, turns: 0, live: true, request: undefined, wait: 0, others: undefined };
}

/** Awaiting one of these costs no promise of vm2's. */
class Waiter {
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #settled = false;
  #value: unknown;
  #error: Error | undefined;

  constructor(readonly run: Run) {}

  /** Called by the engine, a tick after the await. */
  // biome-ignore lint/suspicious/noThenProperty: being thenable is what it is for
  then(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
    this.#resolve = resolve;
    this.#reject = reject;
    if (this.#settled) this.#pass();
  }

  settle(value: unknown, error: Error | undefined): void {
    this.#settled = true;
    this.#value = value;
    this.#error = error;
    this.#pass();
  }

  #pass(): void {
    if (this.#error) this.#reject?.(this.#error);
    else this.#resolve?.(this.#value);
  }
}

/** All runs. Its `enter`, `again`, `turn` and `back` are what instrumented code calls (see ../instrument.ts). */
export class Runs {
  /** The run that the code works for now. While the script is loaded, a run of its own. */
  run = makeRun(0);
  /** Most turns and calls of one run. */
  maxTurns = 0;
  /** By their numbers, which are small and used again: a Map that everything soon leaves would be a burden on the collector. */
  readonly #runs: (Run | undefined)[] = [];
  readonly #waiters: (Waiter | undefined)[] = [];
  /** Stands in where no run is to be found: a function of the top level that a promise calls back, all runs being over. */
  #nobody = makeRun(0);

  /** At the start of a function of the top level: it works for whoever calls it. */
  enter(): Run {
    if (!this.run.live) this.run = this.#nobody;
    this.#spend(this.run);
    return this.run;
  }

  /** At the start of a function inside another: it works for the run that made it, or, once that is over, as `enter`. */
  again(maker: Run): Run {
    if (maker.live) this.run = maker;
    return this.enter();
  }

  /** At each turn of a loop. */
  turn(run: Run, at: number): void {
    this.back(run, at, undefined);
    this.#spend(run);
  }

  /** After an await. A run that is over does not go on. */
  back<T>(run: Run, at: number, value: T): T {
    if (!run.live) throw new Error('the run is over');
    this.run = run;
    run.at = at;
    return value;
  }

  #spend(run: Run): void {
    // Where a `try` catches this, the next turn of the loop around it throws again: no loop keeps going.
    if (++run.turns > this.maxTurns) {
      throw new RangeError(`more than ${this.maxTurns} loop turns and calls in one run (max_while_loops)`);
    }
  }

  begin(id: number): Run {
    const run = makeRun(id);
    this.#runs[id] = run;
    this.run = run;
    if (this.#nobody.turns > 0) this.#nobody = makeRun(0);
    return run;
  }

  /** The top level has been run. The run is kept: its place is that of an error there. */
  endLoading(): void {
    this.run.live = false;
    this.#runs[0] = this.run;
  }

  find(id: number): Run | undefined {
    return this.#runs[id];
  }

  end(run: Run): void {
    run.live = false;
    if (run.wait !== 0) this.#waiters[run.wait] = undefined;
    for (const number of run.others ?? []) this.#waiters[number] = undefined;
    if (this.#runs[run.id] === run) this.#runs[run.id] = undefined;
  }

  /** A promise for the result that the server has given this number. */
  wait(run: Run, number: number): Promise<unknown> {
    const waiter = new Waiter(run);
    this.#waiters[number] = waiter;
    if (run.wait === 0) run.wait = number;
    else {
      run.others ??= [];
      run.others.push(number);
    }
    return awaited(waiter);
  }

  /** Passes a result, or an error, to what waits for it. */
  settle(number: number, value: Plain | undefined, error: Error | undefined): void {
    const waiter = this.#waiters[number];
    if (waiter === undefined) return;
    this.#waiters[number] = undefined;
    const { run } = waiter;
    if (run.wait === number) run.wait = 0;
    else run.others?.splice(run.others.indexOf(number), 1);
    waiter.settle(value, error);
  }
}

async function awaited(value: unknown): Promise<unknown> {
  return await value;
}
