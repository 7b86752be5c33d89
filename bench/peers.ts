// Owns `npm run bench:peers [-- ROUNDS SECONDS]`: ours and every installed peer in turn, the table of medians, the floor.
import { kamailios, kamailioVersion } from './kamailio';
import { alone } from './lock';
import { faultsOf, type Phase, presload } from './presload';
import { comparison, type Figures, figures, keep, median, round } from './report';
import { type Kind, Ours, startEcho } from './target';
import { compared, rowOf, workloads } from './workloads';

const rounds = Number(process.argv[2] ?? 5);
const seconds = process.argv[3] ?? '5';

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

async function compare(): Promise<void> {
  const { kinds, missing } = kamailios();
  for (const reason of missing) console.error(`without a peer: ${reason}`);
  const targets: Kind[] = [{ name: 'ours', start: () => Ours.start() }, ...kinds];
  const measured: Measured[] = [];
  const echoes = new Map<string, number[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const target of targets) {
      for (const workload of compared) {
        console.error(`round ${round} of ${rounds}: ${target.name} ${workload}`);
        const phases = await measure(target, workload);
        measured.push(...phases.map((phase) => ({ workload, round, phase })));
      }
    }
    for (const [name, { read, sent }] of Object.entries(floors)) {
      echoes.set(name, [...(echoes.get(name) ?? []), await echo(read, sent)]);
    }
  }
  const rows = medians(measured);
  const table = comparison(
    rows,
    kinds.map(({ name }) => name),
  );
  const floor = floorTable(rows, echoes);
  const file = keep('peers', { rounds, seconds, peer: kamailioVersion(), table, floor, measured });
  console.log(`${table}\n\n${floor}\n\n${faultLines(measured).join('\n')}\n\nevery run: ${file}`);
}

async function measure(target: Kind, workload: (typeof compared)[number]): Promise<Phase[]> {
  const server = await target.start();
  try {
    return await presload(server, [...(workloads[workload] ?? []), '--seconds', seconds]);
  } finally {
    await server.stop();
  }
}

/** µs of Node's CPU for one datagram in and one out. */
async function echo(read: number, sent: number): Promise<number> {
  const server = await startEcho(sent);
  try {
    const [phase] = await presload(server, ['raw', '--body-size', String(read), '--seconds', seconds]);
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

function floorTable(rows: ReadonlyMap<string, ReadonlyMap<string, Figures>>, echoes: Map<string, number[]>): string {
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

void alone(compare);
