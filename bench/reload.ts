// Owns `npm run bench:reload [rounds] [rate] [rest]`: every module reloaded in turn under load, what it cost requests and heap.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { callControl } from '../core/control/client';
import { root } from '../test/support/tree';
import { alone } from './lock';
import { faultsOf, type Loaded, type Phase, startPresload } from './presload';
import { Ours } from './target';

const rounds = Number(process.argv[2] ?? 100);
const rate = Number(process.argv[3] ?? 3000);
/** ms between two reloads. Without a rest the machine does little but compile: new code runs slowly until it is known to be hot. */
const rest = Number(process.argv[4] ?? 200);
/** Refreshes, publications that fan out, subscriptions that begin or end, parts of a hundred: as in the workload `mixed`. */
const mix = '70,20,10';
const load = ['mixed', '--presentities', '2000', '--watchers', '1', '--mix', mix, '--rate', String(rate)];
/** ms of load before the first reload, for comparison. */
const quiet = 20_000;
/** ms in which presload makes its publications and subscriptions, and replies are kept for the first time as long as they are (32 s). */
const settled = 40_000;
/** ms of the same load without reloads, for comparison: as long as the heap needs to be as it stays. */
const unreloadedFor = 180_000;
/** MB by which the heap in use may grow in that time, and then with reloads: code of the engine, the load of the moment. */
const slack = 8;

interface Pause {
  readonly module: string;
  readonly ms: number;
}

interface Reloads {
  readonly pauses: readonly Pause[];
  readonly ms: number;
}

async function run(): Promise<void> {
  const server = await Ours.start(join(root, 'bench', 'reload.yaml'), ['--expose-gc']);
  try {
    const ask = (command: string, ...args: string[]) =>
      callControl({ socket: `${join(server.folder, 'bench.db')}.sock`, command, args }) as Promise<
        Record<string, unknown>
      >;
    const modules = ((await ask('modules')) as unknown as { module: string }[]).map(({ module }) => module);
    const unmoved = await underLoad(server, quiet / 1000);
    const running = startPresload(server, [...load, '--seconds', '3600']);
    const reload = async (times: number): Promise<Reloads> => {
      const pauses: Pause[] = [];
      const began = performance.now();
      for (let round = 0; round < times; round++) {
        for (const module of modules) {
          pauses.push({ module, ms: Number((await ask('reload', module)).pause_ms) });
          await after(rest);
        }
      }
      return { pauses, ms: performance.now() - began };
    };
    await reload(1);
    await after(settled);
    // The same subscriptions and publications as at the end.
    const start = await memory(server, ask);
    // What the load alone does to the heap.
    await after(unreloadedFor);
    const unreloaded = await memory(server, ask);
    const all = await reload(rounds);
    const reloaded = await memory(server, ask);
    running.stop();
    const phase = (await running.phases).at(-1);
    report(modules, all);
    const moved = phase === undefined ? [] : told('without and with reloads', phase);
    const faults = [...told('before', unmoved), ...moved];
    console.table({ 'under load': start, 'without reloads': unreloaded, 'with reloads': reloaded });
    faults.push(...grown('without reloads', start, unreloaded), ...grown('with reloads', unreloaded, reloaded));
    console.log(faults.length === 0 ? 'nothing lost, refused or answered twice' : faults.join('\n'));
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    await server.stop();
  }
}

/** Says so when the heap has grown by more than may be. */
function grown(how: string, before: { heap: number }, after: { heap: number }): string[] {
  const by = Math.round((after.heap - before.heap) * 10) / 10;
  return by > slack ? [`the heap has grown by ${by} MB ${how}`] : [];
}

async function underLoad(server: Loaded, seconds: number): Promise<Phase> {
  const phase = (await startPresload(server, [...load, '--seconds', String(seconds)]).phases).at(-1);
  if (phase === undefined) throw new Error('presload said nothing');
  return phase;
}

function report(modules: readonly string[], { pauses, ms }: Reloads): void {
  console.log(`${pauses.length} reloads of ${modules.length} modules in ${Math.round(ms / 1000)} s`);
  const of = (module?: string) =>
    pauses
      .filter((each) => module === undefined || each.module === module)
      .map(({ ms }) => ms)
      .sort((a, b) => a - b);
  const line = (name: string, ms: readonly number[]) =>
    console.log(`  ${name.padEnd(24)} median ${ms[ms.length >> 1]} ms, longest ${ms.at(-1)} ms`);
  for (const module of modules) line(module, of(module));
  line('all', of());
}

/** Prints what presload saw, and returns what should not have been. */
function told(when: string, phase: Phase): string[] {
  const { p50 = 0, p99 = 0, max = 0 } = phase.req_ms ?? {};
  const retransmits = Number(phase.retransmits ?? 0);
  const twice = Number(phase.stray ?? 0) - retransmits;
  console.log(
    `${when}: ${Math.round(phase.ops_s)} operations/s, ${Math.round(phase.notify_s)} NOTIFY/s, answers p50 ${p50} p99 ${p99} longest ${max} ms, ${retransmits} requests sent again`,
  );
  // What presload had no free presentity or dialog for it has not asked.
  const unasked = Number(phase.dropped ?? 0);
  if (unasked > 0) console.log(`  ${unasked} operations were not asked: everything they could be about was at work`);
  const faults = faultsOf({ ...phase, errors: Number(phase.errors) - unasked });
  if (faults.length > 0) faults.push(JSON.stringify(phase));
  return [...faults, ...(twice > 0 ? [`answered twice ${twice}`] : [])];
}

/** MB: what is in use when all that can be collected has been, and what the process has of the machine. */
async function memory(server: Loaded, ask: (command: string) => Promise<Record<string, unknown>>) {
  const { heapUsed, heapTotal, external } = await ask('heap.used');
  const status = readFileSync(`/proc/${server.processes.server}/status`, 'latin1');
  const resident = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  const mb = (bytes: unknown) => Math.round((Number(bytes) / 2 ** 20) * 10) / 10;
  return { heap: mb(heapUsed), 'heap reserved': mb(heapTotal), buffers: mb(external), resident: mb(resident) };
}

void alone(run);
