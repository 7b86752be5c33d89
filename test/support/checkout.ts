// Owns a copy of the source checkout with its build, in which a test can change files, and a server that runs from it.
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callControl } from '../../core/control/client';
import { freePort } from './ports';
import { Scratch, type ServerSpec } from './scratch';
import { root } from './tree';

/** Where the build under test lies. */
const dist = join(__dirname, '..', '..');

/** For servers that have to answer everything, however busy the machine is with other things. */
export const patient = { overload_requests: 0, overload_delay: 0 } as const;

export class Checkout {
  readonly folder = mkdtempSync(join(tmpdir(), 'rollcall-checkout-'));
  readonly scratch = new Scratch();
  port = 0;
  log = '';
  /** Files as they were, by their path. */
  readonly #changed = new Map<string, string>();
  #server: ChildProcess | undefined;

  /** Copies what a server and a compiler need; dates stay, so that what is compiled counts as up to date. */
  constructor() {
    const copy = (from: string, to: string) =>
      cpSync(from, join(this.folder, to), { recursive: true, preserveTimestamps: true });
    for (const name of ['core', 'modules', 'scripts', 'bin', 'package.json', 'tsconfig.json'])
      copy(join(root, name), name);
    for (const name of ['core', 'modules']) copy(join(dist, name), `dist/${name}`);
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'));
  }

  /** Starts a server and waits until it is ready. */
  async serve(spec: ServerSpec, execArgv: readonly string[] = []): Promise<void> {
    this.port = await freePort();
    const script = readFileSync(join(this.folder, 'scripts/presence.ts'), 'utf8');
    this.scratch.write({ script, control: true, listen: [`udp:127.0.0.1:${this.port}`], ...spec });
    const env = { ...process.env, ROLLCALL_NODE_OPTIONS: execArgv.join(' ') };
    const args = ['serve', '-f', this.scratch.config];
    const server = spawn(join(this.folder, 'bin/rollcall'), args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.stderr.setEncoding('utf8').on('data', (text: string) => {
        this.log += text;
        if (text.includes('ready')) resolve();
      });
      server.once('exit', (code) => reject(new Error(`rollcall serve ended with ${code}:\n${this.log}`)));
    });
  }

  /** Asks the server over its control socket. */
  ask(command: string, ...args: string[]): Promise<Record<string, unknown>> {
    return callControl({ socket: this.scratch.control, command, args }) as Promise<Record<string, unknown>>;
  }

  /** Changes a file of the copy. */
  edit(path: string, from: string, to: string): void {
    const file = join(this.folder, path);
    const text = readFileSync(file, 'utf8');
    if (!text.includes(from)) throw new Error(`${path} has no ${from}`);
    this.#keep(file, text);
    writeFileSync(file, text.replace(from, to));
  }

  append(path: string, more: string): void {
    const file = join(this.folder, path);
    const text = readFileSync(file, 'utf8');
    this.#keep(file, text);
    writeFileSync(file, text + more);
  }

  /** Takes all changes back. */
  restore(): void {
    for (const [file, text] of this.#changed) writeFileSync(file, text);
    this.#changed.clear();
  }

  #keep(file: string, text: string): void {
    if (!this.#changed.has(file)) this.#changed.set(file, text);
  }

  hangUp(): void {
    this.#server?.kill('SIGHUP');
  }

  /** Stops the server; the exit code. */
  async stop(): Promise<number | null> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return server?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    return ended;
  }

  async remove(): Promise<void> {
    await this.stop();
    this.scratch.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
