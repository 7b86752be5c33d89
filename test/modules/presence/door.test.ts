// Holds the door: one turn decides on what the turn before left, stores once, and fails or retries as a whole.
import assert from 'node:assert/strict';
import test from 'node:test';
import { FlakyDatabase } from './database';
import { type Answered, Engine } from './engine';
import { key } from './records';
import { headerOf, publishText, subscribeText } from './requests';

const etagOf = ({ headers }: Answered) => headerOf(headers, 'SIP-ETag') ?? '';
const publish = (engine: Engine, body: string, ifMatch?: string) =>
  engine.handle(publishText({ body, ...(ifMatch === undefined ? {} : { ifMatch }) }));
const stored = async (engine: Engine) => {
  const [resource] = await engine.presence.store.load([key]);
  return [...(resource?.publications.values() ?? [])].map(({ document }) => document.body.toString());
};

test('requests of one resource that wait together are decided on each other’s outcome and stored in one commit', async () => {
  const engine = await Engine.open();
  const first = await publish(engine, '<a/>');
  const before = engine.database.commits;
  const tag = etagOf(first);
  const answers = await Promise.all([
    publish(engine, '<b/>', tag),
    publish(engine, '<c/>', tag),
    publish(engine, '<d/>'),
    engine.handle(publishText({ ifMatch: tag, expires: 0 })),
  ]);
  assert.deepEqual(
    answers.map(({ status, ok }) => [status, ok]),
    [
      [200, true],
      [412, false],
      [200, true],
      [412, false],
    ],
  );
  // The first went alone because it found the door open, or all together: two turns at most.
  assert.ok(engine.database.commits - before <= 2);
  assert.deepEqual(await stored(engine), ['<b/>', '<d/>']);
});

test('what comes in one turn of the loop shares a commit, and so does what finds the door at work', async () => {
  const engine = await Engine.open();
  const first = Promise.all([publish(engine, '<first/>'), publish(engine, '<second/>')]);
  // The turn of these two has begun.
  await new Promise((resolve) => setImmediate(resolve));
  const crowd = Array.from({ length: 60 }, (_, n) => publish(engine, `<n${n}/>`));
  await Promise.all([first, ...crowd]);
  assert.equal(engine.database.commits, 2);
  assert.equal((await stored(engine)).length, 62);
});

test('of two concurrent requests with one entity-tag one wins, also on two nodes', async () => {
  const one = await Engine.open();
  const two = await Engine.open({ database: new FlakyDatabase(one.database.inner), clock: one.clock });
  const tag = etagOf(await publish(one, '<a/>'));
  // Both have the resource in memory before either changes it.
  await two.presence.door.look(key, () => undefined);
  const answers = await Promise.all([publish(one, '<one/>', tag), publish(two, '<two/>', tag)]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412]);
  assert.equal((await stored(one)).length, 1);
});

test('a stale commit is decided again on what another node has stored', async () => {
  const one = await Engine.open();
  const two = await Engine.open({ database: new FlakyDatabase(one.database.inner), clock: one.clock });
  await publish(one, '<a/>');
  await two.presence.door.look(key, () => undefined);
  await publish(one, '<b/>');
  const selects = two.database.selects;
  assert.equal((await publish(two, '<c/>')).status, 200);
  assert.equal(two.database.selects, selects + 1, 'read once more');
  assert.deepEqual(await stored(two), ['<a/>', '<b/>', '<c/>']);
});

test('a resource that keeps moving is refused after five attempts, and the next request works', async () => {
  const engine = await Engine.open();
  engine.database.outcomes.push('stale', 'stale', 'stale', 'stale');
  assert.equal((await publish(engine, '<a/>')).status, 200);
  engine.database.outcomes.push('stale', 'stale', 'stale', 'stale', 'stale');
  const refused = await publish(engine, '<b/>');
  assert.deepEqual([refused.status, headerOf(refused.headers, 'Retry-After')], [503, '1']);
  assert.equal((await publish(engine, '<c/>')).status, 200);
  assert.deepEqual(await stored(engine), ['<a/>', '<c/>']);
});

test('when nothing can be stored the answer is 503 with Retry-After, and memory forgets what was not stored', async () => {
  const engine = await Engine.open();
  const tag = etagOf(await publish(engine, '<a/>'));
  engine.database.outcomes.push('away');
  const failed = await publish(engine, '<b/>', tag);
  assert.deepEqual([failed.status, failed.ok, headerOf(failed.headers, 'Retry-After')], [503, false, '3']);
  assert.deepEqual(await stored(engine), ['<a/>']);
  assert.equal((await publish(engine, '<c/>', tag)).status, 200, 'the tag is what is stored, not what failed');
  engine.database.away = true;
  assert.equal((await publish(engine, '<d/>')).status, 503);
  assert.equal((await engine.handle(publishText({ to: 'sip:new@example.com', body: '<a/>' }))).status, 503);
  assert.equal((await engine.handle(subscribeText({ toTag: 'x', cseq: 2 }))).status, 503);
  engine.database.away = false;
  assert.equal((await publish(engine, '<e/>')).status, 200);
});

test('a failed commit fails every request of its turn, and notifies nobody', async () => {
  const engine = await Engine.open();
  await engine.handle(subscribeText());
  await engine.quiet();
  const before = engine.sent.length;
  engine.database.outcomes.push('away');
  const answers = await Promise.all([publish(engine, '<a/>'), publish(engine, '<b/>'), publish(engine, '<c/>')]);
  await engine.quiet();
  assert.deepEqual(
    answers.map(({ status }) => status),
    [503, 503, 503],
  );
  assert.equal(engine.sent.length, before);
  assert.deepEqual(await stored(engine), []);
});

test('an answer leaves before the NOTIFY that follows from it', async () => {
  const engine = await Engine.open();
  engine.answering = false;
  await engine.handle(subscribeText());
  assert.equal(engine.sent.length, 0);
  await engine.quiet();
  assert.equal(engine.sent.length, 1);
});

test('a package that throws harms only the request that met it', async () => {
  const engine = await Engine.open();
  const good = engine.events.get('presence');
  assert.ok(good);
  engine.events.set('presence', {
    ...good,
    check: () => {
      throw new Error('broken check');
    },
    compose: () => {
      throw new Error('broken compose');
    },
  });
  assert.equal((await publish(engine, '<a/>')).status, 500);
  assert.equal((await engine.handle(subscribeText())).status, 202);
  await engine.quiet();
  assert.equal(engine.sent[0]?.body, '', 'better none than none of the state');
  engine.events.set('presence', good);
  assert.equal((await publish(engine, '<b/>')).status, 200);
  await engine.quiet();
  assert.equal(engine.sent[1]?.body, 'sip:alice@example.com: <b/>');
});

test('the door settles when all is answered', async () => {
  const engine = await Engine.open();
  let done = 0;
  const all = ['a', 'b', 'c'].map((name) =>
    engine.handle(publishText({ to: `sip:${name}@h`, body: '<a/>' })).then(() => done++),
  );
  await engine.presence.door.settled();
  await Promise.all(all);
  assert.equal(done, 3);
  await engine.presence.door.settled();
});

test('a dialog whose To does not lead to its presentity is found by its tags', async () => {
  const engine = await Engine.open();
  // The first Request-URI was another than the To, as after a redirect by a script.
  const made = await engine.handle(subscribeText({ to: 'sip:alias@example.com', requestUri: 'sip:alice@example.com' }));
  assert.equal(made.status, 202);
  const refresh = subscribeText({
    to: 'sip:alias@example.com',
    toTag: made.toTag,
    cseq: 2,
    requestUri: 'sip:127.0.0.1',
  });
  assert.equal((await engine.handle(refresh)).status, 202);
  assert.equal((await engine.handle(subscribeText({ toTag: 'unknown', cseq: 2 }))).status, 481);
});

test('the To tag is the one in the AVP, or made with the prefix and put there', async () => {
  const engine = await Engine.open();
  const avps = new Map<string, string | number>([['25', 'script-tag']]);
  assert.equal((await engine.handle(subscribeText(), undefined, avps)).toTag, 'script-tag');
  const numeric = new Map<string, string | number>([['25', 4711]]);
  assert.equal((await engine.handle(subscribeText({ callId: 'b' }), undefined, numeric)).toTag, '4711');
  for (const bad of ['', 'a b', 'x'.repeat(129)]) {
    const wrong = new Map<string, string | number>([['25', bad]]);
    const { toTag } = await engine.handle(subscribeText({ callId: `c${bad.length}` }), undefined, wrong);
    assert.match(toTag ?? '', /^10k/);
    assert.equal(wrong.get('25'), toTag);
  }
});

test('the functions look at the resource and change it through the door', async () => {
  const engine = await Engine.open({ settings: { forceActive: false } });
  const call = (name: string, ...args: unknown[]) => engine.functions[name]?.call(...args);
  const alice = 'sip:alice@EXAMPLE.com:5060';
  assert.equal(await call('pres_has_subscribers', alice, 'presence'), false);
  await engine.handle(subscribeText({ event: 'presence.winfo', from: 'sip:alice@example.com', callId: 'w' }));
  assert.equal(await call('pres_has_subscribers', alice, 'presence'), false, 'who watches the watchers is none');
  await engine.handle(subscribeText());
  assert.equal(await call('pres_has_subscribers', alice, 'presence'), true);
  assert.equal(await call('pres_auth_status', 'sip:bob@example.com', alice), 2);
  await engine.quiet();
  const before = engine.sent.length;
  assert.equal(await call('pres_update_watchers', alice, 'presence'), true);
  await engine.quiet();
  assert.equal(engine.sent.length, before, 'nothing has changed');
  assert.equal(await call('pres_refresh_watchers', alice, 'presence', 0), true);
  await engine.quiet();
  assert.deepEqual(
    engine.sent.slice(before).map(({ callId, state }) => [callId, state.split(';')[0]]),
    [
      ['call-1', 'pending'],
      ['w', 'active'],
    ],
  );
  assert.throws(
    () => call('pres_has_subscribers', alice, 'dialog'),
    /no module has registered the event package 'dialog'/,
  );
});
