// Owns a gate: it counts the calls that are inside, and while it is closed new ones wait in front of it.
import { RollcallError } from '../base/errors';

export class Gate {
  #inside = 0;
  #closed = false;
  #waiting: (() => void)[] = [];
  #whenEmpty: (() => void) | undefined;

  /** Calls that wait for the gate to open. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Makes the call: at once when the gate is open, else when it opens, in the order of coming. The call is inside until the
   * promise it returns is settled.
   */
  pass<T>(call: () => Promise<T>): Promise<T>;
  pass<T>(call: () => PromiseLike<T> | T): PromiseLike<T> | T;
  pass<T>(call: () => PromiseLike<T> | T): PromiseLike<T> | T {
    if (this.#closed) {
      return new Promise<T>((resolve) => this.#waiting.push(() => resolve(new Promise((run) => run(this.pass(call))))));
    }
    const result = call();
    if (!isPromise(result)) return result;
    this.#inside++;
    result.then(this.#leave, this.#leave);
    return result;
  }

  /**
   * Lets nobody in any more and waits until nobody is inside.
   * @param limit in ms @throws RollcallError when it takes longer; the gate is open again then
   */
  async close(limit: number, what: string): Promise<void> {
    this.#closed = true;
    if (this.#inside === 0) return;
    const emptied = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), limit);
      this.#whenEmpty = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
    this.#whenEmpty = undefined;
    if (emptied) return;
    this.open();
    throw new RollcallError(`${this.#inside} calls of ${what} have not finished within ${limit / 1000} s`, {
      hint: 'nothing has changed; try again when it is less busy',
    });
  }

  /** Lets in who waits, and everybody from now on. */
  open(): void {
    this.#closed = false;
    for (const enter of this.#waiting.splice(0)) enter();
  }

  readonly #leave = (): void => {
    this.#inside--;
    if (this.#inside === 0) this.#whenEmpty?.();
  };
}

export function isPromise<T>(value: PromiseLike<T> | T): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
