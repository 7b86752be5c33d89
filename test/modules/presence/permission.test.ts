// Holds what rules do to subscriptions: who is let in, told, moved to another view or ended, at which moment, and at what cost.
import assert from 'node:assert/strict';
import test from 'node:test';
import { FlakyDatabase } from './database';
import type { Engine } from './engine';
import { key } from './records';
import { publishText, subscribeText } from './requests';
import {
  alice,
  allowBob,
  bob,
  listed,
  openRuled,
  pidf,
  publish,
  rule,
  ruleset,
  services,
  told,
  watch,
  watchWatchers,
  write,
} from './ruled';

test('who waits is let in when a rule says so: the watcher gets the state, watcherinfo says approved', async () => {
  const engine = await openRuled();
  await watchWatchers(engine);
  await publish(engine, pidf('open'));
  await watch(engine, 'bob');
  await rule(engine, ruleset(allowBob));
  assert.deepEqual(told(engine, 'bob'), ['pending', 'active open']);
  assert.deepEqual(listed(engine), ['0 full: ', '1 partial: bob pending subscribe', '2 partial: bob active approved']);
});

test('without its document a running subscription ends on probation, and the next one is pending', async () => {
  const engine = await openRuled();
  await watchWatchers(engine);
  await rule(engine, ruleset(allowBob));
  await publish(engine, pidf('open'));
  await watch(engine, 'bob');
  await rule(engine, undefined);
  await watch(engine, 'bob', { callId: 'again' });
  assert.deepEqual(told(engine, 'bob'), ['active open', 'terminated;reason=probation']);
  assert.deepEqual(told(engine, 'again'), ['pending']);
  assert.deepEqual(listed(engine).slice(1), [
    '1 partial: bob active subscribe',
    '2 partial: bob terminated probation',
    '3 partial: bob pending subscribe',
  ]);
});

test('a block ends a running subscription, waiting or not, and refuses a new one with a NOTIFY', async () => {
  const engine = await openRuled();
  await watchWatchers(engine);
  await rule(engine, ruleset(allowBob, { who: '<one id="sip:eve@example.com"/>', handling: 'confirm' }));
  await publish(engine, pidf('open'));
  await watch(engine, 'bob');
  await watch(engine, 'eve');
  await rule(engine, ruleset({ handling: 'block' }));
  assert.deepEqual(told(engine, 'bob'), ['active open', 'terminated;reason=rejected']);
  assert.deepEqual(told(engine, 'eve'), ['pending', 'terminated;reason=rejected']);
  assert.equal(listed(engine).at(-1), '3 partial: bob terminated rejected, eve terminated rejected');
  const { status } = await watch(engine, 'bob', { callId: 'new' });
  assert.equal(status, 202);
  await watch(engine, 'bob', { callId: 'fetch', expires: 0 });
  assert.deepEqual([...told(engine, 'new'), ...told(engine, 'fetch')], Array(2).fill('terminated;reason=rejected'));
  const [stored] = await engine.presence.store.load([key]);
  assert.deepEqual(
    [...(stored?.subscriptions.values() ?? [])].map(({ callId }) => callId),
    ['winfo'],
  );
  assert.equal(stored?.watchers.size, 0);
});

test('a rule that shows more or less sends one NOTIFY with what may be seen now, and watcherinfo nothing', async () => {
  const engine = await openRuled();
  await watchWatchers(engine);
  await rule(engine, ruleset(allowBob));
  await publish(engine, pidf('open', '', 'private'));
  await watch(engine, 'bob');
  await rule(engine, ruleset({ ...allowBob, grant: services }));
  await rule(engine, ruleset({ ...allowBob, grant: '' }));
  await rule(engine, ruleset(allowBob));
  await rule(engine, ruleset(allowBob));
  assert.deepEqual(told(engine, 'bob'), ['active open', 'active open', 'active closed', 'active open']);
  const bodies = engine.sent.filter(({ callId }) => callId === 'bob').map(({ body }) => body.includes('private'));
  assert.deepEqual(bodies, [true, false, false, true]);
  assert.equal(listed(engine).length, 2);
});

test('a document that cannot be read lets nobody in, and a warning names it with line and column', async () => {
  const engine = await openRuled();
  await write(engine, ruleset(allowBob));
  await watch(engine, 'bob');
  for (const [n, broken] of ['<ruleset', '<x/>', ruleset({ ...allowBob, handling: 'alow' })].entries()) {
    await rule(engine, broken);
    await watch(engine, 'bob', { callId: `after-${n}` });
    const [warning] = engine.log.splice(0).filter(({ level }) => level === 'warn');
    const { presentity, document, reason } = (warning?.fields ?? {}) as Record<string, string>;
    assert.deepEqual([presentity, document], [alice, 'pres-rules/users/sip:alice@example.com/index']);
    assert.match(reason ?? '', /^1:\d+: /);
  }
  assert.equal(told(engine, 'bob').at(-1), 'terminated;reason=probation');
  const states = engine.sent.filter(({ callId }) => callId !== 'bob').map(({ state }) => state.split(';')[0]);
  assert.deepEqual(states, ['pending', 'pending', 'pending']);
});

test('the watcher is whom the script names, else the From, whatever the case of the host', async () => {
  const engine = await openRuled();
  await write(engine, ruleset(allowBob));
  await watch(engine, 'a', { from: 'sip:bob@EXAMPLE.com:5070;x=y' });
  await watch(engine, 'b', { from: 'sips:bob@Example.Com' });
  await watch(engine, 'c', { from: 'sip:Bob@example.com' });
  await engine.handle(subscribeText({ callId: 'd', from: 'sip:anonymous@anonymous.invalid' }), 'sip:bob@Example.COM');
  await engine.handle(subscribeText({ callId: 'e' }), 'sip:carol@example.com');
  await engine.quiet();
  const first = ['a', 'b', 'c', 'd', 'e'].map((callId) => told(engine, callId)[0]);
  assert.deepEqual(first, [
    'active closed',
    'active closed',
    'terminated;reason=rejected',
    'active closed',
    'terminated;reason=rejected',
  ]);
});

const day = '2026-01-01T';
const between = (from: string, until: string) =>
  `<validity><from>${day}${from}Z</from><until>${day}${until}Z</until></validity>`;

test('a rule that begins or ends acts in its second, on who waits and on who watches', async () => {
  const engine = await openRuled();
  await write(engine, ruleset({ ...allowBob, conditions: between('00:00:10', '00:00:20') }, { handling: 'confirm' }));
  await publish(engine, pidf('open'));
  await watch(engine, 'bob');
  await engine.pass(9.8);
  assert.deepEqual(told(engine, 'bob'), ['pending']);
  await engine.pass(0.4);
  assert.deepEqual(told(engine, 'bob').slice(1), ['active open']);
  await engine.pass(9.4);
  assert.equal(told(engine, 'bob').length, 2);
  await engine.pass(0.6);
  assert.deepEqual(told(engine, 'bob').slice(2), ['terminated;reason=deactivated']);
});

test('so it does after a restart, for a presentity that nobody has asked for since, and for one that left memory', async () => {
  const before = await openRuled();
  await write(before, ruleset({ ...allowBob, conditions: between('00:00:00', '00:05:00') }));
  await publish(before, pidf('open'));
  await watch(before, 'bob');
  await before.presence.housekeeping();
  const after = await before.restart({ cleanPeriod: 10 });
  await after.quiet();
  assert.deepEqual(told(after, 'bob'), [], 'nothing was owed');
  await after.pass(299);
  assert.deepEqual(told(after, 'bob'), []);
  await after.pass(2);
  assert.deepEqual(told(after, 'bob'), ['terminated;reason=probation']);

  const small = await openRuled({ settings: { cacheSize: 16 } });
  await write(small, ruleset({ ...allowBob, conditions: between('00:00:00', '00:00:30') }));
  await watch(small, 'bob');
  for (let n = 0; n < 50; n++) await small.handle(publishText({ to: `sip:u${n}@h`, body: pidf('open') }));
  await small.pass(31);
  assert.deepEqual(told(small, 'bob'), ['active closed', 'terminated;reason=probation']);
});

test('what ended while the server was down is ended after the start', async () => {
  const before = await openRuled();
  await write(before, ruleset({ ...allowBob, conditions: between('00:00:00', '00:01:00') }));
  await publish(before, pidf('open'));
  await watch(before, 'bob');
  before.kill();
  before.clock.advance(120_000, 120_000);
  const after = await before.restart();
  await after.pass(1);
  assert.deepEqual(told(after, 'bob'), ['terminated;reason=probation']);
});

test('the presentity goes to another sphere by what it publishes, and back when that ends', async () => {
  const engine = await openRuled();
  const atWork = { ...allowBob, conditions: '<sphere value="work"/>' };
  await write(engine, ruleset(atWork, { handling: 'polite-block' }));
  await watch(engine, 'bob');
  const home = await publish(engine, pidf('open', '<rpid:sphere>home</rpid:sphere>'));
  const work = await publish(engine, pidf('open', '<rpid:sphere>work</rpid:sphere>'), home);
  assert.deepEqual(told(engine, 'bob'), ['active closed', 'active open']);
  await engine.handle(publishText({ ifMatch: work, expires: 5 }));
  await engine.pass(7);
  assert.deepEqual(told(engine, 'bob').slice(2), ['active closed']);
});

test('a change that a watcher may not see is not told to it, the first one after a restart or a reload neither', async () => {
  const engine = await openRuled();
  await write(
    engine,
    ruleset({ ...allowBob, grant: services }, { who: '<one id="sip:eve@example.com"/>', handling: 'allow' }),
  );
  let tag = await publish(engine, pidf('open', '', 'a'));
  await watch(engine, 'bob');
  await watch(engine, 'eve');
  tag = await publish(engine, pidf('open', '', 'b'), tag);
  await engine.presence.housekeeping();
  const after = await engine.restart();
  tag = await publish(after, pidf('open', '', 'c'), tag);
  await after.reload();
  tag = await publish(after, pidf('open', '', 'd'), tag);
  assert.deepEqual([told(engine, 'bob').length, told(after, 'bob').length], [1, 0]);
  assert.equal(told(after, 'eve').length, 2);
  await publish(after, pidf('closed', '', 'd'), tag);
  assert.deepEqual(told(after, 'bob'), ['active closed']);
});

test('a NOTIFY that leaves after a rule has ended shows what is permitted then, and spoils it for nobody else', async () => {
  const engine = await openRuled();
  const eve = { who: '<one id="sip:eve@example.com"/>', handling: 'allow', grant: services };
  await write(
    engine,
    ruleset({ ...allowBob, grant: services, conditions: between('00:00:00', '00:00:10') }, eve, {
      who: `<one id="${bob}"/>`,
      handling: 'polite-block',
    }),
  );
  const tag = await publish(engine, pidf('open'));
  await watch(engine, 'bob');
  await watch(engine, 'eve');
  engine.answering = false;
  await publish(engine, pidf('open', '', 'x'), tag);
  await publish(engine, pidf('closed'));
  // Bob's next NOTIFY waits behind one in flight; the timers have not run when its turn comes.
  engine.clock.advance(10_000, 10_000);
  engine.answering = true;
  await engine.quiet();
  await engine.pass(1);
  assert.equal(told(engine, 'bob').at(-1), 'active closed');
  const eves = engine.sent.filter(({ callId }) => callId === 'eve').map(({ body }) => body);
  assert.ok(eves.at(-1)?.includes('id="t"'), eves.at(-1));
});

test('ten thousand watchers with one set of permissions cost one transformation a change', async () => {
  const work = { composed: 0, transformed: 0, compiled: 0 };
  const engine = await openRuled({}, work);
  const friends = { who: '<many domain="example.com"/>', handling: 'allow', grant: services };
  await write(engine, ruleset({ ...friends, id: 'a' }, { ...friends, id: 'b' }));
  const count = 10_000;
  const names = Array.from({ length: count }, (_, n) => `w${n}`);
  await Promise.all(
    names.map((name) => engine.handle(subscribeText({ from: `sip:${name}@example.com`, callId: name }))),
  );
  while (engine.sent.length < count) await engine.quiet();
  assert.deepEqual(work, { composed: 1, transformed: 1, compiled: 1 }, 'ten thousand subscriptions');
  work.composed = 0;
  work.transformed = 0;
  const before = engine.sent.length;
  await engine.handle(publishText({ body: pidf('open') }));
  while (engine.sent.length < before + count) await engine.quiet();
  assert.deepEqual(work, { composed: 1, transformed: 1, compiled: 1 });
  assert.equal(new Set(engine.sent.slice(before).map(({ body }) => body)).size, 1);
});

test('rules that are applied at one node bind the next watcher at every other, and who only asks once', async () => {
  const eve = { who: '<one id="sip:eve@example.com"/>', handling: 'allow' };
  const node = (n: number, over?: Engine) =>
    openRuled({
      ...(over === undefined ? {} : { clock: over.clock, database: new FlakyDatabase(over.database.inner) }),
      settings: { clusterSecret: 'a secret of the nodes', clusterAddress: `sip:10.0.0.${n}:5060` },
    });
  for (const isPublished of [true, false]) {
    const here = await node(1);
    await write(here, ruleset(allowBob, eve));
    if (isPublished) await publish(here, pidf('open'));
    const there = await node(2, here);
    there.presence.start();
    await watch(there, 'eve', { expires: isPublished ? 600 : 0 });
    await rule(here, ruleset({ ...allowBob, handling: 'block' }, eve));
    await watch(there, 'bob');
    await watch(there, 'bob', { callId: 'fetch', expires: 0 });
    for (const callId of ['fetch', 'bob']) assert.deepEqual(told(there, callId), ['terminated;reason=rejected']);
  }
});

test('pres_auth_status says what the rules say', async () => {
  const engine = await openRuled();
  const status = (who: string) => engine.functions.pres_auth_status?.call(who, alice);
  assert.equal(await status(bob), 2);
  await watch(engine, 'bob', { expires: 0 });
  assert.equal(await status(bob), 4);
  await rule(engine, ruleset(allowBob));
  assert.equal(await status('sip:bob@EXAMPLE.com'), 1);
  assert.equal(await status('sip:eve@example.com'), 3);
});

test('with force_active rules are not asked', async () => {
  const engine: Engine = await openRuled({ settings: { forceActive: true } });
  await write(engine, ruleset({ handling: 'block' }));
  await watch(engine, 'bob');
  assert.deepEqual(told(engine, 'bob'), ['active closed']);
  assert.deepEqual(await engine.presence.door.look(key, ({ watchers }) => watchers.size), 0);
});
