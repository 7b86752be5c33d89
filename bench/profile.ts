// Owns `npm run bench:profile [-- WORKLOAD…]`: where the time of an operation goes, by the rooms of the house.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { callControl } from '../core/control/client';
import { root } from '../test/support/tree';
import { alone } from './lock';
import { startPresload } from './presload';
import { keep, round } from './report';
import { Ours } from './target';
import { workloads } from './workloads';

/** s: of load before anything is looked at, since code is slow until it is known to be hot; of the profile. */
const [warmUp, window] = [6, 4];
/** s from the start of presload until its last phase is under way; it has to last for the window after that. */
const begun = 4;
const measured = window + 3;

/** What there is to do ends with these: enough of it for the whole time. */
const lasting: Readonly<Record<string, readonly string[]>> = {
  'publish-initial': ['--presentities', '200000'],
  subscribe: ['--presentities', '20000'],
};

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

interface Profile {
  readonly nodes: readonly Node[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A line of code knows its room: the first of these that its file's path holds. */
const rooms: readonly (readonly [room: string, path: RegExp])[] = [
  ['script, vm2', /core\/script\/|vm2|^vm\.js|scripts\//],
  ['sockets', /core\/sip\/transport\//],
  ['transactions', /core\/sip\/transaction\//],
  ['messages', /core\/sip\//],
  ['database', /core\/db\/|modules\/db_|presence\/store\//],
  ['NOTIFY', /presence\/notify\//],
  ['presence', /modules\/presence\//],
  ['documents', /modules\/presence_/],
  ['sanity, maxfwd', /dist\/modules\//],
  ['module host, base', /core\//],
];
const collector = '(garbage collector)';
const elsewhere = 'Node';

/** µs by room. Node's own code and what is built in counts for whoever calls it. */
export function byRoom({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const parents = new Map<number, Node>();
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node);
  const roomOf = new Map<number, string>();
  const find = (node: Node | undefined): string => {
    if (node === undefined) return elsewhere;
    const { functionName, url } = node.callFrame;
    if (functionName === collector || functionName === '(idle)') return functionName;
    const own = url.startsWith('node:') ? undefined : rooms.find(([, path]) => path.test(url))?.[0];
    return own ?? find(parents.get(node.id));
  };
  for (const node of nodes) roomOf.set(node.id, find(node));
  const sums = new Map<string, number>();
  samples.forEach((id, i) => {
    const room = roomOf.get(id) ?? elsewhere;
    sums.set(room, (sums.get(room) ?? 0) + (timeDeltas[i] ?? 0));
  });
  return sums;
}

type Row = Record<string, number | string>;

async function profile(name: string): Promise<Row> {
  const server = await Ours.start(join(root, 'bench', 'profile.yaml'));
  const options = [...(workloads[name] ?? []), ...(lasting[name] ?? [])];
  try {
    const seconds = (time: number) => ['--seconds', String(time)];
    // Under another domain: what it publishes is not to be part of the documents that are measured.
    const warming = [...(workloads[name] ?? []), ...seconds(warmUp), '--domain', 'warm-up.test'];
    await startPresload(server, warming).phases;
    const load = startPresload(server, [...options, ...seconds(begun + measured)]);
    await after(1000 * begun);
    const file = join(server.folder, 'cpuprofile');
    const socket = `${join(server.folder, 'bench.db')}.sock`;
    const args = [String(window), file];
    const taken = (await callControl({ socket, command: 'profile.take', args })) as { all: number; main: number };
    const phase = (await load.phases).at(-1);
    const operations = (phase?.ops_s ?? Number.NaN) * window;
    const times = byRoom(JSON.parse(readFileSync(file, 'utf8')));
    times.delete('(idle)');
    const seen = [...times.values()].reduce((sum, time) => sum + time, 0);
    const row: Row = { 'per s': Math.round(phase?.ops_s ?? 0), all: taken.all, 'main thread': taken.main };
    for (const [room] of rooms) row[room] = times.get(room) ?? 0;
    Object.assign(row, { collector: times.get(collector) ?? 0, [elsewhere]: times.get(elsewhere) ?? 0 });
    row['not seen'] = taken.main - seen;
    row['other threads'] = taken.all - taken.main;
    for (const [key, value] of Object.entries(row)) if (key !== 'per s') row[key] = round(Number(value) / operations);
    return row;
  } finally {
    await server.stop();
  }
}

async function run(names: readonly string[]): Promise<void> {
  const rows: Record<string, Row> = {};
  for (const name of names) {
    console.error(`profiling ${name}`);
    rows[name] = await profile(name);
    console.log(name, JSON.stringify(rows[name]));
  }
  const columns = Object.keys(Object.values(rows)[0] ?? {});
  console.log(
    `\n| CPU µs of an operation | ${Object.keys(rows).join(' | ')} |\n| --- |${' --- |'.repeat(names.length)}`,
  );
  for (const column of columns) console.log(`| ${column} | ${names.map((name) => rows[name]?.[column]).join(' | ')} |`);
  console.log(`\nevery figure: ${keep('profile', { warmUp, window, rows })}`);
}

const known = Object.keys(workloads).filter((name) => name !== 'suite');
const asked = process.argv.slice(2);
const wrong = asked.filter((name) => !known.includes(name));
if (wrong.length > 0) {
  console.error(`no such workload: ${wrong.join(' ')}\nworkloads: ${known.join(' ')}`);
  process.exitCode = 2;
} else void alone(() => run(asked.length > 0 ? asked : known));
