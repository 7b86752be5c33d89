// Owns `npm run bench:peers [-- ROUNDS SECONDS [mysql]]`: ours and every installed peer in turn, the table of medians, the floor.
import { kamailios, kamailioVersion } from './kamailio';
import { alone } from './lock';
import { faultsOf, type Phase, presload } from './presload';
import { comparison, type Figures, figures, type Goals, keep, median, type Rows, round, shares } from './report';
import { type Kind, Ours, startEcho, startOursOnMysql } from './target';
import { compared, rowOf, workloads } from './workloads';

const [rounds = 5, seconds = 5] = process.argv.slice(2, 4).map(Number);

/** Ours on one of its databases, beside the peers that it is held to. */
interface Comparison {
  readonly start: Kind['start'];
  readonly goals: Goals;
  /** Options of presload beside those of the workload, the same for all. */
  readonly options: readonly string[];
  /** s for each phase of a first run under another domain, which is not measured: code is compiled, caches are filled. */
  readonly warmUp: number;
}

const comparisons: Readonly<Record<string, Comparison>> = {
  sqlite: {
    start: () => Ours.start(),
    goals: {
      'kamailio-memory': { rate: 1.5, cpu: 0.67 },
      'kamailio-writeback': undefined,
      'kamailio-dbonly': { rate: 10, cpu: 0.1 },
    },
    options: [],
    warmUp: 0,
  },
  mysql: {
    start: startOursOnMysql,
    goals: { 'kamailio-dbonly': { rate: 5, cpu: 0.2 } },
    options: ['--widen', '4'],
    warmUp: seconds,
  },
};

/** Sizes on the wire of these workloads, in bytes: what is read, and what is sent. */
const floors = {
  'a NOTIFY and its 200': { read: 268, sent: 1164, row: 'fan-out W=100 (PUBLISH and its NOTIFYs)', goal: 1.6 },
  'a PUBLISH refresh and its 200': { read: 368, sent: 362, row: 'publish refresh', goal: 2.5 },
} as const;

interface Measured {
  workload: string;
  round: number;
  phase: Phase;
}

async function compare({ start, goals, options, warmUp }: Comparison): Promise<void> {
  const { kinds, missing } = kamailios();
  for (const reason of missing) console.error(`without a peer: ${reason}`);
  const peers = kinds.filter(({ name }) => name in goals);
  const targets: Kind[] = [{ name: 'ours', start }, ...peers];
  const measured: Measured[] = [];
  const echoes = new Map<string, number[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const target of targets) {
      for (const workload of compared) {
        console.error(`round ${round} of ${rounds}: ${target.name} ${workload}`);
        const phases = await measure(target, [...(workloads[workload] ?? []), ...options], warmUp);
        measured.push(...phases.map((phase) => ({ workload, round, phase })));
      }
    }
    for (const [name, { read, sent }] of Object.entries(floors)) {
      echoes.set(name, [...(echoes.get(name) ?? []), await echo(read, sent)]);
    }
  }
  const rows = medians(measured);
  const names = peers.map(({ name }) => name);
  const table = comparison(rows, names, goals);
  const where = shares(rows, ['ours', ...names]);
  const floor = floorTable(rows, echoes);
  const run = { rounds, seconds, options, warmUp, peer: kamailioVersion() };
  const file = keep('peers', { ...run, table, where, floor, measured });
  console.log(`${[table, where, floor, faultLines(measured).join('\n')].join('\n\n')}\n\nevery run: ${file}`);
}

async function measure(target: Kind, workload: readonly string[], warmUp: number): Promise<Phase[]> {
  const server = await target.start();
  try {
    if (warmUp > 0) await presload(server, [...workload, '--domain', 'warm.example', '--seconds', String(warmUp)]);
    return await presload(server, [...workload, '--seconds', String(seconds)]);
  } finally {
    await server.stop();
  }
}

/** µs of Node's CPU for one datagram in and one out. */
async function echo(read: number, sent: number): Promise<number> {
  const server = await startEcho(sent);
  try {
    const [phase] = await presload(server, ['raw', '--body-size', String(read), '--seconds', String(seconds)]);
    return phase?.cpu_server_us_op ?? Number.NaN;
  } finally {
    await server.stop();
  }
}

function medians(measured: readonly Measured[]): Map<string, Map<string, Figures>> {
  const groups = new Map<string, Map<string, Phase[]>>();
  for (const { workload, phase } of measured) {
    const row = rowOf(phase, workload);
    if (row === undefined) continue;
    const targets = groups.get(row) ?? new Map<string, Phase[]>();
    groups.set(row, targets.set(phase.target, [...(targets.get(phase.target) ?? []), phase]));
  }
  const of = (targets: Map<string, Phase[]>) => new Map([...targets].map(([name, runs]) => [name, figures(runs)]));
  return new Map([...groups].map(([row, targets]) => [row, of(targets)]));
}

function floorTable(rows: Rows, echoes: Map<string, number[]>): string {
  const lines = ['| CPU µs | ours | raw echo of the same sizes | ratio | goal |', '| --- | --- | --- | --- | --- |'];
  for (const [name, { row, goal, read, sent }] of Object.entries(floors)) {
    const ours = rows.get(row)?.get('ours')?.cpuMessage ?? Number.NaN;
    const floor = median(echoes.get(name) ?? []);
    const mark = ours / floor <= goal ? '✓' : '✗';
    lines.push(
      `| ${name} (${read} bytes in, ${sent} out) | ${round(ours)} | ${round(floor)} | ${round(ours / floor)} × ${mark} | ≤ ${goal} × |`,
    );
  }
  return lines.join('\n');
}

/** What each target did wrong, over all runs. */
function faultLines(measured: readonly Measured[]): string[] {
  const lines = measured.flatMap(({ workload, round, phase }) =>
    faultsOf(phase).map((fault) => `${phase.target}, round ${round}, ${workload}, ${phase.phase}: ${fault}`),
  );
  return lines.length === 0 ? ['no faults'] : lines;
}

const asked = comparisons[process.argv[4] ?? 'sqlite'];
if (asked !== undefined) void alone(() => compare(asked));
else {
  console.error(`npm run bench:peers -- ROUNDS SECONDS ${Object.keys(comparisons).join('|')}`);
  process.exitCode = 2;
}
