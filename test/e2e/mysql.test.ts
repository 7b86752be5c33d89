// Tests presence over a real MariaDB: publish, subscribe and notify, a kill -9 of either side, and a database that is away for a while.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Mariadb, mariadbMissing } from '../support/mariadb';
import { RollcallProcess } from '../support/rollcall';
import { etagOf, SipUa } from '../support/sip-ua';
import { pidf } from '../support/wire';

describe('presence over MySQL', { skip: mariadbMissing }, () => {
  const presentity = 'sip:alice@localhost';
  let mariadb: Mariadb;
  let url: string;
  let server: RollcallProcess;
  let ua: SipUa;

  before(async () => {
    mariadb = await Mariadb.start();
    url = await mariadb.database();
    server = await RollcallProcess.start({ modparam: [['presence', 'db_url', url]], loadmodule: ['db_mysql'] });
    ua = await SipUa.open('udp', server.at(), 'sip:bob@localhost');
  });
  after(async () => {
    ua.close();
    await server.stop();
    await mariadb.stop();
  });

  test('a watcher sees what is published, changed and removed, over a kill -9 of the server and one of the database', async () => {
    const body = (note: string) => pidf(presentity, 'open', note);
    const first = await ua.publish(presentity, { body: body('first') });
    assert.equal(first.status, 200);
    const { response, dialog } = await ua.subscribe(presentity);
    assert.equal(response.status, 202);
    await dialog.until((notify) => notify.body.includes('first'));

    await server.kill();
    await server.start();
    const second = await ua.publish(presentity, { etag: etagOf(first), body: body('second') });
    assert.equal(second.status, 200);
    await dialog.until((notify) => notify.body.includes('second'));

    await mariadb.kill();
    const refused = await ua.publish(presentity, { etag: etagOf(second), body: body('lost') });
    assert.equal(refused.status, 503);
    assert.match(String(refused.headers['retry-after']), /^\d+$/);
    await mariadb.start();
    const third = await patiently(() => ua.publish(presentity, { etag: etagOf(second), body: body('third') }));
    assert.equal(third.status, 200);
    await dialog.until((notify) => notify.body.includes('third'));

    assert.equal((await dialog.send(600)).status, 202);
    const removed = await ua.publish(presentity, { etag: etagOf(third), expires: 0 });
    assert.equal(removed.status, 200);
    const last = await dialog.until((notify) => notify.body.includes('closed'));
    assert.ok(!last.body.includes('third'));

    const numbers = dialog.notifies.map((notify) => notify.cseq);
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
      'CSeqs rise and none comes twice',
    );
    assert.ok(!server.log.includes('p@ss'), 'the password is in no line of the log');
  });

  test('read-only, a locked row, killed connections: 503 with Retry-After at worst, then it goes on without a restart', async () => {
    const name = new URL(url).pathname.slice(1);
    // Nobody who may write all the same.
    await mariadb.sql(`CREATE USER plain@'127.0.0.1' IDENTIFIED BY 'x'; GRANT ALL ON ${name}.* TO plain@'127.0.0.1'`);
    const plain = await RollcallProcess.start({
      modparam: [['presence', 'db_url', url.replace(/\/\/.*@/, '//plain:x@')]],
      loadmodule: ['db_mysql'],
    });
    const watcher = await SipUa.open('udp', plain.at(), 'sip:bob@localhost');
    const address = 'sip:dave@localhost';
    const publish = (note: string) => watcher.publish(address, { body: pidf(address, 'open', note) });
    const { dialog } = await watcher.subscribe(address);
    await dialog.next();

    await mariadb.sql('SET GLOBAL read_only = 1');
    for (const refused of [await publish('in vain'), await dialog.send(600)]) {
      assert.equal(refused.status, 503);
      assert.match(String(refused.headers['retry-after']), /^\d+$/);
    }
    await mariadb.sql('SET GLOBAL read_only = 0');
    assert.equal((await patiently(() => publish('writable'))).status, 200);
    await dialog.until(({ body }) => body.includes('writable'));

    const somebody = await mariadb.connect(name);
    await somebody.query(
      `START TRANSACTION; SELECT * FROM presence_resource WHERE presentity_uri = '${address}' FOR UPDATE`,
    );
    assert.equal((await publish('locked out')).status, 503);
    await somebody.end();
    assert.equal((await patiently(() => publish('unlocked'))).status, 200);
    await dialog.until(({ body }) => body.includes('unlocked'));

    const ids = await mariadb.sql("SELECT id FROM information_schema.processlist WHERE user = 'plain'");
    for (const [id] of ids) await mariadb.sql(`KILL ${id}`);
    // A COMMIT that was under way when its connection was killed is answered 503: nobody knows whether it is stored.
    assert.equal((await patiently(() => publish('connected again'))).status, 200);
    await dialog.until(({ body }) => body.includes('connected again'));
    assert.equal((await dialog.send(600)).status, 202);
    watcher.close();
    await plain.stop();
  });

  test('operators find the rows under the names that Kamailio gives them', async () => {
    const { dialog } = await ua.subscribe('sip:carol@localhost');
    await dialog.next();
    const published = await ua.publish('sip:carol@localhost', { body: pidf('sip:carol@localhost', 'open') });
    const name = new URL(url).pathname.slice(1);
    const rows = await mariadb.sql(
      "SELECT domain, event, etag, body LIKE '%open%' FROM presentity WHERE username = 'carol'",
      name,
    );
    assert.deepEqual(rows, [['localhost', 'presence', etagOf(published), 1]]);
    const watchers = await mariadb.sql(
      "SELECT watcher_username, to_user, event, callid FROM active_watchers WHERE presentity_uri = 'sip:carol@localhost'",
      name,
    );
    assert.deepEqual(watchers, [['bob', 'carol', 'presence', dialog.callId]]);
  });
});

/** Asks again while the answer is 503: what a client does that was told so. */
async function patiently<T extends { status: number }>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const response = await ask();
    if (response.status !== 503) return response;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
