// Holds the state machine of RFC 3857 §4.7.1 for watchers on whom nothing is decided: pending, waiting, and every way out of them.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Engine } from './engine';
import { subscribeText } from './requests';
import { alice, allowBob, listed, openRuled, rule, ruleset, stored, told, watch, watchWatchers, write } from './ruled';

const day = 86_400;

const lastIds = (engine: Engine) => engine.sent.at(-1)?.winfo.watchers.map(({ id }) => id) ?? [];

test('a pending subscription that runs out leaves a watcher who waits, for so many days, over restarts', async () => {
  const engine = await openRuled({ settings: { waitingSubsDaysno: 2, cleanPeriod: 3600 } });
  await watchWatchers(engine, { expires: 3600 });
  await watch(engine, 'bob', { expires: 5, more: 'Subject: x\r\n' });
  const [id] = lastIds(engine);
  await engine.pass(6);
  assert.deepEqual(told(engine, 'bob'), ['pending', 'terminated;reason=timeout']);
  assert.equal(listed(engine).at(-1), '2 full: bob waiting timeout');
  assert.deepEqual(lastIds(engine), [id]);
  assert.deepEqual(await stored(engine), ['bob waiting']);
  engine.kill();
  engine.clock.advance(2 * day * 1000 - 60_000, 1e9);
  const after = await engine.restart();
  await watchWatchers(after, { callId: 'winfo', fromTag: 'new' });
  assert.equal(listed(after).at(-1), '0 full: bob waiting timeout');
  await after.pass(70);
  assert.equal(listed(after).at(-1), '1 partial: bob terminated giveup');
  assert.deepEqual(await stored(after), []);
});

test('who waits and asks again is pending as the same watcher, and may go on to wait', async () => {
  const engine = await openRuled();
  await watchWatchers(engine);
  const first = await watch(engine, 'bob');
  const [id] = lastIds(engine);
  await watch(engine, 'bob', { toTag: first.toTag, cseq: 2, expires: 0 });
  await watch(engine, 'bob', { callId: 'again', expires: 5 });
  assert.equal(listed(engine).at(-1), '3 partial: bob pending subscribe');
  assert.deepEqual(lastIds(engine), [id]);
  assert.deepEqual(await stored(engine), ['bob pending']);
  await engine.pass(6);
  assert.deepEqual(await stored(engine), ['bob waiting']);
});

test('a fetch by somebody on whom nothing is decided is known to the presentity, once', async () => {
  const engine = await openRuled();
  await watchWatchers(engine);
  for (const callId of ['a', 'b']) await watch(engine, 'bob', { callId, expires: 0 });
  assert.deepEqual([...told(engine, 'a'), ...told(engine, 'b')], Array(2).fill('terminated;reason=timeout'));
  assert.deepEqual(listed(engine), ['0 full: ', '1 partial: bob waiting timeout']);
  assert.deepEqual(await stored(engine), ['bob waiting']);
});

for (const [handling, event] of [
  ['allow', 'approved'],
  ['polite-block', 'approved'],
  ['block', 'rejected'],
] as const) {
  test(`the decision ${handling} ends the waiting: ${event}`, async () => {
    const engine = await openRuled();
    await watchWatchers(engine);
    await watch(engine, 'bob', { expires: 0 });
    await rule(engine, ruleset({ ...allowBob, handling }));
    assert.equal(listed(engine).at(-1), `2 partial: bob terminated ${event}`);
    assert.deepEqual(await stored(engine), []);
  });
}

test('a watcher with permission is noted while it watches, and forgotten with the last of its subscriptions', async () => {
  const engine = await openRuled();
  await rule(engine, ruleset(allowBob));
  const one = await watch(engine, 'bob', { callId: 'one' });
  const two = await watch(engine, 'bob', { callId: 'two' });
  assert.deepEqual(await stored(engine), ['bob active']);
  await watch(engine, 'bob', { callId: 'one', toTag: one.toTag, cseq: 2, expires: 0 });
  assert.deepEqual(await stored(engine), ['bob active']);
  await watch(engine, 'bob', { callId: 'two', toTag: two.toTag, cseq: 2, expires: 0 });
  assert.deepEqual(await stored(engine), []);
});

test('nobody is remembered with waiting_subs_daysno 0, and a crowd of strangers only up to a bound', async () => {
  const none = await openRuled({ settings: { waitingSubsDaysno: 0 } });
  await watch(none, 'bob', { expires: 0 });
  const { toTag } = await watch(none, 'eve');
  await watch(none, 'eve', { toTag, cseq: 2, expires: 0 });
  assert.deepEqual(await stored(none), []);
  const engine = await openRuled();
  await watchWatchers(engine);
  for (let n = 0; n < 1100; n++) {
    await engine.handle(subscribeText({ from: `sip:w${n}@example.com`, callId: `c${n}`, expires: 0 }));
  }
  assert.equal((await stored(engine)).length, 1000);
});

test('a watcher whose NOTIFY fails while it waits for permission is remembered too', async () => {
  const engine = await openRuled();
  await watchWatchers(engine);
  engine.answering = false;
  await engine.handle(subscribeText({ callId: 'bob' }));
  await engine.quiet();
  for (const notify of engine.sent) notify.answer(notify.callId === 'bob' ? 481 : 200);
  engine.answering = true;
  await engine.quiet();
  assert.deepEqual(await stored(engine), ['bob waiting']);
  assert.equal(listed(engine).at(-1)?.split(': ')[1], 'bob waiting timeout');
});

test('who is pending for longer than a watcher may wait is given up with the refresh that asks again', async () => {
  const engine = await openRuled({ settings: { waitingSubsDaysno: 1, maxExpires: 100_000 } });
  await watchWatchers(engine, { expires: 90_000 });
  const { toTag } = await watch(engine, 'bob', { expires: 90_000 });
  engine.clock.advance((day - 1) * 1000, 1e9);
  await watch(engine, 'bob', { toTag, cseq: 2, expires: 90_000 });
  engine.clock.advance(1000, 1000);
  assert.equal((await watch(engine, 'bob', { toTag, cseq: 3, expires: 90_000 })).status, 202);
  assert.deepEqual(told(engine, 'bob'), ['pending', 'pending', 'terminated;reason=giveup']);
  assert.equal(listed(engine).at(-1), '2 full: bob terminated giveup');
  assert.deepEqual(await stored(engine), []);
  const forever = await openRuled({ settings: { waitingSubsDaysno: 0, maxExpires: 400_000 } });
  const first = await watch(forever, 'bob', { expires: 400_000 });
  forever.clock.advance(3 * day * 1000, 1e9);
  await watch(forever, 'bob', { toTag: first.toTag, cseq: 2 });
  assert.deepEqual(told(forever, 'bob'), ['pending', 'pending']);
});

test('a decision that comes before that refresh is what counts', async () => {
  for (const [handling, last] of [
    ['allow', 'active closed'],
    ['block', 'terminated;reason=rejected'],
  ] as const) {
    const engine = await openRuled({ settings: { waitingSubsDaysno: 1, maxExpires: 100_000 } });
    const { toTag } = await watch(engine, 'bob', { expires: 90_000 });
    engine.clock.advance(day * 1000, 1e9);
    await write(engine, ruleset({ ...allowBob, handling }));
    await engine.functions.pres_update_watchers?.call(alice, 'presence');
    await watch(engine, 'bob', { toTag, cseq: 2 });
    assert.equal(told(engine, 'bob')[1], last);
  }
});

test('a crowd whose pending subscriptions end in one second waits only up to the bound', async () => {
  const engine = await openRuled({ settings: { maxSubscriptions: 10 } });
  for (let n = 0; n < 1100; n++) {
    await engine.handle(subscribeText({ from: `sip:w${n}@example.com`, callId: `c${n}`, expires: 5 }));
  }
  await engine.pass(7);
  const waiting = await stored(engine);
  assert.deepEqual([waiting.length, waiting.filter((text) => text.endsWith('waiting')).length], [1000, 1000]);
});
