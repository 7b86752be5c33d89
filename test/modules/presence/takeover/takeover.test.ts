// Tests what a take-over makes of each kind of row: taken with everything that counts, or refused with its reason.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { cseqCeiling, documentCeiling } from '../../../../modules/presence/resource';
import { cseqJump } from '../../../../modules/presence/takeover/records';
import { days, Importing } from './importing';
import { now } from './old-server';

let importing: Importing;
beforeEach(() => {
  importing = new Importing();
});
afterEach(() => importing.close());

test('a dialog of Kamailio’s goes on where it was, with a CSeq far above', async () => {
  importing.old.add('active_watchers', {
    event: 'presence.winfo',
    record_route: '<sip:192.0.2.9;lr>, <sip:192.0.2.8;lr>',
    from_user: 'robert',
    from_domain: 'example.net',
    user_agent: 'lamp',
  });
  const { tallies } = await importing.run();
  assert.deepEqual(tallies.active_watchers, [1, 1, 0]);
  const resource = await importing.loaded();
  assert.equal(resource.dueNoted, now + 900, 'its end is found by a search');
  const [taken] = resource.subscriptions.values();
  assert.ok(taken);
  assert.equal(cseqCeiling(resource, taken), 5 + cseqJump);
  assert.equal(documentCeiling(resource, taken), 4, 'the next document is number 4: 3 was the last');
  const { watcherId: _, ...rest } = taken;
  assert.deepEqual(rest, {
    id: 'call-1 ours theirs',
    callId: 'call-1',
    toTag: 'ours',
    fromTag: 'theirs',
    winfo: true,
    eventId: undefined,
    localCseq: 5 + cseqJump,
    remoteCseq: 2,
    contact: 'sip:bob@192.0.2.7:5070',
    routes: '<sip:192.0.2.9;lr>, <sip:192.0.2.8;lr>',
    flowRoute: '',
    expires: now + 900,
    status: 'active',
    reason: '',
    version: 4,
    socket: 'udp:192.0.2.1:5060',
    localContact: '<sip:192.0.2.1:5060>',
    userAgent: 'lamp',
    fanoutsAt: 0,
    localUri: 'sip:alice@example.org',
    remoteUri: 'sip:robert@example.net',
    displayName: '',
    source: '',
    contentType: 'application/watcherinfo+xml',
    subscribedAt: now,
    view: 'everything',
    watcher: 'sip:bob@example.org',
  });
});

test('OpenSIPS’s tables are read as they are: no From of their own, another version of watchers', async () => {
  importing.close();
  importing = new Importing('opensips');
  importing.old.add('presentity', { body: Buffer.from('open'), sender: null });
  importing.old.add('active_watchers', { event_id: null, record_route: null, reason: null });
  importing.old.add('watchers', { watcher_username: 'erin' });
  importing.old.add('xcap');
  const { tallies, reasons } = await importing.run();
  assert.deepEqual(tallies, {
    xcap: [1, 1, 0],
    presentity: [1, 1, 0],
    active_watchers: [1, 1, 0],
    watchers: [1, 1, 0],
  });
  assert.deepEqual(reasons, []);
  const resource = await importing.loaded();
  assert.equal([...resource.subscriptions.values()][0]?.remoteUri, 'sip:bob@example.org');
  assert.equal(resource.watchers.get('sip:erin@example.org')?.expires, now - 60 + 3 * days);
  assert.equal(resource.rules?.body.toString(), '<ruleset/>');
  assert.equal(resource.dueNoted, now, 'the rules are looked at by the first server that comes by');
});

test('the publication that was received last is the newest, in whatever order the rows stand', async () => {
  importing.old.add('presentity', { etag: 'newer', received_time: now - 10, body: Buffer.from('newer') });
  importing.old.add('presentity', { etag: 'older', received_time: now - 20, body: Buffer.from('older') });
  await importing.run();
  const documents = [...(await importing.loaded()).publications.values()].map(({ document }) => document);
  documents.sort((a, b) => b.sequence - a.sequence);
  assert.deepEqual(
    documents.map(({ body }) => body.toString()),
    ['newer', 'older'],
  );
});

test('what cannot be taken is refused with its reason', async () => {
  importing.old.add('presentity', { etag: 'over', expires: now });
  importing.old.add('presentity', { etag: 'hard', expires: -1 });
  importing.old.add('presentity', { etag: '*#-OFFLINE-#*' });
  importing.old.add('presentity', { etag: 'unknown', event: 'dialog;sla' });
  importing.old.add('presentity', { etag: 'bad', body: Buffer.from('bad body') });
  importing.old.add('presentity', { etag: 'x'.repeat(129) });
  importing.old.add('active_watchers', { callid: 'over', expires: now });
  importing.old.add('active_watchers', { callid: 'ended', status: 3 });
  importing.old.add('active_watchers', { callid: 'tel', presentity_uri: 'tel:+15551234' });
  importing.old.add('active_watchers', { callid: 'contact', contact: 'nowhere' });
  importing.old.add('active_watchers', { callid: 'route', record_route: '<sip:a;lr>, <' });
  importing.old.add('active_watchers', { callid: 'tag', from_tag: 'a b' });
  importing.old.add('active_watchers', { callid: 'x'.repeat(256) });
  importing.old.add('watchers', { status: 1 });
  importing.old.add('watchers', { inserted_time: now - 3 * days });
  const { tallies, reasons } = await importing.run();
  assert.deepEqual(tallies.presentity, [6, 0, 0]);
  assert.deepEqual(tallies.active_watchers, [7, 0, 0]);
  const long = '1 a text in it is longer than a request may bring it';
  assert.deepEqual(reasons, [
    '1 its time was over already',
    '1 it is hard state (RFC 4827), which is not kept among publications here',
    '1 its entity-tag is none: the old server was about to remove it',
    '1 no loaded module serves the event dialog;sla',
    '1 its body is refused: Bad Document',
    long,
    '1 its time was over already',
    '1 it had ended, or was about to',
    '1 its presentity is no SIP address',
    '1 its Contact is no SIP URI, so no NOTIFY can be sent',
    '1 its route set cannot be read',
    '1 it names no dialog',
    long,
    '1 the rules had decided on the watcher, and are asked anew',
    '1 its time was over already',
  ]);
});

test('a watcher whom Kamailio politely blocked or kept waiting sees nothing here before the rules say so', async () => {
  importing.old.add('active_watchers', { callid: 'polite', reason: 'polite-block' });
  importing.old.add('active_watchers', { callid: 'pending', status: 2, watcher_username: 'erin' });
  importing.old.add('watchers', { watcher_username: 'erin' });
  await importing.run();
  const resource = await importing.loaded();
  const seen = [...resource.subscriptions.values()].map(({ callId, status, view }) => [callId, status, view]);
  assert.deepEqual(seen.sort(), [
    ['pending', 'pending', 'closed'],
    ['polite', 'active', 'closed'],
  ]);
  assert.equal(resource.watchers.get('sip:erin@example.org')?.status, 'pending', 'who is subscribed does not wait yet');
});

test('a Contact with Kamailio’s alias is reached where the watcher was seen', async () => {
  importing.old.add('active_watchers', { contact: 'sip:bob@10.0.0.7:5070;alias=203.0.113.9~40000~1' });
  await importing.run();
  const [taken] = (await importing.loaded()).subscriptions.values();
  assert.equal(taken?.source, 'udp:192.0.2.1:5060>203.0.113.9:40000');
});

test('a table of an unknown version or shape, or no table at all, stops it before anything is stored', async () => {
  importing.old.add('xcap');
  importing.old.setVersion('active_watchers', 13);
  await assert.rejects(importing.run(), /^RollcallError: table 'active_watchers' in sqlite:.* has version 13$/);
  await assert.rejects(importing.loaded(), 'no table was made');
  importing.old.setVersion('active_watchers', 12);
  assert.deepEqual((await importing.run()).tallies.xcap, [1, 1, 0]);
});
