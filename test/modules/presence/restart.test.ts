// Holds time and restarts: records end within a second, what a dead process owed is made good, nothing starts from scratch.
import assert from 'node:assert/strict';
import test from 'node:test';
import { FlakyDatabase } from './database';
import { type Answered, Engine } from './engine';
import { key } from './records';
import { headerOf, publishText, subscribeText } from './requests';

const alice = 'sip:alice@example.com: ';
const etagOf = ({ headers }: Answered) => headerOf(headers, 'SIP-ETag') ?? '';
const texts = (engine: Engine) =>
  engine.sent.map(
    ({ callId, cseq, state, body }) => `${callId} ${cseq} ${state.split(';')[0]} ${body.replace(alice, '')}`,
  );

test('a publication ends within a second of its time, and its watchers are told', async () => {
  const engine = await Engine.open();
  await engine.handle(subscribeText());
  await engine.handle(publishText({ body: '<a/>', expires: 30 }));
  await engine.handle(publishText({ body: '<b/>', expires: 60 }));
  await engine.quiet();
  await engine.pass(29.8);
  assert.equal(texts(engine).at(-1), 'call-1 2 active <b/>|<a/>'.replace('2', String(engine.sent.length)));
  await engine.pass(0.4);
  assert.match(texts(engine).at(-1) ?? '', /active <b\/>$/);
  await engine.pass(30);
  assert.match(texts(engine).at(-1) ?? '', /active closed$/);
});

test('a subscription ends within a second of its time with a last NOTIFY; a refresh in time keeps it', async () => {
  const engine = await Engine.open();
  const { toTag } = await engine.handle(subscribeText({ expires: 10 }));
  await engine.pass(9.8);
  assert.equal((await engine.handle(subscribeText({ toTag, cseq: 2, expires: 10 }))).status, 202);
  await engine.pass(9.6);
  assert.equal(engine.sent.at(-1)?.state.split(';')[0], 'active');
  await engine.pass(1.2);
  assert.equal(engine.sent.at(-1)?.state, 'terminated;reason=timeout');
  assert.equal((await engine.handle(subscribeText({ toTag, cseq: 3 }))).status, 481);
});

test('in the second of its end a record is over: a refresh comes too late, whether or not the timer has run', async () => {
  const engine = await Engine.open();
  const { toTag } = await engine.handle(subscribeText({ expires: 10 }));
  const tag = etagOf(await engine.handle(publishText({ body: '<a/>', expires: 10 })));
  await engine.quiet();
  engine.clock.advance(10_000, 10_000);
  assert.equal((await engine.handle(subscribeText({ toTag, cseq: 2 }))).status, 481);
  assert.equal((await engine.handle(publishText({ ifMatch: tag }))).status, 412);
  await engine.quiet();
  assert.equal(engine.sent.at(-1)?.state, 'terminated;reason=timeout');
});

test('memory holds times of what ends soon only; a search finds the rest in time', async () => {
  const engine = await Engine.open();
  for (let n = 0; n < 50; n++) await engine.handle(publishText({ to: `sip:u${n}@h`, body: '<a/>', expires: 3600 }));
  await engine.handle(publishText({ body: '<a/>', expires: 250 }));
  await engine.handle(subscribeText());
  await engine.quiet();
  assert.equal(engine.presence.expiry.waiting, 0);
  await engine.pass(249);
  assert.match(texts(engine).at(-1) ?? '', /<a\/>$/);
  assert.equal(engine.presence.expiry.waiting, 1);
  await engine.pass(1.2);
  assert.match(texts(engine).at(-1) ?? '', /closed$/);
});

test('while the database is away records end late, not never', async () => {
  const engine = await Engine.open();
  await engine.handle(publishText({ body: '<a/>', expires: 5 }));
  await engine.handle(subscribeText());
  await engine.quiet();
  engine.database.away = true;
  await engine.pass(8);
  engine.database.away = false;
  await engine.pass(6);
  assert.match(texts(engine).at(-1) ?? '', /closed$/);
});

test('a NOTIFY that is owed is noted until it was answered, and in bulk afterwards', async () => {
  const engine = await Engine.open();
  engine.answering = false;
  await engine.handle(subscribeText());
  await engine.quiet();
  await engine.presence.housekeeping();
  assert.equal((await engine.presence.store.owing()).length, 1);
  engine.sent[0]?.answer(200);
  await engine.presence.housekeeping();
  assert.deepEqual(await engine.presence.store.owing(), []);
});

test('a note that could not be cleared is cleared the next time', async () => {
  const engine = await Engine.open();
  await engine.handle(subscribeText());
  await engine.quiet();
  engine.database.away = true;
  await assert.rejects(engine.presence.housekeeping());
  engine.database.away = false;
  await engine.presence.housekeeping();
  assert.deepEqual(await engine.presence.store.owing(), []);
});

test('clearing a note does not overtake a change that is being stored', async () => {
  const engine = await Engine.open();
  await engine.handle(subscribeText());
  await engine.quiet();
  engine.answering = false;
  const publishing = engine.handle(publishText({ body: '<a/>' }));
  await Promise.resolve();
  await engine.presence.housekeeping();
  await publishing;
  assert.equal((await engine.presence.store.owing()).length, 1, 'its NOTIFY has not been answered');
  await engine.quiet();
  engine.sent.at(-1)?.answer(200);
  await engine.presence.housekeeping();
  assert.deepEqual(await engine.presence.store.owing(), []);
});

test('after a crash publications, subscriptions, pending states and CSeqs go on', async () => {
  const before = await Engine.open({ settings: { forceActive: false } });
  const { toTag } = await before.handle(subscribeText({ expires: 600 }));
  const tag = etagOf(await before.handle(publishText({ body: '<a/>' })));
  await before.quiet();
  await before.presence.housekeeping();
  const after = await before.restart();
  assert.deepEqual(texts(after), [], 'nothing was owed');
  assert.equal((await after.handle(subscribeText({ toTag, cseq: 1 }))).status, 500);
  assert.equal((await after.handle(subscribeText({ toTag, cseq: 2 }))).status, 202);
  assert.equal((await after.handle(publishText({ ifMatch: tag }))).status, 200);
  await after.quiet();
  assert.equal(after.sent.length, 1);
  assert.equal(after.sent[0]?.state.split(';')[0], 'pending');
  assert.ok((after.sent[0]?.cseq ?? 0) > (before.sent.at(-1)?.cseq ?? 0));
});

test('NOTIFYs that were stored and not sent are sent after the start, above all numbers used before', async () => {
  const before = await Engine.open();
  await before.handle(subscribeText());
  await before.handle(subscribeText({ event: 'presence.winfo', from: 'sip:alice@example.com', callId: 'w' }));
  await before.quiet();
  before.answering = false;
  await before.handle(publishText({ body: '<a/>' }));
  // Stored and answered; the process dies before it sends anything.
  const after = await before.restart();
  await after.quiet();
  assert.deepEqual(
    after.sent.map(({ callId, body }) => [callId, callId === 'w' ? 'winfo' : body]),
    [
      ['call-1', `${alice}<a/>`],
      ['w', 'winfo'],
    ],
  );
  for (const notify of after.sent) {
    const used = before.sent.filter(({ callId }) => callId === notify.callId).map(({ cseq }) => cseq);
    assert.ok(notify.cseq > Math.max(...used));
  }
  await after.pass(2);
  assert.deepEqual(await after.presence.store.owing(), []);
});

test('a pending watcher who was not told that he is, is told after the start', async () => {
  const before = await Engine.open({ settings: { forceActive: false } });
  await before.handle(subscribeText());
  const after = await before.restart();
  await after.quiet();
  assert.equal(after.sent.length, 1);
  assert.match(texts(after)[0] ?? '', /^call-1 [2-9] pending $/);
});

test('records that ended while the server was down are ended after the start, with their NOTIFYs', async () => {
  const before = await Engine.open();
  await before.handle(subscribeText({ expires: 60 }));
  await before.handle(subscribeText({ callId: 'long', expires: 3600 }));
  await before.handle(publishText({ body: '<a/>', expires: 60 }));
  await before.quiet();
  await before.presence.housekeeping();
  before.kill();
  before.clock.advance(500_000, 500_000);
  const after = await before.restart();
  await after.pass(1);
  assert.deepEqual(after.sent.map(({ callId, state, body }) => [callId, state.split(';')[0], body]).sort(), [
    ['call-1', 'terminated', `${alice}closed`],
    ['long', 'active', `${alice}closed`],
  ]);
  const [left] = await after.presence.store.load([key]);
  assert.deepEqual([left?.publications.size, left?.subscriptions.size], [0, 1]);
});

test('each resource is resumed once, however many there are and however slowly watchers answer', async () => {
  const before = await Engine.open();
  before.answering = false;
  for (let n = 0; n < 1200; n++) await before.handle(subscribeText({ to: `sip:u${n}@h`, callId: `c${n}` }));
  before.kill();
  const after = new Engine({ clock: before.clock, database: new FlakyDatabase(before.database.inner) });
  after.answering = false;
  await after.presence.housekeeping();
  for (let n = 0; n < 10; n++) await after.quiet();
  assert.equal(after.sent.length, 1200);
  assert.equal(new Set(after.sent.map(({ callId }) => callId)).size, 1200);
});

test('a start without the database is made good when it is there', async () => {
  const before = await Engine.open();
  await before.handle(subscribeText());
  before.kill();
  const after = new Engine({ clock: before.clock, database: new FlakyDatabase(before.database.inner) });
  after.database.away = true;
  await assert.rejects(after.presence.housekeeping());
  after.database.away = false;
  await after.pass(2);
  assert.equal(after.sent.length, 1);
});

test('another node’s numbers are never repeated: a dialog goes on above what both have used', async () => {
  const one = await Engine.open();
  const two = await Engine.open({ database: new FlakyDatabase(one.database.inner), clock: one.clock });
  await one.handle(subscribeText());
  await one.quiet();
  for (let n = 0; n < 12; n++) {
    const engine = n % 3 === 0 ? two : one;
    await engine.handle(publishText({ body: `<n${n}/>` }));
    await engine.quiet();
  }
  const all = [...one.sent, ...two.sent].map(({ cseq }) => cseq);
  assert.equal(all.length, 13);
  assert.equal(new Set(all).size, 13, all.join(' '));
});

test('a stop lets NOTIFYs finish, then sends no more', async () => {
  const engine = await Engine.open();
  await engine.handle(subscribeText());
  await engine.presence.door.settled();
  await engine.quiet();
  await engine.presence.stop();
  assert.deepEqual(await engine.presence.store.owing(), []);
});
