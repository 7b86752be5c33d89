// Owns one presentity with 50,000 watchers that is published over and over: what other presentities feel of it.
import { setTimeout as sleep } from 'node:timers/promises';
import { startPresload } from '../presload';
import { echoed, type Finding, load, withOurs } from './finding';

const watchers = 50_000;
const others = ['fanout', '--presentities', '200', '--watchers', '3', '--rate', '200', '--seconds', '15'];

export function crowd(): Promise<Finding[]> {
  return withOurs(async (server) => {
    const alone = await load(server, ...others, '--domain', 'alone.example');
    const one = ['fanout', '--presentities', '1', '--watchers', String(watchers), '--window', '1'];
    const big = startPresload(server, [...one, '--seconds', '40', '--op-timeout', '120', '--drain', '120']);
    while (!big.said().includes('subscribe ')) await Promise.race([sleep(100), big.phases]);
    const [beside, floor] = await Promise.all([load(server, ...others, '--domain', 'others.example'), echoed(200, 15)]);
    const crowded = (await big.phases).at(-1);
    const told = crowded?.fanout_ms;
    return [
      {
        what: `PUBLISH to its 200 at others, p99 beside a fan-out to ${watchers.toLocaleString('en')}`,
        value: beside.req_ms?.p99 ?? Number.NaN,
        unit: 'ms',
        goal: 20,
        details: `alone ${alone.req_ms?.p99} ms, an echo on this machine at the same time ${floor} ms; to the last of 3 NOTIFYs ${beside.fanout_ms?.p99} ms, alone ${alone.fanout_ms?.p99} ms`,
      },
      {
        what: `a PUBLISH reaches all of ${watchers.toLocaleString('en')} watchers, median`,
        value: (told?.p50 ?? Number.NaN) / 1000,
        unit: 's',
        details: `${crowded?.ok} times, ${crowded?.lost_notify} NOTIFYs lost, ${crowded?.notify_retrans ?? 0} sent again`,
      },
    ];
  });
}
