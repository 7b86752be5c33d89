// Holds what becomes of a NOTIFY whose way to the watcher has to be looked for, while the subscription ends or the notifier pauses.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Engine, flowOf } from '../engine';
import { key } from '../records';
import { subscribeText } from '../requests';
import type { SentNotify } from '../sent-notify';

const summary = ({ cseq, state, body }: SentNotify) => [cseq, state, body.replace('sip:alice@example.com: ', '')];

test('a way that is found only after the subscription has ended is not taken', async () => {
  let found: (flow: ReturnType<typeof flowOf>) => void = () => {};
  const finding = () => new Promise<ReturnType<typeof flowOf>>((resolve) => (found = resolve));
  const engine = await Engine.open({ findFlow: () => undefined as never, flowTo: finding });
  engine.answering = false;
  const { toTag } = await engine.handle(subscribeText());
  await engine.quiet();
  await engine.handle(subscribeText({ toTag, cseq: 2, expires: 0 }));
  await engine.quiet();
  found(flowOf('udp:127.0.0.1:5060>127.0.0.1:5070'));
  await engine.quiet();
  assert.deepEqual(engine.sent.map(summary), [[1, 'terminated;reason=timeout', 'closed']]);
  engine.sent.at(-1)?.answer(200);
  await engine.quiet();
  assert.equal(engine.sent.length, 1);
});

test('a way that is looked for a second time after a pause is taken once, and the failure of the other ends nothing', async () => {
  const ways: { found(flow: ReturnType<typeof flowOf>): void; failed(error: Error): void }[] = [];
  const finding = () => new Promise<ReturnType<typeof flowOf>>((found, failed) => void ways.push({ found, failed }));
  const engine = await Engine.open({ findFlow: () => undefined as never, flowTo: finding });
  engine.answering = false;
  const flow = flowOf('udp:127.0.0.1:5060>127.0.0.1:5070');
  const pause = async () => {
    engine.presence.notifier.pause();
    engine.presence.notifier.resume();
    await engine.quiet();
  };
  await engine.handle(subscribeText());
  await engine.quiet();
  await pause();
  assert.equal(ways.length, 2);
  for (const { found } of ways) found(flow);
  await engine.quiet();
  assert.deepEqual(engine.sent.map(summary), [[1, 'active;expires=3600', 'closed']]);
  engine.sent.at(-1)?.answer(200);
  await engine.quiet();
  await engine.handle(subscribeText({ callId: 'another' }));
  await engine.quiet();
  await pause();
  ways[3]?.found(flow);
  ways[2]?.failed(new Error('no way'));
  await engine.quiet();
  engine.sent.at(-1)?.answer(200);
  await engine.quiet();
  assert.equal(await engine.presence.door.look(key, ({ subscriptions }) => subscriptions.size), 2);
});

test('a refresh looks for no other way while it comes on the one that is taken, and for another when its Contact has changed', async () => {
  let looked = 0;
  const findFlow = (key: string) => {
    looked++;
    return flowOf(key);
  };
  const engine = await Engine.open({ findFlow });
  const { toTag } = await engine.handle(subscribeText());
  await engine.quiet();
  const before = looked;
  await engine.handle(subscribeText({ toTag, cseq: 2 }));
  await engine.quiet();
  assert.equal(looked, before);
  await engine.handle(subscribeText({ toTag, cseq: 3, contact: 'Contact: <sip:bob@127.0.0.1:5070;ob>\r\n' }));
  await engine.quiet();
  assert.ok(looked > before);
  assert.deepEqual(
    engine.sent.map(({ cseq, request }) => [cseq, request.uri]),
    [
      [1, 'sip:bob@127.0.0.1:5070'],
      [2, 'sip:bob@127.0.0.1:5070'],
      [3, 'sip:bob@127.0.0.1:5070;ob'],
    ],
  );
});
