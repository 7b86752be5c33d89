// Owns the load generator: compiles presload.c when it has changed, runs a workload against a target, reads its figures.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../test/support/tree';

/** A distribution in ms. */
export interface Times {
  n: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** What presload prints after a phase. README.md explains the fields; counts of faults are there only when above zero. */
export interface Phase {
  target: string;
  phase: string;
  presentities: number;
  watchers: number;
  rate?: number;
  ops: number;
  ok: number;
  seconds: number;
  ops_s: number;
  notifies: number;
  notify_s: number;
  req_ms?: Times;
  pub_notify_ms?: Times;
  sub_notify_ms?: Times;
  /** PUBLISH to the last NOTIFY */
  fanout_ms?: Times;
  cpu_server_s?: number;
  cpu_server_us_op?: number;
  cpu_db_us_op?: number;
  /** of the load generator */
  cpu_load_us_op?: number;
  cpu_server_us_msg?: number;
  /** proportional set size before and after */
  mem_server_kb?: [number, number];
  [fault: string]: unknown;
}

/** A server under load: where it listens, and the processes whose CPU and memory count, each with what it has started. */
export interface Loaded {
  readonly name: string;
  readonly port: number;
  readonly processes: Readonly<Record<string, number>>;
}

/** Why there is no load generator, or undefined. */
export const presloadMissing: string | undefined =
  process.platform !== 'linux'
    ? 'the load generator runs on Linux'
    : spawnSync('gcc', ['--version'], { stdio: 'ignore' }).error === undefined
      ? undefined
      : 'gcc is not installed (Debian and Ubuntu have it as the package gcc, with libc6-dev)';

/** The compiled load generator. */
export function presloadProgram(): string {
  const source = join(root, 'bench', 'presload.c');
  const program = join(root, 'var', 'presload');
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  mkdirSync(join(root, 'var'), { recursive: true });
  const fresh = `${program}.${process.pid}`;
  const made = spawnSync('gcc', ['-O2', '-Wall', '-o', fresh, source], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`presload.c was not compiled:\n${made.stderr}`);
  renameSync(fresh, program);
  return program;
}

/** A run of presload that can be waited for. */
export interface Run {
  /** Standard error so far. */
  readonly said: () => string;
  /** One for each measured phase; rejects when presload fails. */
  readonly phases: Promise<Phase[]>;
  /** Ends the phase that runs: what is open is waited for. */
  stop(): void;
}

/** @param args a workload and options, see `presload` without arguments */
export function startPresload({ name, port, processes }: Loaded, args: readonly string[]): Run {
  const [workload = '', ...options] = args;
  const all = { ...processes, load: 'self' };
  const counted = Object.entries(all).flatMap(([role, pid]) => ['--cpu', `${role}=${pid}`]);
  const child = spawn(presloadProgram(), [workload, '--port', String(port), '--label', name, ...counted, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const phases = new Promise<Phase[]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code !== 0) return reject(new Error(`presload ${args.join(' ')} ended with ${code}:\n${said}${output}`));
      const lines = output.split('\n').filter((line) => line !== '');
      resolve(lines.map((line) => JSON.parse(line) as Phase));
    });
  });
  return { said: () => said, phases, stop: () => void child.kill('SIGINT') };
}

export function presload(target: Loaded, args: readonly string[]): Promise<Phase[]> {
  return startPresload(target, args).phases;
}

const faults = [
  'errors',
  'lost_notify',
  'lost_after_subscribe',
  'missing_final_state',
  'cseq_dup',
  'cseq_lower',
  'stale_body',
  'wrong_body',
  'empty_body',
  'bad_notify',
  'bad_dialog',
  'unknown',
  'no_etag',
  'same_etag',
  'no_expires',
] as const;

/** What a correct server never does, however slow it is: `cseq_lower 3`. What was sent again is no fault. */
export function faultsOf(phase: Phase): string[] {
  return faults.filter((name) => Number(phase[name] ?? 0) > 0).map((name) => `${name} ${phase[name]}`);
}
