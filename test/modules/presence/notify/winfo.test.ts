// Holds the watcherinfo of a subscription: versions from 0 that rise by one per document, parts and wholes, nothing lost.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Engine } from '../engine';
import { publishText, subscribeText } from '../requests';

const winfoText = (more: Parameters<typeof subscribeText>[0] = {}) =>
  subscribeText({ event: 'presence.winfo', from: 'sip:alice@example.com', callId: 'w', ...more });
const watcherText = (name: string, more: Parameters<typeof subscribeText>[0] = {}) =>
  subscribeText({ from: `sip:${name}@example.com`, callId: name, ...more });

function documents(engine: Engine): string[] {
  return engine.sent
    .filter(({ callId, body }) => callId === 'w' && body !== '')
    .map(({ winfo }) => {
      const watchers = winfo.watchers.map(({ uri, status }) => `${uri.slice(4, 7)} ${status}`);
      return `${winfo.version} ${winfo.state} ${watchers.join(', ')}`.trim();
    });
}

test('full on subscribing, in part for a new watcher, full again when one leaves or when it is refreshed', async () => {
  const engine = await Engine.open();
  const { toTag } = await engine.handle(winfoText());
  await engine.quiet();
  const bob = await engine.handle(watcherText('bob'));
  await engine.quiet();
  await engine.handle(watcherText('eve'));
  await engine.quiet();
  await engine.handle(watcherText('bob', { toTag: bob.toTag, cseq: 2 }));
  await engine.quiet();
  await engine.handle(watcherText('bob', { toTag: bob.toTag, cseq: 3, expires: 0 }));
  await engine.quiet();
  await engine.handle(winfoText({ toTag, cseq: 2 }));
  await engine.quiet();
  await engine.handle(publishText({ body: '<a/>' }));
  await engine.quiet();
  assert.deepEqual(documents(engine), [
    '0 full',
    '1 partial bob active',
    '2 partial eve active',
    '3 full eve active, bob terminated',
    '4 full eve active',
  ]);
});

test('parts that wait behind a NOTIFY in flight go out as one, with one version', async () => {
  const engine = await Engine.open();
  await engine.handle(winfoText());
  await engine.quiet();
  engine.answering = false;
  for (const name of ['bob', 'eve', 'dan']) await engine.handle(watcherText(name));
  await engine.quiet();
  for (const notify of engine.sent) notify.answer(200);
  await engine.quiet();
  for (const notify of engine.sent) notify.answer(200);
  const all = documents(engine);
  assert.equal(all[0], '0 full');
  const named = all.slice(1).flatMap((text) => [...text.matchAll(/(\w+) active/g)].map((match) => match[1]));
  assert.deepEqual(named, ['bob', 'eve', 'dan']);
  assert.deepEqual(
    all.map((text) => Number.parseInt(text, 10)),
    all.map((_, n) => n),
  );
});

test('the first document has version 0 also when watchers came in the same turn', async () => {
  const engine = await Engine.open({ settings: { lockSetSize: 1 } });
  // Something at work at the door, so that the others wait for it together.
  const before = engine.handle(publishText({ body: '<a/>' }));
  await Promise.all([
    before,
    engine.handle(watcherText('ann')),
    engine.handle(winfoText({ callId: 'other', from: 'sip:alice@example.com' })),
    engine.handle(watcherText('bob')),
    engine.handle(winfoText()),
    engine.handle(watcherText('eve')),
  ]);
  await engine.quiet();
  assert.equal(documents(engine)[0], '0 full ann active, bob active, eve active');
  assert.equal(engine.sent.find(({ callId }) => callId === 'w')?.cseq, 1);
});

test('after a NOTIFY that failed the next document is full: a part would leave a hole', async () => {
  const engine = await Engine.open();
  await engine.handle(winfoText());
  await engine.quiet();
  engine.answering = false;
  await engine.handle(watcherText('bob'));
  await engine.quiet();
  for (const notify of engine.sent) notify.answer(notify.callId === 'w' ? 500 : 200);
  engine.answering = true;
  await engine.pass(6);
  await engine.handle(watcherText('eve'));
  await engine.quiet();
  assert.deepEqual(documents(engine), ['0 full', '1 partial bob active', '2 full bob active', '3 partial eve active']);
});

test('without force_active watcherinfo is for the presentity itself, and for whom the script says it is', async () => {
  const engine = await Engine.open({ settings: { forceActive: false } });
  for (const expires of [600, 0]) {
    const { status, toTag } = await engine.handle(winfoText({ from: 'sip:carol@example.com', expires }));
    assert.deepEqual([status, toTag], [403, undefined]);
  }
  await engine.quiet();
  assert.equal(engine.sent.length, 0);
  await engine.handle(watcherText('bob'));
  const { status } = await engine.handle(winfoText({ from: 'sip:carol@example.com' }), 'sip:alice@EXAMPLE.com:5061');
  assert.equal(status, 200);
  await engine.handle(winfoText({ from: 'sips:alice@Example.com', callId: 'w2' }));
  await engine.quiet();
  await engine.handle(watcherText('dan'));
  await engine.quiet();
  assert.deepEqual(documents(engine), ['0 full bob pending', '1 partial dan pending']);
  assert.equal(engine.sent.filter(({ callId, state }) => callId === 'w2' && state.startsWith('active')).length, 2);
});

test('a fetch of watcherinfo is one full document of version 0 in a NOTIFY that ends it', async () => {
  const engine = await Engine.open();
  await engine.handle(watcherText('bob'));
  await engine.handle(winfoText({ expires: 0 }));
  await engine.quiet();
  assert.deepEqual(documents(engine), ['0 full bob active']);
  assert.equal(engine.sent.find(({ callId }) => callId === 'w')?.state, 'terminated;reason=timeout');
  await engine.handle(watcherText('eve'));
  await engine.quiet();
  assert.equal(documents(engine).length, 1);
});

test('when the format is gone NOTIFYs have no body, and the count goes on when it is back', async () => {
  const engine = await Engine.open();
  await engine.handle(winfoText());
  await engine.quiet();
  const [[type, format] = []] = [...engine.watcherinfo];
  assert.ok(type && format);
  engine.watcherinfo.delete(type);
  await engine.handle(watcherText('bob'));
  await engine.quiet();
  assert.equal(engine.sent.filter(({ callId, body }) => callId === 'w' && body === '').length, 1);
  engine.watcherinfo.set(type, format);
  await engine.handle(watcherText('eve'));
  await engine.quiet();
  assert.deepEqual(documents(engine), ['0 full', '1 partial bob active, eve active']);
});

test('a format that throws costs one NOTIFY, not the engine', async () => {
  const engine = await Engine.open();
  await engine.handle(winfoText());
  await engine.quiet();
  const [[type, format] = []] = [...engine.watcherinfo];
  assert.ok(type && format);
  engine.watcherinfo.set(type, {
    ...format,
    render: () => {
      throw new Error('broken');
    },
  });
  await engine.handle(watcherText('bob'));
  await engine.quiet();
  engine.watcherinfo.set(type, format);
  await engine.pass(6);
  assert.equal(documents(engine).length, 2);
  assert.match(documents(engine)[1] ?? '', /full bob active/);
  assert.ok(engine.log.some(({ level, text }) => level === 'error' && text === 'a NOTIFY could not be made'));
});

test('a resource that left memory and came back goes on with a full document and a higher version', async () => {
  const engine = await Engine.open({ settings: { cacheSize: 16 } });
  await engine.handle(winfoText());
  await engine.handle(watcherText('bob'));
  await engine.quiet();
  await engine.presence.housekeeping();
  for (let n = 0; n < 50; n++) await engine.handle(publishText({ to: `sip:u${n}@h`, body: '<a/>' }));
  await engine.handle(watcherText('eve'));
  await engine.quiet();
  const all = documents(engine);
  assert.match(all.at(-1) ?? '', /^\d+ full bob active, eve active$/);
  const versions = all.map((text) => Number.parseInt(text, 10));
  assert.deepEqual(
    versions,
    [...new Set(versions)].sort((a, b) => a - b),
  );
});
