// Owns the turn of a benchmark: one at a time on a machine, the others wait.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Seconds. */
const patience = 3600;

/** Runs `work` when no other benchmark runs. The lock belongs to a process of ours (flock(1)), so it goes when we go. */
export async function alone<T>(work: () => Promise<T>): Promise<T> {
  const file = join(tmpdir(), 'presence-bench.lock');
  const holder: ChildProcess = spawn('flock', ['-w', String(patience), file, 'sh', '-c', 'echo mine; cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const got = holder.stdout === null ? Promise.resolve(['']) : once(holder.stdout, 'data');
  const ended = once(holder, 'close').then(() => undefined);
  if ((await Promise.race([got, ended])) === undefined) throw new Error(`another benchmark holds ${file}`);
  try {
    return await work();
  } finally {
    holder.stdin?.end();
    await ended;
  }
}
