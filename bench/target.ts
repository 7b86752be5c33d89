// Owns our server under load: bin/rollcall with bench/rollcall.yaml on a fresh SQLite file, in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../test/support/ports';
import { root } from '../test/support/tree';
import { bound } from './bound';
import { startMariadb } from './mariadb';
import type { Loaded } from './presload';

/** A server that a benchmark starts and stops. */
export interface Target extends Loaded {
  stop(): Promise<void>;
}

/** How a kind of server is started, for a benchmark that starts each several times. */
export interface Kind {
  readonly name: string;
  readonly start: () => Promise<Target>;
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => child.once('exit', resolve));
}

export class Ours implements Target {
  readonly name = 'ours';
  readonly folder = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
  #child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly config: string,
    private readonly flags: readonly string[],
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /**
   * ROLLCALL=/other/checkout/bin/rollcall measures another build with the same configuration; flags and ROLLCALL_NODE_OPTIONS are
   * Node's (`--cpu-prof --cpu-prof-dir=…`). @param env what the configuration names
   */
  static async start(
    config = join(root, 'bench', 'rollcall.yaml'),
    flags: readonly string[] = [],
    env = {},
  ): Promise<Ours> {
    const server = new Ours(await freePort(), config, flags, env);
    await server.start();
    return server;
  }

  get processes(): Record<string, number> {
    if (this.#child?.pid === undefined) throw new Error('the server does not run');
    return { server: this.#child.pid };
  }

  /** Starts it, or starts it again on what it had stored; resolves when it says that it is ready. */
  async start(): Promise<void> {
    const program = process.env.ROLLCALL ?? join(root, 'bin', 'rollcall');
    const ROLLCALL_NODE_OPTIONS = [process.env.ROLLCALL_NODE_OPTIONS ?? '', ...this.flags].join(' ');
    const here = { PORT: String(this.port), BENCH_DB: join(this.folder, 'bench.db'), ROLLCALL_NODE_OPTIONS };
    const child = spawn(program, ['serve', '-f', this.config], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...here, ...this.env },
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      let log = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        log = (log + text).slice(-4000);
        if (log.includes('ready, listening')) resolve();
        if (/warn|error/i.test(text)) process.stderr.write(text);
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`rollcall serve ended with ${code}:\n${log}`)));
    });
  }

  /** SIGKILL, at any moment. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill(signal);
    await ended(child);
  }
}

/** Ours on a MariaDB like the peer's, whose CPU counts too. */
export async function startOursOnMysql(): Promise<Target> {
  const mariadb = await startMariadb();
  try {
    const env = { BENCH_SOCKET: mariadb.socket };
    const ours = await Ours.start(join(root, 'bench', 'rollcall-mysql.yaml'), [], env);
    const stop = async () => {
      await ours.stop();
      await mariadb.stop();
    };
    return { name: ours.name, port: ours.port, processes: { ...ours.processes, db: mariadb.pid }, stop };
  } catch (error) {
    await mariadb.stop();
    throw error;
  }
}

/** Node's own price of datagrams: each request is answered with `size` bytes. */
export async function startEcho(size: number): Promise<Target> {
  const port = await freePort();
  const child = spawn(process.execPath, [join(root, 'bench', 'echo.mjs'), String(port), String(size)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await bound(port, child);
  return {
    name: 'echo',
    port,
    processes: { server: child.pid ?? 0 },
    stop: async () => {
      child.kill();
      await ended(child);
    },
  };
}
