// Tests the states of a watcher (RFC 3857 §4.7.1) from outside: what the watcher is sent, what the presentity is told, what is stored.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPresentity } from '../support/phone';
import { ruledProcess } from '../support/ruled-process';
import { rule, ruleset } from '../support/ruled-server';
import { Owner, Watching } from '../support/watchers';

const here = ruledProcess([['presence', 'xcapauth_userdel_reason', 'probation;retry-after=90']]);

const bob = '<one id="sip:bob@example.com"/>';
const allow = ruleset(rule('a', 'allow', bob));
const day = 86_400;

const watch = (presentity: string, user: string, expires: number) =>
  Watching.start(here.phone, presentity, user, expires);
const ownerOf = (presentity: string) => Owner.start(here.alice, presentity);

/** Rows of table watchers about a presentity: who, and Kamailio's number of the status. */
function stored(presentity: string): string[] {
  const sql = 'SELECT watcher_username AS user, status FROM watchers WHERE presentity_uri = ? ORDER BY 1';
  const rows = here.ruled.rows((database) => database.prepare(sql).all(presentity)) as {
    user: string;
    status: number;
  }[];
  return rows.map(({ user, status }) => `${user} ${status}`);
}

test('pending, waiting when its time is over, pending again under the same id, approved, and ended by itself', async () => {
  const presentity = newPresentity();
  const owner = await ownerOf(presentity);
  const first = await watch(presentity, 'bob', 1);
  assert.equal(await first.told(), 'pending');
  const pending = await owner.document();
  assert.deepEqual(pending.told, ['sip:bob@example.com pending subscribe']);
  assert.deepEqual(stored(presentity), ['bob 2']);
  assert.equal(await first.told(), 'terminated;reason=timeout');
  const waiting = await owner.document();
  assert.deepEqual([waiting.state, ...waiting.told], ['full', 'sip:bob@example.com waiting timeout']);
  assert.deepEqual(stored(presentity), ['bob 4']);
  const again = await watch(presentity, 'bob', 300);
  assert.equal(await again.told(), 'pending');
  const second = await owner.document();
  assert.deepEqual(second.told, ['sip:bob@example.com pending subscribe']);
  const ids = [pending, waiting, second].map(({ watchers }) => watchers[0]?.id);
  assert.equal(new Set(ids).size, 1, 'the presentity sees one watcher all the time');
  await here.ruled.rule(presentity, allow);
  assert.equal(await again.told(), 'active');
  assert.equal(await owner.told(), 'partial, bob active approved');
  assert.deepEqual(stored(presentity), ['bob 1']);
  await again.refresh(0);
  assert.equal(await again.told(), 'terminated;reason=timeout');
  assert.equal(await owner.told(), 'full, bob terminated timeout');
  assert.deepEqual([owner.table.present, stored(presentity)], [[], []]);
});

test('a fetch by who may not see leaves him waiting; a decision ends the waiting: approved, rejected', async () => {
  for (const [handling, event] of [
    ['allow', 'approved'],
    ['block', 'rejected'],
  ] as const) {
    const presentity = newPresentity();
    const owner = await ownerOf(presentity);
    const fetch = await watch(presentity, 'bob', 0);
    assert.equal(await fetch.told(), 'terminated;reason=timeout');
    assert.equal(await owner.told(), 'partial, bob waiting timeout');
    await here.ruled.rule(presentity, ruleset(rule('a', handling, bob)));
    assert.equal(await owner.told(), `partial, bob terminated ${event}`);
    assert.deepEqual(stored(presentity), []);
  }
});

test('what active watchers are told when they lose their permission: deactivated, rejected, probation with its time', async () => {
  const presentity = newPresentity();
  const owner = await ownerOf(presentity);
  await here.ruled.rule(presentity, allow);
  for (const [rules, ending] of [
    [ruleset(rule('a', 'confirm', bob)), 'deactivated'],
    [ruleset(rule('a', 'block', bob)), 'rejected'],
    [ruleset(rule('a', 'allow', '<one id="sip:eve@example.com"/>')), 'probation;retry-after=90'],
    [undefined, 'probation;retry-after=90'],
  ] as const) {
    await here.ruled.rule(presentity, allow);
    const watching = await watch(presentity, 'bob', 300);
    assert.equal(await watching.told(), 'active');
    assert.equal(await owner.told(), 'partial, bob active subscribe');
    await here.ruled.rule(presentity, rules);
    assert.equal(await watching.told(), `terminated;reason=${ending}`);
    assert.equal(await owner.told(), `partial, bob terminated ${ending.split(';')[0]}`);
    assert.deepEqual([owner.table.present, stored(presentity)], [[], []]);
    assert.equal((await watching.refresh(300)).status, 481, 'it is over');
  }
});

test('who was refused once stays refused, and the presentity is told of the attempt', async () => {
  const presentity = newPresentity();
  const owner = await ownerOf(presentity);
  await here.ruled.rule(presentity, ruleset(rule('a', 'block', bob)));
  const watching = await watch(presentity, 'bob', 300);
  assert.equal(watching.reply.status, 202);
  assert.equal(await watching.told(), 'terminated;reason=rejected');
  assert.equal(await owner.told(), 'partial, bob terminated rejected');
});

test('an operator ends subscriptions by watcher or Call-ID, with the reason that he gives', async () => {
  const presentity = newPresentity();
  const owner = await ownerOf(presentity);
  await here.ruled.rule(
    presentity,
    ruleset(rule('a', 'allow', bob) + rule('b', 'confirm', '<one id="sip:eve@example.com"/>')),
  );
  const ended = async (watching: Watching, ...args: string[]) => {
    await watching.told();
    await owner.told();
    assert.match(await here.ruled.ctl('presence.terminate', presentity, ...args), /terminated +1/);
    const said = await watching.told();
    return [said.replace('terminated;reason=', ''), (await owner.told()).replace('full, ', '')];
  };
  const b = () => watch(presentity, 'bob', 300);
  const e = () => watch(presentity, 'eve', 300);
  assert.deepEqual(await ended(await b(), 'sip:bob@EXAMPLE.com'), ['deactivated', 'bob terminated deactivated']);
  const one = await b();
  assert.deepEqual(await ended(one, one.callId, 'presence', 'probation;retry-after=60'), [
    'probation;retry-after=60',
    'bob terminated probation',
  ]);
  assert.deepEqual(await ended(await e(), 'sip:eve@example.com', 'presence', 'giveup'), [
    'giveup',
    'eve terminated giveup',
  ]);
  assert.deepEqual(await ended(await b(), 'sip:bob@example.com', 'presence', 'noresource'), [
    'noresource',
    'bob terminated noresource',
  ]);
  assert.deepEqual([owner.table.present, stored(presentity)], [[], []]);
  for (const args of [['sip:nobody@h'], ['sip:bob@example.com', 'presence', 'because']]) {
    const { code, err } = await here.ruled.run('ctl', 'presence.terminate', presentity, ...args);
    assert.equal(code, 1);
    assert.match(err, /has no watcher sip:nobody@h|"because" is no reason[\s\S]*probation/);
  }
});

test('who waited for days is given up, who is pending for days is given up with his next refresh; over a restart', async () => {
  const waits = newPresentity();
  const pends = newPresentity();
  const owners = [await ownerOf(waits), await ownerOf(pends)] as const;
  const fetch = await watch(waits, 'bob', 0);
  assert.equal(await fetch.told(), 'terminated;reason=timeout');
  assert.equal(await owners[0].told(), 'partial, bob waiting timeout');
  const young = await watch(pends, 'bob', 3000);
  const old = await watch(pends, 'eve', 3000);
  for (const watching of [young, old]) assert.equal(await watching.told(), 'pending');
  assert.equal(await owners[1].told(), 'partial, bob pending subscribe');
  assert.equal(await owners[1].told(), 'partial, eve pending subscribe');
  // Three days pass for these rows of the database.
  await here.ruled.restart((database) => {
    for (const [sql, by, presentity] of [
      ['UPDATE watchers SET expires = expires - ? WHERE presentity_uri = ? AND status = 4', 3 * day - 1, waits],
      ['UPDATE presence_resource SET due_time = due_time - ? WHERE presentity_uri = ?', 3 * day - 1, waits],
      [
        "UPDATE active_watchers SET subscribed_time = subscribed_time - ? WHERE presentity_uri = ? AND watcher_username = 'eve'",
        3 * day,
        pends,
      ],
    ] as const) {
      assert.equal(database.prepare(sql).run(by, presentity).changes, 1, sql);
    }
  });
  // A process that did not see the last one tells the list in full.
  assert.equal(await owners[0].told(), 'full, bob terminated giveup');
  assert.deepEqual([owners[0].table.present, stored(waits)], [[], []]);
  assert.equal((await young.refresh(3000)).status, 202);
  assert.equal(await young.told(), 'pending');
  assert.equal((await old.refresh(3000)).status, 202);
  assert.equal(await old.told(), 'terminated;reason=giveup');
  assert.equal(await owners[1].told(), 'full, bob pending subscribe, eve terminated giveup');
  assert.deepEqual(stored(pends), ['bob 2']);
});
