// Owns latency at 70 % of the rate that can be sustained: to the answer of a PUBLISH, and to the last of its 100 NOTIFYs.
import { echoed, type Finding, load, withOurs } from './finding';

/** Of the highest rate at which 99 % were answered within 100 ms and next to nothing was sent again. */
const share = 0.7;

/** The search begins at half of what is answered when somebody always waits, and looks no closer after so many seconds. */
const searching = ['--find-max', '--step', '3', '--seconds', '8', '--budget', '60'];
/** Seconds at 70 %. */
const seconds = 20;

export async function latency(): Promise<Finding[]> {
  return [
    ...(await at('publish-modify', ['--presentities', '5000'], 10)),
    ...(await at('fanout', ['--presentities', '500', '--watchers', '100'], 25)),
  ];
}

function at(workload: string, size: readonly string[], goal: number): Promise<Finding[]> {
  return withOurs(async (server) => {
    const busy = await load(server, workload, ...size, '--seconds', '5', '--domain', 'busy.example');
    const from = ['--rate', String(Math.floor(busy.ops_s / 2))];
    const most = await load(server, workload, ...size, ...searching, ...from, '--domain', 'most.example');
    const rate = Math.floor(most.ops_s * share);
    const measured = load(server, workload, ...size, '--rate', String(rate), '--seconds', String(seconds));
    const [phase, floor] = await Promise.all([measured, echoed(200, seconds)]);
    const fanout = workload === 'fanout';
    const times = fanout ? phase.fanout_ms : phase.req_ms;
    const what = fanout ? 'PUBLISH to the last of its 100 NOTIFYs' : 'PUBLISH to its 200';
    const details = `${rate} of ${Math.round(most.ops_s)} PUBLISH/s, median ${times?.p50} ms, longest ${times?.max} ms, an echo beside it ${floor} ms`;
    return [{ what: `${what}, p99 at 70 %`, value: times?.p99 ?? Number.NaN, unit: 'ms', goal, details }];
  });
}
