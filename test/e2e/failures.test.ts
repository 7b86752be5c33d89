// Tests what happens when something around the server fails: the database is locked, a connection drops, many watch.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { headerText } from '../../core/cli/sip-client';
import { RawPeer } from '../support/raw-peer';
import { RollcallProcess, startRollcall } from '../support/rollcall';
import { etagOf, SipUa } from '../support/sip-ua';
import { fresh, pidf } from '../support/wire';

test('while the database cannot be written, requests get 503 with Retry-After and nothing is half done', async () => {
  const server = await RollcallProcess.start({
    db: 'sqlite',
    modparam: [['db_sqlite', 'busy_timeout', 100]],
    core: { log_level: 'fatal' },
  });
  const ua = await SipUa.open('udp', server.at(), 'sip:bob@localhost');
  const alice = 'sip:alice@localhost';
  const first = await ua.publish(alice, { body: pidf(alice, 'open', 'before') });
  const { dialog } = await ua.subscribe(alice);
  const before = await dialog.next();

  const other = new Sqlite(join(server.scratch.folder, 'rollcall.db'));
  other.exec('BEGIN IMMEDIATE');
  const refused = [
    await ua.publish(alice, { etag: etagOf(first), body: pidf(alice, 'open', 'lost') }),
    await ua.publish('sip:carol@localhost', { body: pidf('sip:carol@localhost', 'open') }),
    (await ua.subscribe(alice)).response,
    await dialog.send(300),
  ];
  for (const response of refused) {
    assert.equal(response.status, 503);
    assert.match(headerText(response, 'retry-after') ?? '', /^\d+$/);
  }
  other.exec('ROLLBACK');
  other.close();

  const modify = () => ua.publish(alice, { etag: etagOf(first), body: pidf(alice, 'open', 'after') });
  let modified = await modify();
  for (let tries = 0; tries < 50 && modified.status === 503; tries++) modified = await modify();
  assert.equal(modified.status, 200, 'the entity-tag of before still holds');
  const next = await dialog.next();
  assert.match(next.body, /after/);
  assert.ok(next.cseq > before.cseq);
  ua.close();
  await server.stop();
});

test('a watcher whose connection has gone is dropped when nobody can reach him, and winfo says so', async () => {
  const server = await startRollcall({ core: { log_level: 'fatal', sip_t1: 20, sip_t2: 80 } });
  const alice = await SipUa.open('udp', server.at('udp'), 'sip:alice@localhost');
  const uri = 'sip:alice@localhost';
  const { dialog: winfo } = await alice.subscribe(uri, { event: 'presence.winfo' });
  await winfo.next();
  const browser = await RawPeer.open('tcp', server.at('tcp'));
  const callId = fresh('browser');
  const headers = ['Event: presence', 'Contact: <sip:x@y.invalid;transport=tcp>'];
  await browser.ask({ method: 'SUBSCRIBE', uri, callId, from: '<sip:bob@localhost>;tag=b', headers });
  await browser.notify(callId);
  assert.match((await winfo.next()).body, /status="active"/);
  browser.close();
  await alice.publish(uri, { body: pidf(uri, 'open') });
  const { body } = await winfo.next();
  assert.doesNotMatch(body, /status="active"/);
  alice.close();
  await server.stop();
});

test('a thousand watchers of one presentity all get the last state, and others are served meanwhile', async () => {
  const server = await startRollcall({ modparam: [['presence', 'max_subscriptions', 2000]] });
  const uri = 'sip:popular@localhost';
  const crowd = await RawPeer.open('udp', server.at('udp'));
  const alice = await SipUa.open('udp', server.at('udp'), uri);
  const callIds = Array.from({ length: 1000 }, () => fresh('crowd'));
  for (let at = 0; at < callIds.length; at += 50) {
    const asked = callIds
      .slice(at, at + 50)
      .map((callId) =>
        crowd.ask({ method: 'SUBSCRIBE', uri, callId, headers: ['Event: presence', `Contact: ${crowd.contact()}`] }),
      );
    for (const reply of await Promise.all(asked)) assert.equal(reply.status, 202);
  }
  const last = new Map<string, number>();
  const done = new Promise<void>((resolve) => {
    crowd.answer = (request) => {
      const callId = request.callId ?? '';
      assert.ok(request.cseq >= (last.get(callId) ?? 0), 'a CSeq went back');
      if (request.body.includes('final')) {
        last.set(callId, request.cseq);
        if (last.size === callIds.length) resolve();
      }
      return '200 OK';
    };
  });
  let etag = etagOf(await alice.publish(uri, { body: pidf(uri, 'open', 'one') }));
  const other = await alice.publish('sip:someone@localhost', { body: pidf('sip:someone@localhost', 'open') });
  assert.equal(other.status, 200);
  for (const note of ['two', 'final']) {
    etag = etagOf(await alice.publish(uri, { etag, body: pidf(uri, 'open', note) }));
  }
  await done;
  crowd.close();
  alice.close();
  await server.stop();
});
