// Tests that a restart goes unnoticed: publications, subscriptions, pending states, versions and CSeqs go on where they were.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RollcallProcess } from '../support/rollcall';
import { etagOf, SipUa } from '../support/sip-ua';
import { pidf } from '../support/wire';

const uri = 'sip:alice@localhost';
const versionOf = (body: string) => Number(/version="(\d+)"/.exec(body.replace(/^<\?xml[^>]*>/, ''))?.[1]);

for (const how of ['SIGTERM', 'SIGKILL'] as const) {
  const restart = async (server: RollcallProcess) => {
    if (how === 'SIGTERM') assert.equal(await server.terminate(), 0);
    else await server.kill();
    await server.start();
  };

  test(`after ${how} an entity-tag still holds, and the watchers of before are told in their dialogs`, async () => {
    const server = await RollcallProcess.start({ db: 'sqlite', core: { log_level: 'error' } });
    const ua = await SipUa.open('udp', server.at(), 'sip:bob@localhost');
    const published = await ua.publish(uri, { body: pidf(uri, 'open', 'before') });
    const { dialog } = await ua.subscribe(uri, { event: 'presence;id=9' });
    const before = await dialog.next();
    await restart(server);
    const modified = await ua.publish(uri, { body: pidf(uri, 'open', 'after'), etag: etagOf(published) });
    assert.equal(modified.status, 200);
    const after = await dialog.until((notify) => notify.body.includes('after'));
    assert.ok(after.cseq > before.cseq);
    assert.equal(after.request.headers.from.params.tag, dialog.remoteTag);
    assert.equal(after.event.replaceAll(' ', ''), 'presence;id=9');
    assert.equal(after.uri, before.uri);
    const refreshed = await dialog.send(120);
    assert.equal(refreshed.status, 202);
    assert.equal((await dialog.send(0)).status, 202);
    assert.equal((await dialog.until((notify) => notify.state === 'terminated')).stateParams, 'reason=timeout');
    ua.close();
    await server.stop();
  });

  test(`after ${how} a winfo subscription goes on: versions rise, ids stay`, async () => {
    const server = await RollcallProcess.start({ db: 'sqlite', core: { log_level: 'error' } });
    const alice = await SipUa.open('udp', server.at(), uri);
    const bob = await SipUa.open('udp', server.at(), 'sip:bob@localhost');
    const { dialog: winfo } = await alice.subscribe(uri, { event: 'presence.winfo' });
    await winfo.next();
    const { dialog: bobs } = await bob.subscribe(uri);
    await bobs.next();
    const partial = await winfo.next();
    const id = /\bid="([^"]+)"/.exec(partial.body)?.[1];
    await restart(server);
    const carol = await bob.subscribe(uri, { from: 'sip:carol@localhost' });
    assert.equal(carol.response.status, 202);
    const later = await winfo.until((notify) => notify.body.includes('sip:carol@'));
    assert.ok(versionOf(later.body) > versionOf(partial.body), `${versionOf(partial.body)}, ${versionOf(later.body)}`);
    assert.ok(later.cseq > partial.cseq);
    await winfo.send(300);
    const full = await winfo.until((notify) => notify.body.includes('state="full"'));
    assert.ok(full.body.includes(`id="${id}"`), 'the watcher of before has his id');
    alice.close();
    bob.close();
    await server.stop();
  });

  test(`after ${how} a pending subscription is pending`, async () => {
    const spec = { db: 'sqlite', modparam: [['presence', 'force_active', 0]], core: { log_level: 'error' } } as const;
    const server = await RollcallProcess.start(spec);
    const bob = await SipUa.open('udp', server.at(), 'sip:bob@localhost');
    const { dialog } = await bob.subscribe(uri);
    const before = await dialog.next();
    assert.equal(before.state, 'pending');
    await restart(server);
    assert.equal((await bob.publish(uri, { body: pidf(uri, 'open', 'secret') })).status, 200);
    await dialog.send(300);
    const after = await dialog.next();
    assert.equal(after.state, 'pending');
    assert.equal(after.body, '');
    assert.ok(after.cseq > before.cseq);
    bob.close();
    await server.stop();
  });
}
