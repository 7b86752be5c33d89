// Holds what two nodes do with one presentity at a time: who tells, who is told, and what memory may not decide.
import assert from 'node:assert/strict';
import test from 'node:test';
import { ManualClock } from '../../../support/clock';
import { FlakyDatabase } from '../database';
import { Engine, type EngineSpec } from '../engine';
import { key } from '../records';
import { headerOf, publishText, subscribeText } from '../requests';
import { openRuled, pidf, publish, rule, ruleset, services, told, watch } from '../ruled';

/** Two nodes on one database and one clock. */
async function two(open: (spec: EngineSpec) => Promise<Engine> = Engine.open): Promise<[Engine, Engine]> {
  const clock = new ManualClock();
  const { inner } = new FlakyDatabase();
  const start = async (n: number) => {
    const settings = { clusterSecret: 'known to the nodes alone', clusterAddress: `sip:10.0.0.${n}:5060` };
    const engine = await open({ clock, database: new FlakyDatabase(inner), settings });
    engine.presence.start();
    return engine;
  };
  return [await start(1), await start(2)];
}

/** Time for both: a fifth of a second is enough to look for what was handed over. */
async function pass(seconds: number, nodes: readonly Engine[]): Promise<void> {
  for (let left = seconds * 1000; left > 0; left -= 200) {
    nodes[0]?.clock.advance(200, 200);
    for (const { presence, clock } of nodes) {
      presence.tick();
      if (clock.now() % 1000 === 0) await Promise.all([presence.housekeeping(), presence.beat()]);
    }
    for (const each of nodes) await each.quiet();
  }
}

const cseqs = (engine: Engine) => engine.sent.map(({ cseq }) => cseq);

test('while one node tells, a change at the other is told by the first, with the next CSeq', async () => {
  const [a, b] = await two();
  await a.handle(subscribeText({ expires: 600 }));
  await a.quiet();
  await b.handle(publishText({ body: '<b/>' }));
  await b.quiet();
  assert.deepEqual([cseqs(a), cseqs(b)], [[1], []]);
  await pass(0.2, [a, b]);
  assert.deepEqual([cseqs(a), cseqs(b)], [[1, 2], []]);
  assert.match(a.sent[1]?.body ?? '', /<b\/>/);
});

test('when all has been answered, whoever changes the state next tells', async () => {
  const [a, b] = await two();
  await a.handle(subscribeText({ expires: 600 }));
  await pass(2, [a, b]);
  await b.handle(publishText({ body: '<b/>' }));
  await b.quiet();
  assert.deepEqual([cseqs(a), cseqs(b)], [[1], [2]]);
});

test('a watcher that does not answer at one node is told by it, not by the other', async () => {
  const [a, b] = await two();
  a.answering = false;
  await a.handle(subscribeText({ expires: 600 }));
  await pass(3, [a, b]);
  await b.handle(publishText({ body: '<b/>' }));
  await pass(3, [a, b]);
  assert.deepEqual([cseqs(a), cseqs(b)], [[1], []]);
  a.answering = true;
  await a.quiet();
  assert.deepEqual([cseqs(a), cseqs(b)], [[1, 2], []]);
});

test('a dialog that ends at the other node gets its last NOTIFY from the one that tells, and its row goes then', async () => {
  const [a, b] = await two();
  const { toTag } = await a.handle(subscribeText({ expires: 600 }));
  await a.quiet();
  assert.equal((await b.handle(subscribeText({ toTag, cseq: 2, expires: 0 }))).status, 202);
  await b.quiet();
  const [resource] = await b.presence.store.load([key]);
  assert.equal(resource?.partings?.size, 1);
  assert.equal((await b.handle(subscribeText({ toTag, cseq: 3, expires: 60 }))).status, 481);
  await pass(0.2, [a, b]);
  assert.match(a.sent.at(-1)?.state ?? '', /^terminated;reason=timeout/);
  assert.deepEqual(b.sent, []);
  await pass(2, [a, b]);
  const [after] = await b.presence.store.load([key]);
  assert.equal(after?.version, 0);
});

test('a fetch is answered by the node that it comes to, with what is stored', async () => {
  const [a, b] = await two();
  await b.handle(subscribeText({ callId: 'before', expires: 0 }));
  await b.quiet();
  await a.handle(subscribeText({ expires: 600 }));
  await a.handle(publishText({ body: '<a/>' }));
  await b.handle(subscribeText({ callId: 'now', expires: 0 }));
  await b.quiet();
  assert.match(b.sent.at(-1)?.body ?? '', /<a\/>/);
});

test('a tag and a dialog that were made at the other node are found, whatever is in memory', async () => {
  const [a, b] = await two();
  await b.handle(publishText({ body: '<b/>' }));
  const { headers } = await a.handle(publishText({ body: '<a/>' }));
  const { toTag } = await a.handle(subscribeText({ expires: 600 }));
  const ifMatch = headerOf(headers, 'SIP-ETag') ?? '';
  assert.equal((await b.handle(publishText({ ifMatch, expires: 60 }))).status, 200);
  assert.equal((await b.handle(subscribeText({ toTag, cseq: 2, expires: 60 }))).status, 202);
  assert.equal((await a.handle(publishText({ ifMatch, expires: 60 }))).status, 412);
});

test('records end once, with one NOTIFY, though both nodes look', async () => {
  const [a, b] = await two();
  await a.handle(subscribeText({ expires: 600 }));
  await b.handle(publishText({ body: '<b/>', expires: 4 }));
  await pass(8, [a, b]);
  assert.deepEqual(
    [...a.sent, ...b.sent].sort((x, y) => x.cseq - y.cseq).map(({ cseq, body }) => `${cseq} ${body.split(': ')[1]}`),
    ['1 closed', '2 <b/>', '3 closed'],
  );
});

test('what a node owed when it died is told by the other, above every CSeq that may have been used', async () => {
  const [a, b] = await two();
  a.answering = false;
  await a.handle(subscribeText({ expires: 600 }));
  await a.quiet();
  a.kill();
  await pass(9, [b]);
  assert.deepEqual(cseqs(b), []);
  await pass(4, [b]);
  assert.deepEqual(cseqs(b), [2]);
  await pass(3, [b]);
  assert.deepEqual(await b.presence.store.owing(), []);
});

test('a node that is cut off falls silent before the other takes over, and drops what was taken from it', async () => {
  const [a, b] = await two();
  a.answering = false;
  await a.handle(subscribeText({ expires: 600 }));
  await pass(1, [a, b]);
  a.database.away = true;
  const go = async (seconds: number) => {
    for (let n = 0; n < seconds * 5; n++) {
      a.clock.advance(200, 200);
      a.presence.tick();
      b.presence.tick();
      if (a.clock.now() % 1000 !== 0) continue;
      await Promise.allSettled([a, b].flatMap(({ presence }) => [presence.housekeeping(), presence.beat()]));
      await b.quiet();
    }
  };
  await go(6);
  assert.ok(a.sent[0]?.answered, 'it is not sent again');
  await go(8);
  assert.deepEqual([cseqs(a), cseqs(b)], [[1], [2]]);
  a.database.away = false;
  a.answering = true;
  await go(4);
  await a.quiet();
  assert.deepEqual([cseqs(a), cseqs(b)], [[1], [2]]);
});

test('a gap between two beats that is over before anybody has looked leaves no NOTIFY behind', async () => {
  const [a, b] = await two();
  await a.handle(subscribeText({ expires: 600 }));
  await pass(2, [a, b]);
  a.clock.advance(4200, 4200);
  await a.handle(publishText({ body: '<a/>' }));
  await a.quiet();
  assert.deepEqual(cseqs(a), [1], 'the others may take it for dead soon');
  await a.presence.beat();
  await pass(2, [a, b]);
  assert.deepEqual([cseqs(a), cseqs(b)], [[1, 2], []]);
  assert.deepEqual(await a.presence.store.owing(), []);
});

test('who sees a part is told of what the other node changed when it shows in that part, and of nothing else', async () => {
  const [a, b] = await two(openRuled);
  await rule(a, ruleset({ handling: 'allow', grant: services }));
  await watch(a, 'bob');
  const tag = await publish(a, pidf('open'));
  assert.deepEqual(told(a, 'bob'), ['active closed', 'active open']);
  // The person is not shown to bob.
  const next = await publish(b, pidf('open', '<rpid:activities/>'), tag);
  await pass(0.2, [a, b]);
  assert.deepEqual(told(a, 'bob').length, 2);
  // Changed twice before the node that tells has looked, the second time by itself, where bob does not see it.
  const third = await publish(b, pidf('closed', '<rpid:activities/>'), next);
  await publish(a, pidf('closed'), third);
  assert.deepEqual(told(a, 'bob'), ['active closed', 'active open', 'active closed']);
  assert.deepEqual(b.sent, []);
});

test('a change whose commit was lost on the way is told, by the only node too', async () => {
  for (const engine of [await Engine.open(), (await two())[0]]) {
    await engine.handle(subscribeText({ expires: 600 }));
    await pass(2, [engine]);
    engine.database.outcomes.push('lost');
    assert.equal((await engine.handle(publishText({ body: '<lost/>' }))).status, 503);
    await pass(1, [engine]);
    assert.match(engine.sent.at(-1)?.body ?? '', /<lost\/>/);
    engine.database.outcomes.push('away');
    assert.equal((await engine.handle(publishText({ body: '<never/>' }))).status, 503);
    const { length } = engine.sent;
    await pass(2, [engine]);
    assert.equal(engine.sent.length, length, 'what was not stored is not told');
  }
});

test('a server that shares the database and was not told so says it', async () => {
  const { inner } = new FlakyDatabase();
  const clock = new ManualClock();
  const nodes = [
    await Engine.open({ clock, database: new FlakyDatabase(inner) }),
    await Engine.open({ clock, database: new FlakyDatabase(inner) }),
  ];
  for (const each of [...nodes, ...nodes, ...nodes]) await each.handle(publishText({ body: '<x/>' }));
  const warnings = nodes.flatMap(({ log }) => log.filter(({ text }) => text.includes('cluster_secret')));
  assert.equal(warnings.length, 2);
});
