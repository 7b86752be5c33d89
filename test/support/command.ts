// Owns a command of `rollcall` that runs in a process of its own: its output so far, a wait for a line, Ctrl-C.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawnRollcall } from './rollcall';

export class Command {
  output = '';
  readonly exit: Promise<number | null>;
  readonly #child: ChildProcess;
  #wake: () => void = () => undefined;

  constructor(...args: string[]) {
    this.#child = spawnRollcall(args);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.#wake();
      });
    }
    this.exit = new Promise((resolve) => this.#child.once('close', (code) => resolve(code)));
  }

  /** Waits until the output matches. Fails when the command ends before. */
  async shows(pattern: RegExp): Promise<void> {
    const ended = this.exit.then(() => true);
    while (!pattern.test(this.output)) {
      const woken = new Promise<false>((resolve) => {
        this.#wake = () => resolve(false);
      });
      if (await Promise.race([ended, woken])) break;
    }
    assert.match(this.output, pattern);
  }

  /** Ctrl-C; the exit code. */
  interrupt(): Promise<number | null> {
    this.#child.kill('SIGINT');
    return this.exit;
  }
}
