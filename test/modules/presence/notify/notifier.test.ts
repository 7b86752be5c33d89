// Holds the NOTIFYs of a dialog: one in flight, newest state behind it, CSeqs that rise by one, the failure policy at work.
import assert from 'node:assert/strict';
import test from 'node:test';
import { cseqCeiling, type Resource } from '../../../../modules/presence/resource';
import { Engine } from '../engine';
import { key } from '../records';
import { publishText, subscribeText } from '../requests';
import type { SentNotify } from '../sent-notify';

const publish = (engine: Engine, body: string, sender?: string) => engine.handle(publishText({ body }), sender);
const summary = ({ cseq, state, body }: SentNotify) => [cseq, state, body.replace('sip:alice@example.com: ', '')];
const resourceOf = (engine: Engine): Promise<Resource> => engine.presence.door.look(key, (resource) => resource);
const subscriptions = async (engine: Engine) => (await resourceOf(engine)).subscriptions.size;

/** An engine with one watcher, whose first NOTIFY was answered; later ones wait for an answer by hand. */
async function watched(spec: ConstructorParameters<typeof Engine>[0] = {}): Promise<Engine> {
  const engine = await Engine.open(spec);
  await engine.handle(subscribeText({ expires: 600 }));
  await engine.quiet();
  engine.answering = false;
  return engine;
}

async function answer(engine: Engine, status: number, headers = ''): Promise<void> {
  engine.sent.at(-1)?.answer(status, headers);
  await engine.quiet();
}

test('one NOTIFY is in flight per dialog; what changes meanwhile goes into the next, with the newest state', async () => {
  const engine = await watched();
  for (const body of ['<a/>', '<b/>', '<c/>']) {
    await publish(engine, body);
    await engine.quiet();
  }
  assert.deepEqual(engine.sent.map(summary), [
    [1, 'active;expires=600', 'closed'],
    [2, 'active;expires=600', '<a/>'],
  ]);
  await answer(engine, 200);
  assert.deepEqual(summary(engine.sent[2] as SentNotify), [3, 'active;expires=600', '<c/>|<b/>|<a/>']);
  await answer(engine, 200);
  assert.equal(engine.sent.length, 3);
  assert.equal(engine.presence.notifier.underWay, 0);
});

test('CSeq rises by exactly one whatever was coalesced, skipped or refreshed, and stays at or below its ceiling', async () => {
  const engine = await watched();
  for (let n = 0; n < 30; n++) {
    if (n % 3 === 0) await publish(engine, `<n${n}/>`);
    if (n % 5 === 0) await publish(engine, `<m${n}/>`, 'sip:bob@example.com');
    if (n % 7 === 0) {
      const { toTag } = engine.sent[0]?.request.from.params.get('tag') ? { toTag: engine.sent[0].request.fromTag } : {};
      await engine.handle(subscribeText({ toTag, cseq: n + 2, expires: 600 }));
    }
    await engine.quiet();
    if (n % 2 === 0) await answer(engine, 200);
    const resource = await resourceOf(engine);
    const [subscription] = resource.subscriptions.values();
    assert.ok(subscription && (engine.sent.at(-1)?.cseq ?? 0) <= cseqCeiling(resource, subscription));
  }
  assert.deepEqual(
    engine.sent.map(({ cseq }) => cseq),
    engine.sent.map((_, n) => n + 1),
  );
});

test('the sender that the script names is not notified of its own change, and keeps its place in the count', async () => {
  const engine = await Engine.open();
  await engine.handle(subscribeText());
  await engine.handle(subscribeText({ from: 'sip:carol@example.com', callId: 'carol' }));
  await engine.quiet();
  const before = engine.sent.length;
  await publish(engine, '<a/>', 'sip:BOB@example.com'.replace('BOB', 'bob'));
  await engine.quiet();
  assert.deepEqual(
    engine.sent.slice(before).map(({ callId }) => callId),
    ['carol'],
  );
  await publish(engine, '<b/>');
  await engine.quiet();
  assert.deepEqual(
    engine.sent.filter(({ callId }) => callId === 'call-1').map(({ cseq }) => cseq),
    [1, 2],
  );
});

test('a watcher that waits for permission gets NOTIFYs without body, and none for a change of state', async () => {
  const engine = await watched({ settings: { forceActive: false } });
  await publish(engine, '<a/>');
  await engine.quiet();
  assert.deepEqual(engine.sent.map(summary), [[1, 'pending;expires=600', '']]);
  assert.equal(engine.sent[0]?.request.header('Content-Type'), undefined);
});

test('the last NOTIFY of a dialog says why, has the state, and nothing comes after it', async () => {
  const engine = await watched();
  await publish(engine, '<a/>');
  await engine.quiet();
  const tag = engine.sent[0]?.request.fromTag;
  assert.equal((await engine.handle(subscribeText({ toTag: tag, cseq: 2, expires: 0 }))).status, 202);
  await publish(engine, '<b/>');
  await engine.quiet();
  assert.equal(engine.sent.length, 2, 'the one in flight comes first');
  await answer(engine, 200);
  assert.deepEqual(summary(engine.sent[2] as SentNotify), [3, 'terminated;reason=timeout', '<b/>|<a/>']);
  await answer(engine, 500);
  await engine.pass(20);
  assert.equal(engine.sent.length, 3);
  assert.equal(engine.presence.notifier.underWay, 0);
});

test('an answer that ends the subscription does so at once, and watcherinfo is told in full', async () => {
  const engine = await Engine.open();
  await engine.handle(subscribeText({ event: 'presence.winfo', from: 'sip:alice@example.com', callId: 'w' }));
  await engine.handle(subscribeText());
  await engine.quiet();
  engine.answering = false;
  await publish(engine, '<a/>');
  await engine.quiet();
  await answer(engine, 481);
  assert.equal(await subscriptions(engine), 1);
  const last = engine.sent.at(-1);
  assert.equal(last?.callId, 'w');
  assert.equal(last?.winfo.state, 'full');
  assert.deepEqual(
    last?.winfo.watchers.map(({ status, event }) => [status, event]),
    [['terminated', 'timeout']],
  );
});

test('no answer at all ends the subscription; a way that cannot be found does too', async () => {
  for (const end of ['timeout', 'transport'] as const) {
    const engine = await watched();
    await publish(engine, '<a/>');
    await engine.quiet();
    engine.sent.at(-1)?.fail(end);
    await engine.quiet();
    assert.equal(await subscriptions(engine), 0);
  }
  const lost = await Engine.open({
    findFlow: () => undefined as never,
    flowTo: () => Promise.reject(new Error('no way')),
  });
  await lost.handle(subscribeText());
  await lost.quiet();
  assert.equal(await subscriptions(lost), 0);
  assert.equal(lost.sent.length, 0);
});

test('other answers are tried again with back-off, with the state of that time; the next CSeq is one higher', async () => {
  const engine = await watched();
  await publish(engine, '<a/>');
  await engine.quiet();
  await answer(engine, 500);
  await engine.pass(4.8);
  assert.equal(engine.sent.length, 2);
  await engine.pass(0.4);
  assert.deepEqual(summary(engine.sent[2] as SentNotify), [3, 'active;expires=595', '<a/>']);
  await answer(engine, 503);
  await publish(engine, '<b/>');
  await engine.pass(9.6);
  assert.equal(engine.sent.length, 3, 'a change does not break the wait');
  await engine.pass(0.6);
  assert.deepEqual(
    engine.sent.map(({ cseq }) => cseq),
    [1, 2, 3, 4],
  );
  assert.equal(engine.sent[3]?.body, 'sip:alice@example.com: <b/>|<a/>');
  await answer(engine, 200);
  await publish(engine, '<c/>');
  await engine.quiet();
  assert.equal(engine.sent[4]?.cseq, 5);
});

test('Retry-After is waited for', async () => {
  const engine = await watched();
  await publish(engine, '<a/>');
  await engine.quiet();
  await answer(engine, 503, 'Retry-After: 20\r\n');
  await engine.pass(19.8);
  assert.equal(engine.sent.length, 2);
  await engine.pass(0.4);
  assert.equal(engine.sent.length, 3);
});

test('the last NOTIFY does not wait for a back-off to pass', async () => {
  const engine = await watched();
  await publish(engine, '<a/>');
  await engine.quiet();
  await answer(engine, 500, 'Retry-After: 300\r\n');
  await engine.handle(subscribeText({ toTag: engine.sent[0]?.request.fromTag, cseq: 2, expires: 0 }));
  await engine.quiet();
  assert.equal(engine.sent.at(-1)?.state, 'terminated;reason=timeout');
  await answer(engine, 200);
  await engine.pass(10);
  assert.equal(engine.sent.length, 3);
});

test('a watcher that has moved is not ended by the failure of a NOTIFY to its old place', async () => {
  const engine = await watched();
  await publish(engine, '<a/>');
  await engine.quiet();
  const contact = 'Contact: <sip:bob@127.0.0.1:5099>\r\n';
  await engine.handle(subscribeText({ toTag: engine.sent[0]?.request.fromTag, cseq: 2, contact }));
  engine.sent.at(-1)?.fail('timeout');
  await engine.quiet();
  assert.equal(await subscriptions(engine), 1);
  assert.equal(engine.sent.at(-1)?.request.uri, 'sip:bob@127.0.0.1:5099');
  engine.sent.at(-1)?.fail('timeout');
  await engine.quiet();
  assert.equal(await subscriptions(engine), 0);
});

test('the outcome of a NOTIFY is stored when the database comes back', async () => {
  const gone = await watched();
  await publish(gone, '<a/>');
  await gone.quiet();
  gone.database.away = true;
  await answer(gone, 481);
  gone.database.away = false;
  assert.equal(await subscriptions(gone), 1, 'it could not be stored');
  await gone.pass(6);
  assert.equal(await subscriptions(gone), 0);

  const later = await watched();
  await publish(later, '<a/>');
  await later.quiet();
  await answer(later, 500);
  later.database.away = true;
  await later.pass(6);
  later.database.away = false;
  assert.equal(later.sent.length, 2);
  await later.pass(6);
  assert.equal(later.sent.length, 3, 'what is owed is sent');
});

test('the script is told of each answer, and of none as 408', async () => {
  const engine = await watched();
  await publish(engine, '<a/>');
  await engine.quiet();
  engine.sent.at(-1)?.fail('timeout');
  assert.deepEqual(
    engine.replied.map(({ fields, response }) => [fields.status, fields.cseq, response?.status]),
    [
      [200, 1, 200],
      [408, 2, undefined],
    ],
  );
});

test('an engine that is closed sends nothing more and keeps the note of what it owes', async () => {
  const engine = await watched();
  await publish(engine, '<a/>');
  await engine.quiet();
  await answer(engine, 500);
  engine.presence.notifier.close();
  await engine.pass(10);
  assert.equal(engine.sent.length, 2);
  assert.equal((await engine.presence.store.owing()).length, 1);
});

test('a document is made anew when its package was replaced', async () => {
  const engine = await watched();
  const before = engine.events.get('presence');
  assert.ok(before);
  engine.events.set('presence', { ...before, compose: () => Buffer.from('new code') });
  await engine.handle(subscribeText({ callId: 'late' }));
  await engine.quiet();
  assert.equal(engine.sent.at(-1)?.body, 'new code');
});
