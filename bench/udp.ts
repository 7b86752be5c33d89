// Owns `npm run bench:udp -- [ROUNDS] [SECONDS]`: what one datagram in and one out cost in C, in batches, and by Node's sockets.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../test/support/ports';
import { root } from '../test/support/tree';
import { bound } from './bound';
import { alone } from './lock';
import { presload } from './presload';
import { median, round } from './report';
import { ended } from './target';

const [rounds = 5, seconds = 4] = process.argv.slice(2).map(Number);
/** Of the body of a datagram; its head has about as many again. */
const bodySize = 500;

function compiledEcho(): string {
  const program = join(root, 'var', 'echo');
  mkdirSync(join(root, 'var'), { recursive: true });
  const made = spawnSync('gcc', ['-O2', '-o', program, join(root, 'bench', 'echo.c')], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`echo.c was not compiled:\n${made.stderr}`);
  return program;
}

async function run(): Promise<void> {
  const own = join(__dirname, 'udp-echo.js');
  const kinds: Record<string, (port: string) => ChildProcess> = {
    'C (recvmmsg, sendmmsg)': (port) => spawn(compiledEcho(), [port]),
    'ours, in bundles': (port) => spawn(process.execPath, [own, port, 'bundles'], { stdio: 'inherit' }),
    'ours, in batches': (port) => spawn(process.execPath, [own, port, 'batches'], { stdio: 'inherit' }),
    'ours, one by one': (port) => spawn(process.execPath, [own, port, 'single'], { stdio: 'inherit' }),
    'node:dgram': (port) => spawn(process.execPath, [join(root, 'bench', 'echo.mjs'), port], { stdio: 'inherit' }),
  };
  const costs = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, start] of Object.entries(kinds)) {
      const port = await freePort();
      const child = start(String(port));
      try {
        await bound(port, child);
        const target = { name, port, processes: { server: child.pid ?? 0 } };
        const options = ['--body-size', String(bodySize), '--seconds', String(seconds)];
        const [phase] = await presload(target, ['raw', ...options]);
        costs.set(name, [...(costs.get(name) ?? []), phase?.cpu_server_us_op ?? Number.NaN]);
      } finally {
        child.kill();
        await ended(child);
      }
    }
  }
  console.log('| echo | CPU µs for one datagram in and one out: median | runs |\n| --- | --- | --- |');
  for (const [name, all] of costs) console.log(`| ${name} | ${round(median(all))} | ${all.join(', ')} |`);
}

void alone(run);
