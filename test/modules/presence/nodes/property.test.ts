// Holds what must be true of several nodes on one database, whatever happens: random bursts, crashes, lost commits, nodes that are cut off.
import test from 'node:test';
import fc from 'fast-check';
import type { Request, Step } from './steps';
import { World } from './world';

const seed = Number(process.env.ROLLCALL_SEED ?? 20260202);
const runs = Number(process.env.ROLLCALL_RUNS ?? 40);
const count = 3;

const node = fc.nat(count - 1);
const request: fc.Arbitrary<Request> = fc.oneof(
  fc.record({
    do: fc.constantFrom('publish', 'refresh', 'modify', 'remove', 'resubscribe', 'unsubscribe', 'fetch'),
    node,
    after: fc.nat(4),
    pick: fc.nat(9),
    expires: fc.constantFrom(3, 20, 600),
  } as const),
  fc.record({
    do: fc.constant('subscribe'),
    winfo: fc.boolean(),
    node,
    after: fc.nat(4),
    pick: fc.nat(9),
    expires: fc.constantFrom(3, 600, 600),
  } as const),
);
const burst = fc.record({
  do: fc.constant('burst'),
  requests: fc.array(request, { minLength: 1, maxLength: 4 }),
} as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: burst },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('answer'), status: fc.constantFrom(200, 481, 500) } as const) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('hold', 'cutOff', 'reload', 'leave'), node } as const) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash'), node, after: fc.nat(6) } as const) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stall'), node, seconds: fc.constantFrom(4, 5, 8) } as const) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('trouble'),
      node,
      outcome: fc.constantFrom('stale', 'away', 'lost'),
    } as const),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass'), seconds: fc.constantFrom(1, 2, 12, 130) } as const) },
);

test(`nodes on one database: CSeqs rise whichever node sends, nothing is lost, no watcher is left behind (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
      const world = new World();
      for (let index = 0; index < count; index++) await world.open(index);
      await world.pass(1);
      for (const each of steps) {
        await world.take(each);
        await world.quiet();
        world.check();
      }
      await world.finish();
    }),
    { seed, numRuns: runs, includeErrorInReport: true },
  );
});
