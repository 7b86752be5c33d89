// Owns `npm run bench -- [mysql] WORKLOAD [presload options]`: our server on a fresh SQLite file or MariaDB under one workload.
import { alone } from './lock';
import { faultsOf, type Phase, presload } from './presload';
import { Ours, startOursOnMysql, type Target } from './target';
import { workloads } from './workloads';

async function run(start: () => Promise<Target>, name: string | undefined, options: readonly string[]): Promise<void> {
  const workload = workloads[name ?? ''];
  if (workload === undefined) {
    console.error(
      `npm run bench -- [mysql] WORKLOAD [options of presload]\nworkloads: ${Object.keys(workloads).join(' ')}`,
    );
    process.exitCode = 2;
    return;
  }
  const phases = await alone(async () => {
    const server = await start();
    try {
      return await presload(server, [...workload, ...options]);
    } finally {
      await server.stop();
    }
  });
  if (process.env.JSON_LINES) for (const phase of phases) console.log(JSON.stringify(phase));
  else console.table(phases.map(shown));
  const faults = phases.flatMap((phase) => faultsOf(phase).map((fault) => `${phase.phase}: ${fault}`));
  for (const fault of faults) console.log(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

function shown(phase: Phase): Record<string, string | number | undefined> {
  const { p50, p99, max } = phase.req_ms ?? {};
  return {
    phase: phase.phase,
    W: phase.watchers,
    'ops/s': Math.round(phase.ops_s),
    'NOTIFY/s': Math.round(phase.notify_s),
    'CPU µs/op': phase.cpu_server_us_op,
    ...(phase.cpu_db_us_op === undefined ? {} : { 'of MariaDB': phase.cpu_db_us_op }),
    'of the load': phase.cpu_load_us_op,
    'CPU µs/message': phase.cpu_server_us_msg,
    'p50 ms': p50,
    'p99 ms': p99,
    'max ms': max,
    'last NOTIFY p99': phase.fanout_ms?.p99,
    'sent again': Number(phase.retransmits),
    'PSS MB': Math.round((phase.mem_server_kb?.[1] ?? 0) / 1024),
  };
}

const [first, ...others] = process.argv.slice(2);
if (first === 'mysql') void run(startOursOnMysql, others[0], others.slice(1));
else void run(() => Ours.start(), first, others);
