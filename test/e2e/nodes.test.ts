// Tests two servers on one MariaDB: any of them takes any request, and a watcher is notified over the connection that one of them holds.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { Mariadb, mariadbMissing } from '../support/mariadb';
import { nodeSpec, RollcallProcess } from '../support/rollcall';
import { etagOf, SipUa, type UaDialog } from '../support/sip-ua';
import { pidf } from '../support/wire';

function assertRising({ callId, notifies }: UaDialog): void {
  const numbers = notifies.map(({ cseq }) => cseq);
  const rising = numbers.every((cseq, i) => i === 0 || cseq > (numbers[i - 1] ?? 0));
  assert.ok(rising, `${callId}: CSeqs ${numbers.join(' ')}`);
}

describe('two nodes on one database', { skip: mariadbMissing }, () => {
  let mariadb: Mariadb;
  let a: RollcallProcess;
  let b: RollcallProcess;
  const agents: SipUa[] = [];

  /** A user agent that speaks to one node. */
  const agent = async (transport: 'udp' | 'tcp', node: RollcallProcess, uri: string) => {
    const ua = await SipUa.open(transport, node.at(), uri);
    agents.push(ua);
    return ua;
  };

  before(async () => {
    mariadb = await Mariadb.start();
    const url = await mariadb.database();
    [a, b] = await Promise.all([RollcallProcess.start(nodeSpec(url, 3)), RollcallProcess.start(nodeSpec(url, 3))]);
  });
  afterEach(() => {
    for (const ua of agents.splice(0)) ua.close();
  });
  after(async () => {
    await Promise.all([a?.stop(), b?.stop()]);
    await mariadb.stop();
  });

  test('a publication and a dialog go on at the other node, and CSeqs rise whoever notifies', async () => {
    const presentity = 'sip:roams@localhost';
    const [atA, atB] = [await agent('udp', a, 'sip:bob@localhost'), await agent('udp', b, 'sip:bob@localhost')];
    const { response, dialog } = await atA.subscribe(presentity);
    assert.equal(response.status, 202);
    let etag: string | undefined;
    for (let round = 0; round < 6; round++) {
      const [here, there] = round % 2 === 0 ? [atA, atB] : [atB, atA];
      const published = await here.publish(presentity, {
        body: pidf(presentity, 'open', `round ${round}`),
        ...(etag === undefined ? {} : { etag }),
      });
      assert.equal(published.status, 200);
      etag = etagOf(published);
      await dialog.until(({ body }) => body.includes(`round ${round}`));
      // The dialog's next SUBSCRIBE comes to the other node, over the same socket of the watcher.
      assert.equal((await dialog.send(600, {}, there)).status, 202);
    }
    assert.equal((await dialog.send(0, {}, atB)).status, 202);
    await dialog.until(({ state }) => state === 'terminated');
    assertRising(dialog);
    assert.equal((await atA.publish(presentity, { etag: etag ?? '', expires: 0 })).status, 200);
  });

  test('a watcher on a connection of one node is notified of what is published at the other', async () => {
    const presentity = 'sip:far@localhost';
    const watcher = await agent('tcp', a, 'sip:bob@localhost');
    const publisher = await agent('udp', b, presentity);
    const { dialog } = await watcher.subscribe(presentity);
    await dialog.next();
    // What node A has told is settled by now, so that B notifies.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.equal((await publisher.publish(presentity, { body: pidf(presentity, 'open', 'from B') })).status, 200);
    const notify = await dialog.until(({ body }) => body.includes('from B'));
    const vias = notify.request.headers.via;
    assert.equal(vias.length, 2, 'it came through a node');
    assert.equal(vias[1]?.port, b.port);
    assert.equal(notify.request.headers.route, undefined, 'the route ends at the node that holds the connection');
    assertRising(dialog);
  });

  test('a watcher behind NAT, over UDP, is notified from the socket that it knows', async () => {
    const presentity = 'sip:natted@localhost';
    const watcher = await agent('udp', a, 'sip:bob@localhost');
    const publisher = await agent('udp', b, presentity);
    const contact = [{ uri: 'sip:bob@10.255.255.1:5060', params: {} }];
    const { dialog } = await watcher.subscribe(presentity, { headers: { contact } });
    await dialog.next();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.equal((await publisher.publish(presentity, { body: pidf(presentity, 'open', 'from B') })).status, 200);
    const { request } = await dialog.until(({ body }) => body.includes('from B'));
    assert.deepEqual(
      request.headers.via.map(({ port }) => port),
      [a.port, b.port],
    );
  });

  test('a refusal comes back through the node that holds the connection, with its Retry-After', async () => {
    const presentity = 'sip:busy@localhost';
    const watcher = await agent('tcp', a, 'sip:bob@localhost');
    const publisher = await agent('udp', b, presentity);
    const { dialog } = await watcher.subscribe(presentity);
    await dialog.next();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    let refused = 0;
    watcher.answer = () =>
      refused++ === 0
        ? { status: 503, reason: 'Service Unavailable', headers: { 'retry-after': '1' } }
        : { status: 200, reason: 'OK' };
    await publisher.publish(presentity, { body: pidf(presentity, 'open', 'at last') });
    await dialog.until(({ body }) => body.includes('at last'));
    await dialog.until(({ body }) => body.includes('at last'));
    assert.equal(refused, 2);
    assertRising(dialog);
  });

  test('when the connection has gone, the node that held it answers 430, and the subscription ends', async () => {
    const presentity = 'sip:lost@localhost';
    const watcher = await agent('tcp', a, 'sip:bob@localhost');
    const publisher = await agent('udp', b, presentity);
    const { dialog } = await watcher.subscribe(presentity);
    await dialog.next();
    watcher.close();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await publisher.publish(presentity, { body: pidf(presentity, 'open', 'nobody hears it') });
    await until(async () => {
      const rows = await mariadb.sql(`SELECT 1 FROM active_watchers WHERE presentity_uri = '${presentity}'`, 'test1');
      return rows.length === 0;
    });
    assert.match(b.log, /a watcher cannot be notified.*430|430.*a watcher cannot be notified/);
  });

  test('a NOTIFY with a route that no node has signed is for the script, and reaches nobody', async () => {
    const victim = await agent('tcp', a, 'sip:bob@localhost');
    const { dialog } = await victim.subscribe('sip:quiet@localhost');
    await dialog.next();
    const attacker = await agent('udp', a, 'sip:mallory@localhost');
    const key = `tcp:127.0.0.1:${a.port}>127.0.0.1:${victim.local.port}`;
    const token = Buffer.concat([Buffer.alloc(16, 1), Buffer.from(key)]).toString('base64url');
    const response = await attacker.client.request({
      method: 'NOTIFY',
      uri: 'sip:bob@127.0.0.1',
      headers: {
        from: { uri: 'sip:alice@localhost', params: { tag: 'x' } },
        to: { uri: 'sip:bob@localhost', params: { tag: 'y' } },
        'call-id': dialog.callId,
        cseq: { seq: 99, method: 'NOTIFY' },
        route: [{ uri: `sip:${token}@127.0.0.1:${a.port};transport=tcp;lr`, params: {} }],
      },
    });
    assert.equal(response.status, 405);
    assert.equal(dialog.notifies.length, 1);
  });

  test('what a node that was killed owed, the other one tells', async () => {
    const presentity = 'sip:owed@localhost';
    const atB = await agent('udp', b, 'sip:bob@localhost');
    const atA = await agent('udp', a, presentity);
    const { dialog } = await atB.subscribe(presentity);
    await dialog.next();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    // Node A gets no answer to its NOTIFY, and so owes it when it dies.
    atB.answer = () => undefined;
    await atA.publish(presentity, { body: pidf(presentity, 'open', 'owed') });
    await dialog.until(({ body }) => body.includes('owed'));
    await a.kill();
    atB.answer = () => ({ status: 200, reason: 'OK' });
    const told = await dialog.until(({ body }) => body.includes('owed'));
    assert.equal(told.request.headers.via[0]?.port, b.port);
    assertRising(dialog);
    await a.start();
  });
});

async function until(test: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await test()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('it did not happen');
}
