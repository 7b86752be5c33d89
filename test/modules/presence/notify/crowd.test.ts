// Holds fan-outs to a crowd: taken up in slices, so that others come in between, and nobody is left out, told twice or told late.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as breath } from 'node:timers/promises';
import { leastPlaces } from '../../../../modules/presence/notify/places';
import { Engine } from '../engine';
import { key } from '../records';
import { publishText, subscribeText } from '../requests';

const size = 1000;
const body = (engine: Engine) => engine.sent.at(-1)?.body ?? '';

/** An engine in which everybody of a crowd has had the first NOTIFY; what was sent before is forgotten. */
async function crowded(): Promise<Engine> {
  const engine = await Engine.open();
  for (let i = 0; i < size; i++) await engine.handle(subscribeOf(i));
  await engine.quiet();
  engine.sent.length = 0;
  return engine;
}

function subscribeOf(i: number, more: Parameters<typeof subscribeText>[0] = {}): string {
  return subscribeText({ from: `sip:w${i}@example.com`, callId: `crowd-${i}`, ...more });
}

/** Whom NOTIFYs with this text went to. */
function told(engine: Engine, text: string): string[] {
  return engine.sent.filter((each) => each.body.includes(text)).map(({ callId }) => callId);
}

test('the watchers of others are told while a crowd is still being told', async () => {
  const engine = await crowded();
  await engine.handle(subscribeText({ to: 'sip:carol@example.com' }));
  await engine.quiet();
  engine.sent.length = 0;
  await engine.handle(publishText({ body: '<crowd/>' }));
  await engine.handle(publishText({ to: 'sip:carol@example.com', body: '<carol/>' }));
  while (told(engine, '<carol/>').length === 0) await breath();
  const before = told(engine, '<crowd/>').length;
  assert.ok(before < size / 2, `${before} of the crowd came first`);
  await engine.quiet();
  assert.equal(new Set(told(engine, '<crowd/>')).size, size);
  assert.equal(engine.sent.length, size + 1);
});

test('who is told by a refresh, or of a later change, is not told again of an earlier one', async () => {
  const engine = await crowded();
  const resource = await engine.presence.door.look(key, (each) => each);
  const last = [...resource.subscriptions.values()].find(({ callId }) => callId === `crowd-${size - 1}`);
  await engine.handle(publishText({ body: '<a/>' }));
  await engine.handle(subscribeOf(size - 1, { toTag: last?.toTag, cseq: 2 }));
  await engine.handle(publishText({ body: '<b/>' }));
  await engine.quiet();
  const each = new Map<string, string[]>();
  for (const { callId, body } of engine.sent) each.set(callId, [...(each.get(callId) ?? []), body]);
  assert.equal(each.size, size);
  for (const bodies of each.values()) assert.match(bodies.at(-1) ?? '', /<b\/>/);
  for (const [dialog, bodies] of each) assert.equal(new Set(bodies).size, bodies.length, `${dialog} was told twice`);
});

test('a subscription that ends before its turn is told of its end and of nothing else', async () => {
  const engine = await crowded();
  const resource = await engine.presence.door.look(key, (each) => each);
  const last = [...resource.subscriptions.values()].find(({ callId }) => callId === `crowd-${size - 1}`);
  const handled = engine.handle(publishText({ body: '<a/>' }));
  await engine.handle(subscribeOf(size - 1, { toTag: last?.toTag, cseq: 2, expires: 0 }));
  await handled;
  await engine.quiet();
  const states = engine.sent.filter(({ callId }) => callId === last?.callId).map(({ state }) => state);
  assert.equal(states.at(-1), 'terminated;reason=timeout');
  assert.equal(states.filter((state) => state.startsWith('terminated')).length, 1);
  assert.equal(new Set(told(engine, '<a/>')).size, size);
});

test('a reload in the middle of a fan-out leaves nobody out', async () => {
  const engine = await crowded();
  await engine.handle(publishText({ body: '<a/>' }));
  assert.ok(engine.sent.length < size, body(engine));
  await engine.reload();
  await engine.quiet();
  assert.equal(new Set(told(engine, '<a/>')).size, size);
  assert.equal(engine.presence.notifier.underWay, 0);
});

/** A crowd none of whose watchers answers, just told of `<a/>`: as many as may have been sent to. Time stands still. */
async function silentCrowd(): Promise<Engine> {
  const engine = await crowded();
  engine.answering = false;
  await engine.handle(publishText({ body: '<a/>' }));
  await engine.quiet();
  // It is known to be a crowd when some have been sent to.
  assert.ok(engine.sent.length <= 2 * leastPlaces, `${engine.sent.length} NOTIFYs`);
  return engine;
}

test('while a crowd does not answer few of its NOTIFYs are under way, and those of others leave', async () => {
  const engine = await silentCrowd();
  const before = engine.sent.length;
  await engine.handle(subscribeText({ to: 'sip:carol@example.com' }));
  await engine.handle(publishText({ to: 'sip:carol@example.com', body: '<carol/>' }));
  await engine.quiet();
  assert.equal(engine.sent.length, before + 1);
  engine.answering = true;
  await engine.quiet();
  await engine.quiet();
  assert.equal(new Set(told(engine, '<a/>')).size, size);
  assert.equal(told(engine, '<carol/>').length, 1);
  assert.equal(engine.presence.notifier.underWay, 0);
});

test('watchers that do not answer keep the others of their crowd waiting for moments only', async () => {
  const engine = await silentCrowd();
  await engine.pass(10);
  assert.equal(new Set(told(engine, '<a/>')).size, size);
});

test('who waits for a place is told of the newest state only', async () => {
  const engine = await silentCrowd();
  const before = engine.sent.length;
  await engine.handle(publishText({ body: '<b/>' }));
  engine.answering = true;
  for (let n = 0; n < 4; n++) await engine.quiet();
  assert.equal(new Set(told(engine, '<b/>')).size, size);
  assert.equal(engine.sent.length, before + size);
});

test('who ends a subscription while it waits for a place is told of the end only', async () => {
  const engine = await silentCrowd();
  const resource = await engine.presence.door.look(key, (each) => each);
  const sentTo = new Set(told(engine, '<a/>'));
  const waiting = [...resource.subscriptions.values()].find(({ callId }) => !sentTo.has(callId));
  const number = Number(waiting?.callId.split('-')[1]);
  await engine.handle(subscribeOf(number, { toTag: waiting?.toTag, cseq: 2, expires: 0 }));
  engine.answering = true;
  for (let n = 0; n < 4; n++) await engine.quiet();
  const states = engine.sent.filter(({ callId }) => callId === waiting?.callId).map(({ state }) => state);
  assert.deepEqual(states, ['terminated;reason=timeout']);
  assert.equal(engine.presence.notifier.underWay, 0);
});

test('whom a reload finds waiting for a place is told by the next life of the module', async () => {
  const engine = await silentCrowd();
  await engine.reload();
  engine.answering = true;
  for (let n = 0; n < 4; n++) await engine.quiet();
  assert.equal(told(engine, '<a/>').length, size, 'each once');
  assert.equal(engine.presence.notifier.underWay, 0);
});

test('who waits for a place when the process dies is told after the restart', async () => {
  const before = await silentCrowd();
  const sentTo = new Set(told(before, '<a/>'));
  const after = await before.restart();
  for (let n = 0; n < 4; n++) await after.quiet();
  const reached = new Set(told(after, '<a/>'));
  assert.equal(new Set([...sentTo, ...reached]).size, size);
  const last = new Map(before.sent.map(({ callId, cseq }) => [callId, cseq]));
  for (const { callId, cseq } of after.sent) assert.ok(cseq > (last.get(callId) ?? 0), `${callId} at ${cseq}`);
});

test('news that comes faster than a crowd can be told still reaches everybody, and does not pile up', async () => {
  const engine = await crowded();
  for (let n = 0; n < 50; n++) await engine.handle(publishText({ body: `<n${n}/>` }));
  const before = engine.sent.length;
  for (let n = 0; n < 4; n++) await engine.quiet();
  assert.equal(new Set(told(engine, '<n49/>')).size, size);
  assert.ok(before < 50 * size);
  assert.ok(engine.sent.length <= before + 2 * size, `${engine.sent.length} NOTIFYs`);
});
