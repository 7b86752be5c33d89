// Owns `bin/rollcall` as a child process of a test, on the compiled files that the test itself was compiled with.
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './tree';

/** dist, or whatever folder the tests were compiled into. */
const dist = join(__dirname, '..', '..');

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Standard error without what `db import` tells of its progress on a machine that is slow. */
export function complaints({ err }: Ended): string {
  return err.replace(/^\w+: \d+ of about \d+ rows read, \d+ taken\n/gm, '');
}

/** A folder with `bin/rollcall` and a `dist` beside it. */
export class CliTree {
  readonly folder = mkdtempSync(join(tmpdir(), 'rollcall-cli-'));
  readonly #running = new Set<ChildProcess>();

  constructor(built = true) {
    mkdirSync(join(this.folder, 'bin'));
    for (const name of ['bin/rollcall', 'bin/rollcall.js']) copyFileSync(join(root, name), join(this.folder, name));
    if (built) symlinkSync(dist, join(this.folder, 'dist'));
  }

  /** Starts a command. `ended` settles when it has ended. */
  spawn(
    args: readonly string[],
    cwd = this.folder,
  ): { child: ChildProcess; ended: Promise<Ended>; lineOn(text: RegExp): Promise<string> } {
    const child = spawn(join(this.folder, 'bin/rollcall'), args, { cwd });
    this.#running.add(child);
    let out = '';
    let err = '';
    const waiting = new Set<() => void>();
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
      for (const look of waiting) look();
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        this.#running.delete(child);
        resolve({ code, out, err });
      });
    });
    const lineOn = (text: RegExp) =>
      new Promise<string>((resolve, reject) => {
        const look = () => {
          const line = err
            .split('\n')
            .slice(0, -1)
            .find((candidate) => text.test(candidate));
          if (line === undefined) return;
          waiting.delete(look);
          resolve(line);
        };
        waiting.add(look);
        look();
        ended.then(() => reject(new Error(`it ended without the line ${text}:\n${err}`)), reject);
      });
    return { child, ended, lineOn };
  }

  /** Runs a command to its end. */
  run(args: readonly string[], cwd?: string): Promise<Ended> {
    return this.spawn(args, cwd).ended;
  }

  /** Kills what still runs and removes the folder. */
  remove(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
