// Owns storing what is taken over into its resources: one guarded change each, judged anew when another server was faster.
import { ConstraintViolated, type Database, DatabaseUnavailable, type Tally, type Write } from '../../../core/api';
import { applyChanges, type ResourceChange } from '../changes';
import { noteDue } from '../due';
import { nextVersion, type Resource, type ResourceKey } from '../resource';
import type { Store } from '../store/store';
import type { Candidate, ReadCandidate } from './candidates';
import { judge, note, remembered } from './memory';
import type { Circumstances } from './records';
import { labelOf, type SourceRow } from './tables';

interface Taking {
  readonly rows: readonly SourceRow[];
  readonly read: ReadCandidate;
  readonly target: Database;
  readonly store: Store;
  readonly around: Circumstances;
  readonly tally: Tally;
}

interface Group {
  readonly key: ResourceKey;
  readonly candidates: Candidate[];
}

/** What is to be done with the candidates of one resource. */
interface Plan {
  readonly changes: readonly ResourceChange[];
  readonly notes: readonly Write[];
  readonly refused: readonly string[];
  readonly known: number;
}

/** A resource that other servers keep changing under us is given up after so many attempts. */
const maxAttempts = 10;

/** Takes rows over. @throws DatabaseUnavailable; what was stored until then is known to the next run */
export async function takeRecords(taking: Taking): Promise<void> {
  const { rows, read, around, tally } = taking;
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const candidate = read(row, around);
    if (typeof candidate === 'string') {
      tally.refuse(candidate, labelOf(row));
      continue;
    }
    const group = groups.get(candidate.key.id);
    if (group) group.candidates.push(candidate);
    else groups.set(candidate.key.id, { key: candidate.key, candidates: [candidate] });
  }
  let left = [...groups.values()];
  for (let attempt = 1; left.length > 0; attempt++) {
    if (attempt > maxAttempts) throw new DatabaseUnavailable('other servers keep changing what is to be taken over', 1);
    left = await takeGroups(left, taking);
  }
}

/** @returns those that somebody else has changed meanwhile */
async function takeGroups(groups: readonly Group[], { target, store, around, tally }: Taking): Promise<Group[]> {
  const [taken, resources] = await Promise.all([
    remembered(
      target,
      groups.flatMap(({ candidates }) => candidates.map(({ record }) => record)),
    ),
    store.load(groups.map(({ key }) => key)),
  ]);
  const outcomes = groups.map(async (group, i) => {
    const resource = resources[i];
    if (resource === undefined) return [];
    const plan = planOf(resource, group.candidates, taken, around);
    return (await carryOut(plan, resource, store, around, tally)) ? [] : [group];
  });
  return (await Promise.all(outcomes)).flat();
}

/** Judges the candidates one after the other, each on what the one before has made of `resource`. */
function planOf(
  resource: Resource,
  candidates: readonly Candidate[],
  taken: ReadonlyMap<string, string>,
  around: Circumstances,
): Plan {
  const changes: ResourceChange[] = [];
  const notes: Write[] = [];
  const refused: string[] = [];
  let known = 0;
  const make = (change: ResourceChange) => {
    applyChanges(resource, [change]);
    changes.push(change);
  };
  for (const candidate of candidates) {
    const before = taken.get(candidate.record);
    const judgement = judge(before, candidate.stamp, candidate.standing(resource, before));
    if (judgement === 'known') known++;
    else if (judgement !== 'take') refused.push(judgement.refused);
    else {
      make(candidate.change(resource, before));
      notes.push(note(candidate.record, candidate.stamp));
    }
  }
  // The first server that finds the resource due looks at its rules, those that begin and end by the clock too.
  if (notes.length > 0 && resource.rules !== undefined) make({ kind: 'due', at: around.now });
  else for (const change of noteDue(resource, changes, around.now).changes) make(change);
  return { changes, notes, refused, known };
}

/** @returns false when nothing was stored because the resource has changed */
async function carryOut(
  { changes, notes, refused, known }: Plan,
  resource: Resource,
  store: Store,
  around: Circumstances,
  tally: Tally,
): Promise<boolean> {
  if (notes.length > 0) {
    // A node of a cluster that tells the watchers just now looks again.
    const notifier = resource.notifier === 0 ? 0 : -Math.abs(resource.notifier);
    const next = { version: nextVersion(resource, around.now * 1000), owed: resource.owed, notifier };
    try {
      if ((await store.commit(resource, next, changes, notes)) === 'stale') return false;
      tally.taken += notes.length;
    } catch (error) {
      if (!(error instanceof ConstraintViolated)) throw error;
      for (const _ of notes) tally.refuse(error.message, resource.key.uri);
    }
  }
  tally.known += known;
  for (const reason of refused) tally.refuse(reason, resource.key.uri);
  return true;
}
