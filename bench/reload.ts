// Owns `npm run bench:reload`: every module reloaded a hundred times in turn under load, and what that cost the requests.
import { Checkout, patient } from '../test/support/checkout';
import { Load } from '../test/support/load';

const rounds = Number(process.argv[2] ?? 100);
const rate = Number(process.argv[3] ?? 3000);
const db = process.argv[4] === 'memory' ? 'memory' : 'sqlite';
/** ms of load before the first reload, for comparison. */
const quiet = 5000;

async function run(): Promise<void> {
  const checkout = new Checkout();
  try {
    await checkout.serve({ db, core: patient });
    const load = new Load({ port: checkout.port, presentities: 200, watchers: 3, rate });
    await load.start();
    const modules = ((await checkout.ask('modules')) as unknown as { module: string }[]).map(({ module }) => module);
    const before = await memory(checkout);
    load.takeSlowest();
    await new Promise((resolve) => setTimeout(resolve, quiet));
    const unmoved = load.takeSlowest();
    const began = performance.now();
    const first = load.operations;
    const pauses: { module: string; pause: number }[] = [];
    for (let round = 0; round < rounds && load.faults.length === 0; round++) {
      for (const module of modules) {
        const { pause_ms } = await checkout.ask('reload', module);
        pauses.push({ module, pause: Number(pause_ms) });
      }
    }
    const seconds = (performance.now() - began) / 1000;
    const operations = load.operations - first;
    const after = await memory(checkout);
    const report = await load.stop();
    pauses.sort((a, b) => b.pause - a.pause);
    const { slowest, notifies, retransmitted, faults } = report;
    console.log(`${pauses.length} reloads of ${modules.length} modules in ${Math.round(seconds)} s`);
    console.log(
      `${Math.round(operations / seconds)} operations/s, ${notifies} NOTIFYs, ${retransmitted} requests sent again`,
    );
    for (const module of modules) {
      const own = pauses.filter((each) => each.module === module).map(({ pause }) => pause);
      console.log(`  ${module.padEnd(24)} median ${own[own.length >> 1]} ms, longest ${own[0]} ms`);
    }
    console.log(
      `longest pause ${pauses[0]?.pause} ms (${pauses[0]?.module}), median ${pauses[pauses.length >> 1]?.pause} ms`,
    );
    console.log(`longest answer ${slowest} ms, ${unmoved} ms in ${quiet / 1000} s before the first reload`);
    console.log(`resident memory ${before} MB before, ${after} MB after`);
    console.log(faults.length === 0 ? 'nothing lost, refused or answered twice' : faults.slice(0, 20).join('\n'));
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    await checkout.remove();
  }
}

async function memory(checkout: Checkout): Promise<unknown> {
  return (await checkout.ask('status')).memory_mb;
}

void run();
