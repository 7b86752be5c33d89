// Owns a terminal for the client commands under test: it keeps the lines and presses Ctrl-C when told.
import type { Terminal } from '../../core/cli/client-target';

export class ScriptedTerminal implements Terminal {
  readonly lines: string[] = [];
  readonly #control = new AbortController();
  readonly #waiting: { test(line: string): boolean; resolve(line: string): void }[] = [];
  readonly interrupted = this.#control.signal;

  out(line: string): void {
    this.lines.push(line);
    for (const waiter of this.#waiting) if (waiter.test(line)) waiter.resolve(line);
  }

  err(line: string): void {
    this.out(`! ${line}`);
  }

  interrupt(): void {
    this.#control.abort();
  }

  /** The first line that passes the test, printed already or still to come. */
  until(test: (line: string) => boolean): Promise<string> {
    const line = this.lines.find(test);
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((resolve) => this.#waiting.push({ test, resolve }));
  }
}
