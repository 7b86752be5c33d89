// Owns the memory of one more publication and one more subscription when there are a hundred thousand already.
import { type Finding, load, withOurs } from './finding';
import { collecting, residentAtRest } from './resident';

const many = 100_000;
const watchers = 10;

export async function memory(): Promise<Finding[]> {
  const publication = await growth('publish-initial', '--presentities', String(many));
  const presentities = String(many / watchers);
  const subscription = await growth(
    'subscribe',
    '--no-publish',
    '--presentities',
    presentities,
    '--watchers',
    String(watchers),
  );
  return [
    { what: 'memory of a publication of 700 bytes, beyond 100,000', value: publication, unit: 'bytes', goal: 1600 },
    {
      what: 'memory of a subscription, beyond 100,000',
      value: subscription,
      unit: 'bytes',
      goal: 1000,
      details: `${watchers} to each presentity`,
    },
  ];
}

/** Bytes by which the process grows for each record of a second hundred thousand. */
function growth(...workload: readonly string[]): Promise<number> {
  return withOurs(
    async (server) => {
      await load(server, ...workload, '--domain', 'first.example');
      const before = await residentAtRest(server);
      await load(server, ...workload, '--domain', 'second.example');
      return ((await residentAtRest(server)) - before) / many;
    },
    ...collecting,
  );
}
