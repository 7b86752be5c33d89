// Owns the memory of one more publication and one more subscription when there are a hundred thousand already.
import { type Finding, load, withOurs } from './finding';
import { type AtRest, atRest, collecting } from './resident';

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
    {
      what: 'memory of a publication of 700 bytes, beyond 100,000',
      value: publication.resident,
      unit: 'bytes',
      goal: 1600,
      details: `of which alive ${Math.round(publication.alive)}`,
    },
    {
      what: 'memory of a subscription, beyond 100,000',
      value: subscription.resident,
      unit: 'bytes',
      goal: 1000,
      details: `of which alive ${Math.round(subscription.alive)}; ${watchers} to each presentity`,
    },
  ];
}

/** Bytes by which the process and what is alive in it grow for each record of a second hundred thousand. */
function growth(...workload: readonly string[]): Promise<AtRest> {
  return withOurs(
    async (server) => {
      await load(server, ...workload, '--domain', 'first.example');
      const before = await atRest(server);
      await load(server, ...workload, '--domain', 'second.example');
      const after = await atRest(server);
      return { resident: (after.resident - before.resident) / many, alive: (after.alive - before.alive) / many };
    },
    ...collecting,
  );
}
