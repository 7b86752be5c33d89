// Owns servers under test: one in this process on free ports, and one in a process of its own that can be killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningServer } from '../../core/server';
import { startServer } from '../../core/server';
import { freePort } from './ports';
import type { PeerTransport, ServerAddress } from './raw-peer';
import { Scratch, type ServerSpec } from './scratch';

/** A server to talk to. */
export interface TestServer {
  at(transport: PeerTransport): ServerAddress;
  stop(): Promise<void>;
}

/** `bin/rollcall ARGS` of the build under test; its standard output and error are pipes. */
export function spawnRollcall(args: readonly string[]): ChildProcess {
  const main = join(__dirname, 'rollcall-main.js');
  return spawn(process.execPath, ['--enable-source-maps', main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Starts a server in this process, on free loopback ports. */
export async function startRollcall(spec: ServerSpec = {}): Promise<TestServer & { readonly running: RunningServer }> {
  const scratch = new Scratch();
  scratch.write(spec);
  const running = await startServer({ file: scratch.config }).catch((error: unknown) => {
    scratch.remove();
    throw error;
  });
  return {
    running,
    at: (transport) => {
      const point = running.points.find((candidate) => candidate.protocol === transport);
      if (point === undefined) throw new Error(`the server does not listen on ${transport}`);
      return { address: point.address, port: point.port };
    },
    stop: async () => {
      await running.stop();
      scratch.remove();
    },
  };
}

/** `bin/rollcall serve` in a process of its own. It keeps its ports and its database over `kill` and `start`. */
export class RollcallProcess implements TestServer {
  readonly scratch = new Scratch();
  log = '';
  #child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    spec: ServerSpec,
  ) {
    const listen = [`udp:127.0.0.1:${port}`, `tcp:127.0.0.1:${port}`];
    this.scratch.write({ listen, ...spec, core: { log_level: 'info', ...spec.core } });
  }

  /** @param spec or how it follows from the port */
  static async start(spec: ServerSpec | ((port: number) => ServerSpec) = {}): Promise<RollcallProcess> {
    const port = await freePort();
    const server = new RollcallProcess(port, typeof spec === 'function' ? spec(port) : spec);
    await server.start();
    return server;
  }

  at(): ServerAddress {
    return { address: '127.0.0.1', port: this.port };
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('the server does not run');
    return this.#child.pid;
  }

  /** Starts it and waits for its ready line. */
  async start(): Promise<void> {
    const child = spawnRollcall(['serve', '-f', this.scratch.config]);
    this.#child = child;
    child.stdout?.resume();
    await new Promise<void>((resolve, reject) => {
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        this.log += text;
        if (/\bready\b/i.test(text)) resolve();
      });
      child.once('exit', (code) => reject(new Error(`rollcall serve ended with ${code}:\n${this.log}`)));
      child.once('error', reject);
    });
  }

  /** SIGKILL: what a power cut leaves. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM; the result is the exit code. */
  terminate(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  /** Resident memory in bytes, from /proc. */
  residentBytes(): number {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'));
    return Number(match?.[1] ?? 0) * 1024;
  }

  /** CPU time that its main thread has used, in ms: what a busy machine does not change. Elsewhere than on Linux the time of day. */
  cpuMs(): number {
    const file = `/proc/${this.pid}/task/${this.pid}/schedstat`;
    return existsSync(file) ? Number(readFileSync(file, 'latin1').split(' ')[0]) / 1e6 : performance.now();
  }

  async stop(): Promise<void> {
    if (this.#child !== undefined) await this.#end('SIGTERM');
    this.scratch.remove();
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
    return new Promise((resolve) => {
      child.once('exit', (code) => resolve(code));
      child.kill(signal);
    });
  }
}

/** What a node of a cluster over MySQL has to be told; `timeout` in seconds. */
export function nodeSpec(url: string, timeout: number): (port: number) => ServerSpec {
  return (port) => ({
    loadmodule: ['db_mysql'],
    modparam: [
      ['presence', 'db_url', url],
      ['presence', 'cluster_secret', 'known to the nodes alone'],
      ['presence', 'cluster_address', `sip:127.0.0.1:${port};transport=tcp`],
      ['presence', 'cluster_timeout', timeout],
    ],
  });
}
