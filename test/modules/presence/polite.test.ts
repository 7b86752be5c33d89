// Holds the polite block: its watcher cannot be told from one who is allowed to watch a presentity that publishes nothing.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Engine } from './engine';
import { publishText } from './requests';
import { alice, allowBob, openRuled, pidf, publish, rule, ruleset, told, watch, write } from './ruled';

/** Every byte that went to bob, but the tags and ids that are random, and the time it went. */
function sentToBob(engine: Engine): string[] {
  return engine.sent
    .filter(({ callId }) => callId === 'bob')
    .map(({ request }) => `${request.head}${request.body}`.replace(/tag=10k\w+/g, 'tag=T'));
}

const politely = ruleset({ ...allowBob, handling: 'polite-block' });

/** What bob does in an hour while alice does `life`; every time the process dies the next one goes on. */
async function hour(rules: string, life: (engine: Engine, turn: number) => Promise<unknown>): Promise<string[]> {
  let engine = await openRuled();
  await write(engine, rules);
  await life(engine, 0);
  const first = await watch(engine, 'bob', { expires: 600 });
  const all: string[] = [];
  for (let turn = 1; turn < 6; turn++) {
    await life(engine, turn);
    await engine.pass(10);
    if (turn === 3) {
      await engine.presence.housekeeping();
      all.push(...sentToBob(engine));
      engine = await engine.restart();
      await engine.quiet();
    }
    if (turn === 4) await engine.reload();
    await watch(engine, 'bob', { toTag: first.toTag, cseq: turn + 1, expires: 600 });
  }
  await watch(engine, 'bob', { toTag: first.toTag, cseq: 9, expires: 0 });
  await watch(engine, 'bob', { callId: 'bob', fromTag: 'fetch', expires: 0 });
  return [...all, ...sentToBob(engine)];
}

const nothing = async () => {};
const busy = async (engine: Engine, turn: number) => {
  await publish(
    engine,
    pidf(turn % 2 === 0 ? 'open' : 'closed', '<rpid:mood><rpid:happy/></rpid:mood>', `note ${turn}`),
  );
  await engine.handle(publishText({ body: pidf('open', '', `short ${turn}`), expires: 3 }));
  await engine.functions.pres_refresh_watchers?.call(alice, 'presence', 1);
};

test('byte for byte and NOTIFY for NOTIFY it is a presentity that publishes nothing, over restart and reload', async () => {
  const closed = await hour(ruleset(allowBob), nothing);
  assert.deepEqual(await hour(politely, busy), closed);
  assert.deepEqual(
    await hour(ruleset({ ...allowBob, grant: '' }), busy),
    closed,
    'so it is for who is granted nothing',
  );
  assert.equal(closed.length, 8);
  for (const text of closed) assert.match(text, /<basic>closed/);
});

test('a crash between a change and its NOTIFYs tells nobody that there was one who may not know it', async () => {
  for (const rules of [politely, undefined, ruleset({ ...allowBob, grant: '' })]) {
    const before = await openRuled();
    await write(before, rules);
    await watch(before, 'bob');
    await before.presence.housekeeping();
    before.answering = false;
    await before.handle(publishText({ body: pidf('open') }));
    const after = await before.restart();
    await after.pass(2);
    assert.deepEqual(told(after, 'bob'), []);
  }
});

test('its winfo is that of a watcher who is let in; an allow afterwards is a change of state and no more', async () => {
  const engine = await openRuled();
  await write(engine, politely);
  await publish(engine, pidf('open'));
  await watch(engine, 'bob');
  await rule(engine, ruleset(allowBob));
  await rule(engine, politely);
  assert.deepEqual(told(engine, 'bob'), ['active closed', 'active open', 'active closed']);
});

test('nothing that is published is composed for who may not see it: the time of a NOTIFY does not tell its size', async () => {
  for (const rules of [politely, undefined, ruleset({ ...allowBob, grant: '' }), ruleset({ handling: 'block' })]) {
    const documents: number[] = [];
    const engine = await openRuled();
    const by = engine.events.get('presence');
    assert.ok(by);
    engine.events.set('presence', {
      ...by,
      compose: (presentity, publications, revision) => {
        documents.push(publications.length);
        return by.compose(presentity, publications, revision);
      },
    });
    await write(engine, rules);
    await publish(engine, pidf('open'));
    const { toTag } = await watch(engine, 'bob');
    await publish(engine, pidf('closed'));
    // Memory is new, so nothing is made yet; a refresh and a fetch are all that happens in it.
    await engine.presence.housekeeping();
    documents.length = 0;
    const after = await engine.restart();
    await watch(after, 'bob', { toTag, cseq: 2 });
    await watch(after, 'bob', { fromTag: 'fetch', expires: 0 });
    assert.deepEqual(
      documents.filter((length) => length > 0),
      [],
      String(rules),
    );
  }
});
