// Tests watcherinfo from outside where Kamailio's goes wrong: times and names, ids that tell nothing, versions, events, long addresses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPresentity } from '../support/phone';
import { ruledProcess } from '../support/ruled-process';
import { rule, ruleset } from '../support/ruled-server';
import { WatcherTable } from '../support/watcherinfo';
import { Owner, Watching } from '../support/watchers';
import { pidf } from '../support/wire';

const here = ruledProcess();

const allow = ruleset(rule('a', 'allow', '<one id="sip:bob@example.com"/>'));

test('watcherinfo says for how long, until when, and under which name somebody watches', async () => {
  const presentity = newPresentity();
  await here.ruled.rule(presentity, allow);
  const watching = await Watching.start(
    here.phone,
    presentity,
    'bob',
    300,
    Buffer.from('"Bob \\"B\\" <& Söhne>" ').toString('latin1'),
  );
  assert.equal(await watching.told(), 'active');
  await here.ruled.restart((database) => {
    const back = database.prepare(
      'UPDATE active_watchers SET subscribed_time = subscribed_time - 1000 WHERE callid = ?',
    );
    assert.equal(back.run(watching.callId).changes, 1);
  });
  const { dialog } = await here.alice.subscribe(presentity, { event: 'presence.winfo', from: presentity });
  const table = new WatcherTable();
  const [entry] = table.take((await dialog.next()).body).watchers;
  assert.ok(entry?.durationSubscribed !== undefined && entry.expiration !== undefined);
  assert.ok(entry.durationSubscribed >= 1000 && entry.durationSubscribed < 1200, `${entry.durationSubscribed} s`);
  assert.ok(entry.expiration > 100 && entry.expiration <= 300, `${entry.expiration} s left`);
  assert.equal(entry.displayName, 'Bob &quot;B&quot; &lt;&amp; Söhne>');
  // Who has no name of his own has none; who waits has no time left, and keeps the name that he gave.
  await here.ruled.rule(presentity, undefined);
  table.take((await dialog.next()).body);
  await Watching.start(here.phone, presentity, 'carol', 0, 'Carol ');
  const [waiting] = table.take((await dialog.next()).body).watchers;
  const { id = '', ...rest } = waiting ?? {};
  assert.deepEqual(rest, {
    uri: 'sip:carol@example.com',
    status: 'waiting',
    event: 'timeout',
    displayName: 'Carol',
    durationSubscribed: 0,
  });
  assert.notEqual(id, '');
});

test('a fetch of the list, a refresh and an end of its subscription give all of it', async () => {
  const presentity = newPresentity();
  await here.ruled.rule(presentity, allow);
  await Watching.start(here.phone, presentity, 'bob', 300);
  await Watching.start(here.phone, presentity, 'eve', 300);
  const options = { event: 'presence.winfo', from: presentity };
  const fetch = (await here.alice.subscribe(presentity, { ...options, expires: 0 })).dialog;
  const only = await fetch.next();
  assert.equal(only.state, 'terminated');
  const { dialog } = await here.alice.subscribe(presentity, options);
  const table = new WatcherTable();
  const whole = ['full', 'sip:bob@example.com active subscribe'];
  const seen = ({ state, told }: ReturnType<WatcherTable['take']>) => [state, ...told];
  assert.deepEqual(seen(new WatcherTable().take(only.body)), whole, 'who was refused does not watch');
  assert.deepEqual(seen(table.take((await dialog.next()).body)), whole);
  await dialog.send(300);
  assert.deepEqual(seen(table.take((await dialog.next()).body)), whole);
  await dialog.send(0);
  assert.deepEqual(seen(table.take((await dialog.next()).body)), whole);
});

test('the id of a watcher tells nothing: no Call-ID, no tag, no address, in no encoding', async () => {
  const presentity = newPresentity();
  const owner = await Owner.start(here.alice, presentity);
  const watching = await Watching.start(here.phone, presentity, 'bob', 300);
  await watching.told();
  const [pending] = (await owner.document()).watchers;
  await watching.refresh(0);
  const [waiting] = (await owner.document()).watchers;
  assert.equal(pending?.id, waiting?.id);
  for (const secret of [watching.callId, 'bob', 'sip:bob@example.com', watching.reply.tag('To') ?? '']) {
    for (const encoding of ['latin1', 'base64', 'base64url', 'hex'] as const) {
      const text = Buffer.from(secret).toString(encoding).replace(/=+$/, '');
      assert.equal(pending?.id.includes(text), false, `${pending?.id} has ${secret} in ${encoding}`);
    }
  }
});

test('the longest watcher that is taken stands whole in the list, a longer one is refused and spoils nothing', async () => {
  const presentity = newPresentity();
  const owner = await Owner.start(here.alice, presentity);
  const user = 'u'.repeat(64);
  const longest = await Watching.start(here.phone, presentity, user, 300);
  assert.equal(await longest.told(), 'pending');
  assert.deepEqual((await owner.document()).told, [`sip:${user}@example.com pending subscribe`]);
  const { reply } = await here.phone.watch(presentity, [], { from: `<sip:${'u'.repeat(300)}@example.com>;tag=x` });
  assert.equal(reply.status, 400);
  const next = await Watching.start(here.phone, presentity, 'bob', 300);
  assert.equal(await next.told(), 'pending');
  assert.equal(await owner.told(), 'partial, bob pending subscribe');
});

test('Kamailio’s commands take Kamailio’s arguments', async () => {
  const presentity = newPresentity();
  await here.alice.publish(presentity, { body: pidf(presentity, 'open') });
  await here.ruled.rule(presentity, allow);
  const watching = await Watching.start(here.phone, presentity, 'bob', 300);
  assert.equal(await watching.told(), 'active');
  for (const type of [['0'], ['1'], ['2', 'pidf-manipulation/users/sip:a@h/index', 'index']]) {
    await here.ruled.ctl('presence.refreshWatchers', presentity, 'presence', ...type);
    assert.equal(await watching.told(), 'active');
  }
  await here.ruled.ctl('presence.cleanup');
});
