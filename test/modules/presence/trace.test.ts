// Checks what a trace is told of presence: decisions in words, their commits, and nothing at all when nobody follows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from './engine';
import { publishText, subscribeText } from './requests';

/** What was told while `act` ran, entity-tags and dates as placeholders. */
async function told(engine: Engine, act: () => Promise<unknown>): Promise<string[]> {
  const steps: string[] = [];
  const leave = engine.trail.follow((text) => steps.push(text));
  await act();
  await engine.quiet();
  leave();
  return steps.map((text) =>
    text.replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'TIME').replace(/Call-ID [^\s,]+/g, 'Call-ID ID'),
  );
}

test('a SUBSCRIBE, a PUBLISH and the end of both are told with answer, changes, NOTIFYs and commit', async () => {
  const engine = await Engine.open();
  const subscribed = await told(engine, () => engine.handle(subscribeText({ expires: 120 })));
  assert.match(
    subscribed[0] ?? '',
    /^decided sip:alice@example\.com presence, SUBSCRIBE from sip:bob@example\.com, Call-ID ID\n {2}answer 202 (OK|Accepted), Expires: 120\n {2}subscription of sip:bob@example\.com begins: active until TIME\n {2}NOTIFY to sip:bob@example\.com, Call-ID ID$/,
  );
  assert.match(subscribed[1] ?? '', /^commit sip:alice@example\.com presence: version \d+, 0 ms$/);
  const published = await told(engine, () => engine.handle(publishText({ body: '<a/>', expires: 60 })));
  assert.match(
    published[0] ?? '',
    /^decided sip:alice@example\.com presence, PUBLISH from \S+, Call-ID ID\n {2}answer 200 OK, Expires: \d+, SIP-ETag: (\S+)\n {2}publication \1 begins, until TIME, 4 bytes\n {2}NOTIFY to every watcher$/,
  );
  const ended = await told(engine, async () => engine.pass(122));
  assert.ok(
    ended.some((text) => /^decided sip:alice@example\.com presence\n(.*\n)* {2}publication \S+ ends/.test(text)),
  );
  assert.ok(ended.some((text) => /subscription of sip:bob@example\.com ends/.test(text)));
});

test('a refusal is told, before and after the resource is looked at', async () => {
  const engine = await Engine.open();
  const [structure] = await told(engine, () => engine.handle(publishText({ body: '<a/>', event: 'nonsense' })));
  assert.match(structure ?? '', /^decided sip:alice@example\.com, PUBLISH from \S+, Call-ID ID\n {2}answer 489 /);
  const [unknown] = await told(engine, () => engine.handle(publishText({ body: '<a/>', ifMatch: 'none' })));
  assert.match(unknown ?? '', /\n {2}answer 412 /);
});

test('who leaves is told nothing more', async () => {
  const engine = await Engine.open();
  assert.equal(engine.trail.followed, false);
  let count = 0;
  engine.trail.follow(() => count++)();
  await engine.handle(publishText({ body: '<a/>' }));
  assert.equal(count, 0);
  assert.equal(engine.trail.followed, false);
});
