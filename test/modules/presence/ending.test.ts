// Holds the ends of subscriptions that nobody asked for: rules withdrawn, and what scripts end (RFC 6665 §4.1.3, RFC 3857 §4.7.1).
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  alice,
  allowBob,
  listed,
  openRuled,
  pidf,
  publish,
  rule,
  ruleset,
  stored,
  told,
  watch,
  watchWatchers,
} from './ruled';

const eveOnly = { who: '<one id="sip:eve@example.com"/>', handling: 'allow' };

/** What a running subscription ends with when the rules become these, under the default and under what an operator chose. */
const withdrawals = [
  ['the document is taken out', undefined, 'probation', 'probation;retry-after=60'],
  ['the document becomes unreadable', '<ruleset', 'probation', 'probation;retry-after=60'],
  ['no rule names the watcher any more', ruleset(eveOnly), 'probation', 'probation;retry-after=60'],
  ['a rule says confirm', ruleset({ handling: 'confirm' }), 'deactivated', 'deactivated'],
  ['a rule says block', ruleset({ handling: 'block' }), 'rejected', 'rejected'],
] as const;

for (const [name, rules, byDefault, chosen] of withdrawals) {
  test(`when ${name} an active subscription ends: ${byDefault}, or as xcapauth_userdel_reason says`, async () => {
    for (const [xcapauthUserdelReason, ending] of [
      ['probation', byDefault],
      ['probation;retry-after=60', chosen],
    ] as const) {
      const engine = await openRuled({ settings: { xcapauthUserdelReason } });
      await watchWatchers(engine);
      await rule(engine, ruleset(allowBob));
      await watch(engine, 'bob');
      await rule(engine, rules);
      assert.deepEqual(told(engine, 'bob'), ['active closed', `terminated;reason=${ending}`]);
      assert.equal(listed(engine).at(-1), `2 partial: bob terminated ${ending.split(';')[0]}`);
      assert.deepEqual(await stored(engine), []);
    }
  });
}

for (const [reason, event] of [
  ['deactivated', 'deactivated'],
  ['probation;retry-after=30', 'probation'],
  ['giveup', 'giveup'],
  ['noresource', 'noresource'],
] as const) {
  test(`a script ends subscriptions with ${reason}, active or pending: nobody waits after that`, async () => {
    const engine = await openRuled();
    await watchWatchers(engine);
    await watch(engine, 'bob');
    await rule(engine, ruleset(allowBob, { who: '<one id="sip:eve@example.com"/>', handling: 'confirm' }));
    await watch(engine, 'eve');
    await watch(engine, 'eve', { callId: 'second' });
    const end = (who: string) => engine.functions.pres_terminate?.call(alice, 'presence', who, reason);
    assert.equal(await end('sip:nobody@example.com'), false);
    assert.equal(await end('sip:eve@EXAMPLE.com'), true);
    await engine.quiet();
    assert.equal(await end('sip:bob@example.com'), true);
    await engine.quiet();
    assert.deepEqual(told(engine, 'bob'), ['pending', 'active closed', `terminated;reason=${reason}`]);
    for (const callId of ['eve', 'second'])
      assert.deepEqual(told(engine, callId), ['pending', `terminated;reason=${reason}`]);
    const [eves, bobs] = listed(engine).slice(-2);
    assert.equal(
      eves?.replace(/^\d+ /, ''),
      `full: bob active approved, eve terminated ${event}, eve terminated ${event}`,
    );
    assert.equal(bobs?.replace(/^\d+ /, ''), `full: bob terminated ${event}`);
    assert.deepEqual(await stored(engine), []);
  });
}

test('a reason that is none ends nothing, and the caller is told which there are', async () => {
  const engine = await openRuled();
  await watch(engine, 'bob');
  for (const reason of ['because', 'deactivated;retry-after=3', 'probation;retry-after=-1', 'rejected\r\nX: y', '']) {
    await assert.rejects(
      async () => engine.functions.pres_terminate?.call(alice, 'presence', 'sip:bob@example.com', reason),
      /is no reason/,
    );
  }
  assert.deepEqual(told(engine, 'bob'), ['pending']);
});

test('rules that are applied again and again leave no gap in CSeqs and versions, and watcherinfo in parts', async () => {
  const engine = await openRuled();
  await watchWatchers(engine);
  await rule(engine, ruleset(allowBob));
  const { toTag } = await watch(engine, 'bob');
  for (let n = 0; n < 3; n++) {
    for (let m = 0; m < n; m++) await rule(engine, ruleset(allowBob, { ...eveOnly, id: `e${m}` }));
    await publish(engine, pidf('open'));
    await watch(engine, 'eve', { callId: `eve-${n}`, expires: 60 });
  }
  await watch(engine, 'bob', { toTag, cseq: 2, expires: 0 });
  const numbers = (callId: string) => engine.sent.filter((notify) => notify.callId === callId).map(({ cseq }) => cseq);
  assert.deepEqual(numbers('bob'), [1, 2, 3, 4, 5]);
  assert.deepEqual(numbers('winfo'), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(
    listed(engine).map((text) => text.split(':')[0]),
    ['0 full', '1 partial', '2 partial', '3 partial', '4 partial', '5 full'],
  );
});
