// Tests presence.winfo over real sockets: who is told of which watcher, in full or in part, under which version.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startRollcall, type TestServer } from '../support/rollcall';
import { SipUa } from '../support/sip-ua';
import { readWatcherinfo } from '../support/watcherinfo';
import { fresh } from '../support/wire';

for (const transport of ['udp', 'tcp'] as const) {
  describe(`presence.winfo over ${transport}`, () => {
    let server: TestServer;
    let alice: SipUa;
    let bob: SipUa;
    let carol: SipUa;

    before(async () => {
      server = await startRollcall();
      alice = await SipUa.open(transport, server.at(transport), 'sip:alice@localhost');
      bob = await SipUa.open(transport, server.at(transport), 'sip:bob@localhost');
      carol = await SipUa.open(transport, server.at(transport), 'sip:carol@localhost');
    });
    after(async () => {
      alice.close();
      bob.close();
      carol.close();
      await server.stop();
    });

    const newPresentity = () => `sip:${fresh('p')}@localhost`;
    const winfo = (presentity: string) => alice.subscribe(presentity, { event: 'presence.winfo', from: presentity });

    test('a new winfo subscription gets the full list: nobody, or all who watch', async () => {
      const presentity = newPresentity();
      const first = (await winfo(presentity)).dialog;
      const empty = await first.next();
      assert.equal(empty.contentType, 'application/watcherinfo+xml');
      assert.equal(empty.event, 'presence.winfo');
      assert.deepEqual(readWatcherinfo(empty.body), {
        version: 0,
        state: 'full',
        resource: presentity,
        package: 'presence',
        watchers: [],
      });

      await (await bob.subscribe(presentity)).dialog.next();
      await (await carol.subscribe(presentity)).dialog.next();
      const second = (await winfo(presentity)).dialog;
      const full = readWatcherinfo((await second.next()).body);
      assert.equal(full.state, 'full');
      assert.equal(full.version, 0);
      assert.deepEqual(full.watchers.map((w) => `${w.uri} ${w.status} ${w.event}`).sort(), [
        'sip:bob@localhost active subscribe',
        'sip:carol@localhost active subscribe',
      ]);
      assert.equal(new Set(full.watchers.map((w) => w.id)).size, 2);
      for (const { id } of full.watchers) assert.doesNotMatch(id, /bob|carol/);
    });

    test('a new watcher is told in part: only he is named, version one higher', async () => {
      const presentity = newPresentity();
      await (await bob.subscribe(presentity)).dialog.next();
      const { dialog } = await winfo(presentity);
      const before = readWatcherinfo((await dialog.next()).body);
      await (await carol.subscribe(presentity)).dialog.next();
      const partial = readWatcherinfo((await dialog.next()).body);
      assert.equal(partial.state, 'partial');
      assert.equal(partial.version, before.version + 1);
      assert.deepEqual(
        partial.watchers.map((w) => `${w.uri} ${w.status}`),
        ['sip:carol@localhost active'],
      );
      const later = readWatcherinfo((await (await winfo(presentity)).dialog.next()).body);
      assert.equal(
        later.watchers.find((w) => w.uri.includes('carol'))?.id,
        partial.watchers[0]?.id,
        'the id is stable',
      );
    });

    test('an unsubscribe is told in full, and a refresh is not told', async () => {
      const presentity = newPresentity();
      const watching = (await bob.subscribe(presentity)).dialog;
      await watching.next();
      await (await carol.subscribe(presentity)).dialog.next();
      const { dialog } = await winfo(presentity);
      const first = await dialog.next();
      await watching.send(120);
      await watching.next();
      await watching.send(0);
      await watching.next();
      const full = await dialog.next();
      assert.equal(full.cseq, first.cseq + 1);
      const document = readWatcherinfo(full.body);
      assert.equal(document.state, 'full');
      assert.equal(document.version, 1);
      const active = document.watchers.filter((w) => w.status === 'active').map((w) => w.uri);
      assert.deepEqual(active, ['sip:carol@localhost']);
      const ended = document.watchers.find((w) => w.status === 'terminated');
      if (ended !== undefined) assert.deepEqual([ended.uri, ended.event], ['sip:bob@localhost', 'timeout']);
    });

    test('a watcher whose subscription runs out is told like one who left', async () => {
      const presentity = newPresentity();
      const { dialog } = await winfo(presentity);
      await dialog.next();
      const watching = (await bob.subscribe(presentity, { expires: 1 })).dialog;
      await watching.next();
      assert.equal(readWatcherinfo((await dialog.next()).body).watchers[0]?.status, 'active');
      const last = readWatcherinfo((await dialog.next()).body);
      assert.equal(last.version, 2);
      assert.deepEqual(
        last.watchers.filter((w) => w.status === 'active'),
        [],
      );
    });

    test('refreshing and ending a winfo subscription send the full list', async () => {
      const presentity = newPresentity();
      await (await bob.subscribe(presentity)).dialog.next();
      const { dialog } = await winfo(presentity);
      await dialog.next();
      const refreshed = await dialog.send(300);
      assert.equal(refreshed.status, 200);
      const second = readWatcherinfo((await dialog.next()).body);
      assert.deepEqual([second.state, second.version, second.watchers.length], ['full', 1, 1]);
      await dialog.send(0);
      const last = await dialog.next();
      assert.equal(last.state, 'terminated');
    });

    test('an Accept for winfo has to admit watcherinfo', async () => {
      const { response } = await alice.subscribe(newPresentity(), {
        event: 'presence.winfo',
        accept: 'application/pidf+xml',
      });
      assert.equal(response.status, 406);
    });
  });
}

test('with force_active 0 and no rules a watcher is pending: NOTIFYs without body, and winfo says so', async () => {
  const server = await startRollcall({ modparam: [['presence', 'force_active', 0]] });
  const alice = await SipUa.open('udp', server.at('udp'), 'sip:alice@localhost');
  const bob = await SipUa.open('udp', server.at('udp'), 'sip:bob@localhost');
  const { dialog } = await bob.subscribe('sip:alice@localhost', { expires: 300 });
  const notify = await dialog.next();
  assert.equal(notify.state, 'pending');
  assert.match(notify.stateParams, /expires=(300|299)\b/);
  assert.equal(notify.body, '');
  assert.equal(notify.contentType, undefined);
  const { dialog: watchers } = await alice.subscribe('sip:alice@localhost', { event: 'presence.winfo' });
  const list = await watchers.next();
  assert.equal(list.state, 'active', 'the list of watchers is the presentity’s own');
  assert.deepEqual(
    readWatcherinfo(list.body).watchers.map((w) => `${w.uri} ${w.status}`),
    ['sip:bob@localhost pending'],
  );
  await dialog.send(0);
  const last = await dialog.next();
  assert.equal(last.state, 'terminated');
  assert.equal(last.body, '');
  alice.close();
  bob.close();
  await server.stop();
});
