// Owns the proof of group commit: what goes together, who is told what, and that waiting is bounded.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Change, DatabaseUnavailable, type Outcome } from '../../../core/db/database';
import { defaultGroupLimits, GroupCommit, type Result } from '../../../core/db/group';
import { guarded, put } from './sample';

interface Run {
  readonly changes: readonly Change[];
  readonly done: (results?: readonly Result[]) => void;
  readonly fail: (error: Error) => void;
}

/** A store that a test answers by hand. */
function manual(limits = defaultGroupLimits) {
  const runs: Run[] = [];
  const group = new GroupCommit(
    (changes) => new Promise((done, fail) => runs.push({ changes, done: (results) => done(results), fail })),
    limits,
  );
  return { runs, group };
}

/** Lets what was started come to rest. */
async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

const change = (owner: string): Change => ({ writes: [put(owner, 'a')] });
const told = (attempts: readonly PromiseSettledResult<Outcome>[]) =>
  attempts.map((attempt) => (attempt.status === 'fulfilled' ? attempt.value : attempt.reason.message));

it('changes of one turn of the loop go together; what comes meanwhile goes in the next group', async () => {
  const { runs, group } = manual();
  const first = [group.commit(change('a')), group.commit(change('b'))];
  await turn();
  const second = [group.commit(change('c')), group.commit(change('d')), group.commit(change('e'))];
  await turn();
  assert.deepEqual(
    runs.map((run) => run.changes.length),
    [2],
  );
  assert.equal(group.waiting, 3);
  runs[0]?.done();
  assert.deepEqual(await Promise.all(first), ['committed', 'committed']);
  // Who goes on as soon as it was told is in time.
  second.push(group.commit(change('a')));
  await turn();
  assert.deepEqual(
    runs.map((run) => run.changes.length),
    [2, 4],
  );
  runs[1]?.done();
  await Promise.all(second);
});

it('a group has a limit', async () => {
  const { runs, group } = manual({ ...defaultGroupLimits, maxGroup: 2 });
  const all = ['a', 'b', 'c', 'd', 'e'].map((owner) => group.commit(change(owner)));
  for (const size of [2, 2, 1]) {
    await turn();
    assert.equal(runs.at(-1)?.changes.length, size);
    runs.at(-1)?.done();
  }
  await Promise.all(all);
});

it('each change is told its own outcome', async () => {
  const { runs, group } = manual();
  const all = Promise.allSettled(['a', 'b', 'c'].map((owner) => group.commit(change(owner))));
  await turn();
  runs[0]?.done(['committed', new Error('a rule'), 'stale']);
  assert.deepEqual(told(await all), ['committed', 'a rule', 'stale']);
});

it('a stale change takes those with it that wait for the next group and watch the same row', async () => {
  const { runs, group } = manual();
  const first = group.commit(guarded('alice', 3));
  await turn();
  const second = Promise.all([group.commit(guarded('alice', 4)), group.commit(guarded('bob', 4))]);
  runs[0]?.done(['stale']);
  assert.equal(await first, 'stale');
  await turn();
  assert.deepEqual(
    runs[1]?.changes.map((waiting) => waiting.guard?.row[0]),
    ['bob'],
  );
  runs[1]?.done();
  assert.deepEqual(await second, ['stale', 'committed']);
});

it('when nothing can be stored, those that wait behind are told at once, and the next one is tried', async () => {
  const { runs, group } = manual();
  const first = Promise.allSettled([group.commit(change('a'))]);
  await turn();
  const second = Promise.allSettled([group.commit(change('b')), group.commit(change('c'))]);
  runs[0]?.fail(new DatabaseUnavailable('no disk', 5));
  assert.deepEqual(told([...(await first), ...(await second)]), ['no disk', 'no disk', 'no disk']);
  assert.equal(runs.length, 1);
  const third = group.commit(change('d'));
  await turn();
  runs[1]?.done();
  assert.equal(await third, 'committed');
});

it('waiting is bounded in changes and in bytes, and room comes back', async () => {
  const limits = { ...defaultGroupLimits, maxGroup: 10, maxWaiting: 3, maxWaitingBytes: 10_000 };
  const { runs, group } = manual(limits);
  const big: Change = { writes: [put('big', 'a', { body: Buffer.alloc(6000) })] };
  const first = group.commit(big);
  await assert.rejects(group.commit(big), (error) => error instanceof DatabaseUnavailable && error.retryAfter > 0);
  const more = [group.commit(change('a')), group.commit(change('b'))];
  await assert.rejects(group.commit(change('c')), /3 changes wait/);
  await turn();
  const next = group.commit(big);
  runs[0]?.done();
  await Promise.all([first, ...more]);
  await turn();
  runs[1]?.done();
  assert.equal(await next, 'committed');
});

it('closing waits for what waits and refuses the rest', async () => {
  const { runs, group } = manual({ ...defaultGroupLimits, maxGroup: 1 });
  const all = [group.commit(change('a')), group.commit(change('b'))];
  let closed = false;
  const closing = group.close().then(() => (closed = true));
  await assert.rejects(group.commit(change('c')), DatabaseUnavailable);
  await turn();
  runs[0]?.done();
  await turn();
  assert.equal(closed, false);
  runs[1]?.done();
  await Promise.all([...all, closing]);
});

it('who asks when to decide is called at once, or when a change goes into the group that comes next', async () => {
  const { runs, group } = manual();
  const decided: Promise<Outcome>[] = [];
  const decide = (owner: string) => {
    const outcome = group.commit(change(owner));
    outcome.catch(() => {});
    decided.push(outcome);
  };
  group.whenReady(() => decide('a'));
  assert.equal(decided.length, 1, 'nothing is under way');
  await turn();
  for (const owner of ['b', 'c']) group.whenReady(() => decide(owner));
  await turn();
  assert.equal(decided.length, 1, 'a group is being stored');
  runs[0]?.fail(new Error('gone'));
  await turn();
  assert.deepEqual(
    runs.map((run) => run.changes.length),
    [1, 2],
  );
  runs[1]?.done();
  assert.deepEqual(told(await Promise.allSettled(decided)), ['gone', 'committed', 'committed']);
});

it('nobody is forgotten who asks when a group has just been told', async () => {
  const { runs, group } = manual();
  const first = group.commit(change('a'));
  await turn();
  runs[0]?.done();
  await first;
  // The last group is over, and the next turn of the loop has not come.
  const outcome = new Promise<Outcome>((resolve) => group.whenReady(() => resolve(group.commit(change('b')))));
  await turn();
  runs[1]?.done();
  assert.equal(await outcome, 'committed');
});

it('after a crowd a group waits a little for more, after a few changes it does not', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { runs, group } = manual({ ...defaultGroupLimits, delay: 5 });
  const sizes = () => runs.map((run) => run.changes.length);
  const all = Array.from({ length: 8 }, (_, i) => group.commit(change(`a${i}`)));
  await turn();
  all.push(group.commit(change('b')));
  runs[0]?.done();
  await turn();
  all.push(group.commit(change('c')));
  await turn();
  assert.deepEqual(sizes(), [8], 'it waits');
  t.mock.timers.tick(5);
  await turn();
  assert.deepEqual(sizes(), [8, 2]);
  all.push(group.commit(change('d')));
  runs[1]?.done();
  await turn();
  assert.deepEqual(sizes(), [8, 2, 1], 'two are no crowd');
  runs[2]?.done();
  await Promise.all(all);
});
