// Tests a take-over: a real Kamailio serves, stops, its database is imported, and Rollcall goes on in its place at the same address.
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { headerText } from '../../core/cli/sip-client';
import { CliTree, complaints } from '../support/cli';
import { Kamailio, type KamailioOptions, kamailioMissing } from '../support/kamailio';
import { Mariadb, mariadbMissing } from '../support/mariadb';
import { freePort } from '../support/ports';
import { RollcallProcess } from '../support/rollcall';
import type { ServerSpec } from '../support/scratch';
import { etagOf, type Notify, SipUa, type UaDialog } from '../support/sip-ua';
import { pidf } from '../support/wire';

const alice = 'sip:alice@localhost';
const rules = `<?xml version="1.0" encoding="UTF-8"?>
<cr:ruleset xmlns="urn:ietf:params:xml:ns:pres-rules" xmlns:pr="urn:ietf:params:xml:ns:pres-rules" xmlns:cr="urn:ietf:params:xml:ns:common-policy">
<cr:rule id="friends"><cr:conditions><cr:identity><cr:one id="sip:bob@localhost"/></cr:identity></cr:conditions>
<cr:actions><pr:sub-handling>allow</pr:sub-handling></cr:actions>
<cr:transformations><pr:provide-services><pr:all-services/></pr:provide-services><pr:provide-persons><pr:all-persons/></pr:provide-persons>
<pr:provide-all-attributes/></cr:transformations></cr:rule>
<cr:rule id="strangers"><cr:conditions><cr:identity><cr:one id="sip:erin@localhost"/></cr:identity></cr:conditions>
<cr:actions><pr:sub-handling>confirm</pr:sub-handling></cr:actions><cr:transformations/></cr:rule></cr:ruleset>`;

describe('a Kamailio is taken over', { skip: mariadbMissing || kamailioMissing }, () => {
  const cli = new CliTree();
  let mariadb: Mariadb;

  before(async () => {
    mariadb = await Mariadb.start();
  });
  after(async () => {
    cli.remove();
    await mariadb.stop();
  });

  for (const mode of ['write-back', 'write-through', 'database'] as const) {
    test(`${mode}: dialogs go on with higher CSeqs, the publication with its old entity-tag`, async (t) => {
      const port = await freePort();
      const { ua, kamailio } = await kamailioAt(t, mariadb, { port, mode });
      let etag = etagOf(await ua.publish(alice, { body: pidf(alice, 'open', 'at Kamailio') }));
      const { dialog: bob } = await ua.subscribe(alice, { headers: { 'user-agent': 'lamp/1' } });
      const { dialog: winfo } = await ua.subscribe(alice, { event: 'presence.winfo', from: alice });
      const route = `<sip:127.0.0.1:${ua.local.port};lr>, <sip:proxy.localhost;lr>`;
      const { dialog: routed } = await ua.subscribe(alice, {
        from: 'sip:dan@localhost',
        headers: { 'record-route': route },
      });
      for (const note of ['one', 'two']) {
        etag = etagOf(await ua.publish(alice, { etag, body: pidf(alice, 'open', note) }));
        await bob.until((notify) => notify.body.includes(note));
      }
      await routed.until((notify) => notify.body.includes('two'));
      await winfo.until((notify) => notify.body.includes('dan'));
      const [bobsLast, dansLast] = [lastOf(bob), lastOf(routed)];
      await stop(kamailio, mariadb, etag);
      const until = [bob, winfo, routed].map((dialog) => [dialog, dialog.notifies.length] as const);

      const to = await mariadb.database();
      const imported = await cli.run(['db', 'import', '--from', kamailio.url, '--to', to]);
      assert.deepEqual([imported.code, complaints(imported)], [0, '']);
      assert.match(imported.out, /^presentity: 1 rows read, 1 taken, 0 taken before, 0 refused$/m);
      assert.match(imported.out, /^active_watchers: 3 rows read, 3 taken, 0 taken before, 0 refused$/m);

      await rollcallAt(t, port, to, 1);
      etag = etagOf(await ua.publish(alice, { etag }));
      etag = etagOf(await ua.publish(alice, { etag, body: pidf(alice, 'open', 'at Rollcall') }));
      const told = await bob.until((notify) => notify.body.includes('at Rollcall'));
      assert.ok(told.cseq > bobsLast.cseq, `${told.cseq} is above Kamailio's ${bobsLast.cseq}`);
      const along = await routed.until((notify) => notify.body.includes('at Rollcall'));
      assert.equal(headerText(along.request, 'route'), headerText(dansLast.request, 'route'));

      const refreshed = await bob.send(600);
      assert.equal(refreshed.status, 202);
      const answer = await bob.until((notify) => notify.cseq > told.cseq);
      assert.equal(answer.state, 'active');

      const before = versionOf(lastOf(winfo));
      await ua.subscribe(alice, { from: 'sip:carol@localhost' });
      const watchers = await winfo.until((notify) => notify.body.includes('carol'));
      assert.equal(versionOf(watchers), before + 1, 'watcherinfo goes on where Kamailio was');

      const again = await cli.run(['db', 'import', '--from', kamailio.url, '--to', to]);
      assert.deepEqual([again.code, complaints(again)], [0, '']);
      assert.match(again.out, /^presentity: 1 rows read, 0 taken, 1 taken before, 0 refused$/m);
      assert.match(again.out, /^active_watchers: 3 rows read, 0 taken, 3 taken before, 0 refused$/m);

      assert.equal((await ua.publish(alice, { etag, expires: 0 })).status, 200);
      assert.equal((await routed.send(0)).status, 202);
      const last = await routed.until((notify) => notify.state === 'terminated');
      assert.equal(last.stateParams, 'reason=timeout');
      for (const [dialog, kamailios] of until) assertRising(dialog, kamailios);
    });
  }

  test('rules, and watchers who wait for the presentity’s word, come along', async (t) => {
    const port = await freePort();
    const { ua, kamailio } = await kamailioAt(t, mariadb, { port, forceActive: false });
    await mariadb.sql(
      `INSERT INTO xcap (username, domain, doc, doc_type, etag, source, doc_uri, port) VALUES ('alice', 'localhost', '${rules}',
       2, 'rules-1', 0, '/xcap-root/pres-rules/users/sip:alice@localhost/index', 0)`,
      kamailio.database,
    );
    const etag = etagOf(await ua.publish(alice, { body: pidf(alice, 'open', 'seen') }));
    const { dialog: bob } = await ua.subscribe(alice);
    await bob.until((notify) => notify.body.includes('seen'));
    const { dialog: erin } = await ua.subscribe(alice, { from: 'sip:erin@localhost' });
    assert.equal((await erin.next()).state, 'pending');
    await stop(kamailio, mariadb, etag);
    const until = [bob, erin].map((dialog) => [dialog, dialog.notifies.length] as const);

    const to = await mariadb.database();
    const { code, out } = await cli.run(['db', 'import', '--from', kamailio.url, '--to', to]);
    assert.equal(code, 0);
    assert.match(out, /^xcap: 1 rows read, 1 taken, 0 taken before, 0 refused$/m);
    assert.match(out, /^watchers: 2 rows read, 1 taken, 0 taken before, 1 refused$/m);
    assert.match(
      out,
      / 1 refused: the rules had decided on the watcher, and are asked anew \(first sip:alice@localhost, row \d\)/,
    );

    await rollcallAt(t, port, to, 0);
    assert.equal((await ua.publish(alice, { etag, body: pidf(alice, 'open', 'changed') })).status, 200);
    await bob.until((notify) => notify.body.includes('changed'));
    const seen = erin.notifies.length;
    assert.equal((await erin.send(600)).status, 202);
    const told = await erin.next();
    assert.deepEqual([told.state, told.body], ['pending', '']);
    assert.equal(erin.notifies.length, seen + 1, 'who waits is told of no change');
    for (const [dialog, kamailios] of until) assertRising(dialog, kamailios);
  });

  test('a rehearsal beside the running Kamailio, and what changed there until it stops, leave each record once', async (t) => {
    const port = await freePort();
    const { ua, kamailio } = await kamailioAt(t, mariadb, { port, mode: 'database' });
    const first = etagOf(await ua.publish(alice, { body: pidf(alice, 'open', 'early') }));
    const { dialog } = await ua.subscribe(alice);
    await dialog.until((notify) => notify.body.includes('early'));
    const to = await mariadb.database();
    const importNow = () => cli.run(['db', 'import', '--from', kamailio.url, '--to', to]);
    assert.match((await importNow()).out, /^presentity: 1 rows read, 1 taken/m);

    const second = etagOf(await ua.publish(alice, { etag: first, body: pidf(alice, 'open', 'late') }));
    await dialog.until((notify) => notify.body.includes('late'));
    const kept = etagOf(await ua.publish(alice, { body: pidf(alice, 'open', 'a second phone') }));
    await stop(kamailio, mariadb, kept);
    const kamailios = dialog.notifies.length;
    const { out } = await importNow();
    assert.match(out, /^presentity: 2 rows read, 2 taken, 0 taken before, 0 refused$/m);
    assert.match(out, /^active_watchers: 1 rows read, 1 taken, 0 taken before, 0 refused$/m);
    const name = new URL(to).pathname.slice(1);
    const etags = await mariadb.sql('SELECT etag FROM presentity ORDER BY id', name);
    assert.deepEqual(etags, [[second], [kept]]);

    await rollcallAt(t, port, to, 1);
    assert.equal((await ua.publish(alice, { etag: kept, expires: 0 })).status, 200);
    assert.equal((await dialog.send(0)).status, 202);
    // What has ended here does not come back.
    const { out: last } = await importNow();
    assert.match(last, /^presentity: 2 rows read, 0 taken, 2 taken before, 0 refused$/m);
    assert.deepEqual(await mariadb.sql('SELECT etag FROM presentity', name), [[second]]);
    assert.deepEqual(await mariadb.sql('SELECT callid FROM active_watchers', name), []);
    assertRising(dialog, kamailios);
  });
});

async function kamailioAt(
  t: TestContext,
  mariadb: Mariadb,
  options: KamailioOptions,
): Promise<{ ua: SipUa; kamailio: Kamailio }> {
  const kamailio = await Kamailio.start(mariadb, options);
  t.after(() => kamailio.stop());
  const ua = await SipUa.open('udp', { address: '127.0.0.1', port: options.port }, 'sip:bob@localhost');
  t.after(() => ua.close());
  return { ua, kamailio };
}

/** Kamailio answers a PUBLISH, and notifies of it, before it stores it. */
async function stop(kamailio: Kamailio, mariadb: Mariadb, etag: string): Promise<void> {
  const query = `SELECT 1 FROM presentity WHERE etag = '${etag}'`;
  while ((await mariadb.sql(query, kamailio.database)).length === 0) await setTimeout(20);
  await kamailio.stop();
}

async function rollcallAt(t: TestContext, port: number, url: string, forceActive: 0 | 1): Promise<void> {
  const modparam: ServerSpec['modparam'] = [
    ['presence', 'db_url', url],
    ['presence', 'force_active', forceActive],
  ];
  const server = await RollcallProcess.start({
    listen: [`udp:127.0.0.1:${port}`],
    loadmodule: ['db_mysql'],
    modparam,
  });
  t.after(() => server.stop());
}

function lastOf({ notifies }: UaDialog): Notify {
  const [first, ...others] = notifies;
  assert.ok(first, 'there was a NOTIFY');
  return others.reduce((last, notify) => (notify.cseq > last.cseq ? notify : last), first);
}

function versionOf(notify: Notify): number {
  return Number(/<watcherinfo[^>]* version="(\d+)"/.exec(notify.body)?.[1]);
}

/** From where Kamailio, whose NOTIFYs may overtake each other, has come. */
function assertRising(dialog: UaDialog, kamailios: number): void {
  const numbers = dialog.notifies.map((notify) => notify.cseq);
  const ours = numbers.slice(kamailios);
  assert.ok(ours.length > 0, 'there was a NOTIFY of Rollcall');
  const last = Math.max(...numbers.slice(0, kamailios));
  const rising = [...new Set(ours)].sort((a, b) => a - b).filter((number) => number > last);
  assert.deepEqual(ours, rising, `CSeqs rise above ${last}, and none comes twice`);
}
