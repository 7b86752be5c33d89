// Tests a take-over without an old server: each kind of row taken or refused with its reason, run again, and beside a server at work.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openMemoryDatabase } from '../../../../core/db/memory';
import { TakeoverReport } from '../../../../core/db/takeover';
import { SqliteSource } from '../../../../modules/db_sqlite/source';
import { applyChanges, type ResourceChange } from '../../../../modules/presence/changes';
import {
  cseqCeiling,
  documentCeiling,
  keyOfUri,
  nextVersion,
  type Resource,
} from '../../../../modules/presence/resource';
import { schemaOf } from '../../../../modules/presence/store/schema';
import { Store } from '../../../../modules/presence/store/store';
import { cseqJump } from '../../../../modules/presence/takeover/records';
import { presenceTakeover } from '../../../../modules/presence/takeover/takeover';
import { fakePackage, fakeWinfo } from '../engine';
import { now, OldServer } from './old-server';

const names = { presentityTable: 'presentity', activeWatchersTable: 'active_watchers', watchersTable: 'watchers' };
const alice = keyOfUri('sip:alice@example.org', 'presence');
const days = 86_400;

let folder: string;
let old: OldServer;
let target = openMemoryDatabase();
let store: Store;

function begin(kind?: 'kamailio' | 'opensips'): void {
  old = new OldServer(join(folder, `${kind ?? 'old'}.db`), kind);
  target = openMemoryDatabase();
  store = new Store(target, schemaOf(names));
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rollcall-takeover-'));
  begin();
});
afterEach(() => {
  old.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs an import; the account as `table: read, taken, known` and the reasons. */
async function run(): Promise<{ tallies: Record<string, readonly number[]>; reasons: string[] }> {
  const source = new SqliteSource(old.path, `sqlite:${old.path}`);
  const report = new TakeoverReport();
  let tokens = 0;
  const circumstances = () => ({
    events: new Map([['presence', fakePackage]]),
    watcherinfo: new Map([['application/watcherinfo+xml', fakeWinfo]]),
    now,
    waitingTime: 3 * days,
    token: () => `token${++tokens}`,
  });
  try {
    await presenceTakeover({ names, circumstances }).run(source, target, report);
  } finally {
    await source.close();
  }
  const tallies = report.tallies.map(({ table, read, taken, known }) => [table, [read, taken, known]] as const);
  const reasons = report.tallies.flatMap(({ refused }) =>
    [...refused].map(([reason, { count }]) => `${count} ${reason}`),
  );
  return { tallies: Object.fromEntries(tallies), reasons };
}

async function loaded(): Promise<Resource> {
  const [resource] = await store.load([alice]);
  assert.ok(resource);
  return resource;
}

async function commit(change: (resource: Resource) => ResourceChange): Promise<void> {
  const resource = await loaded();
  const changes = [change(resource)];
  applyChanges(resource, changes);
  assert.equal(
    await store.commit(resource, { version: nextVersion(resource, now * 1000), owed: 0 }, changes),
    'committed',
  );
}

test('a dialog of Kamailio’s goes on where it was, with a CSeq far above', async () => {
  old.add('active_watchers', {
    event: 'presence.winfo',
    record_route: '<sip:192.0.2.9;lr>, <sip:192.0.2.8;lr>',
    from_user: 'robert',
    from_domain: 'example.net',
    user_agent: 'lamp',
  });
  const { tallies } = await run();
  assert.deepEqual(tallies.active_watchers, [1, 1, 0]);
  const resource = await loaded();
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
  old.close();
  begin('opensips');
  old.add('presentity', { body: Buffer.from('open'), sender: null });
  old.add('active_watchers', { event_id: null, record_route: null, reason: null });
  old.add('watchers', { watcher_username: 'erin' });
  old.add('xcap');
  const { tallies, reasons } = await run();
  assert.deepEqual(tallies, {
    xcap: [1, 1, 0],
    presentity: [1, 1, 0],
    active_watchers: [1, 1, 0],
    watchers: [1, 1, 0],
  });
  assert.deepEqual(reasons, []);
  const resource = await loaded();
  assert.equal([...resource.subscriptions.values()][0]?.remoteUri, 'sip:bob@example.org');
  assert.equal(resource.watchers.get('sip:erin@example.org')?.expires, now - 60 + 3 * days);
  assert.equal(resource.rules?.body.toString(), '<ruleset/>');
  assert.equal(resource.reviewAt, now, 'the rules are looked at by the first server that comes by');
});

test('the publication that was received last is the newest, in whatever order the rows stand', async () => {
  old.add('presentity', { etag: 'newer', received_time: now - 10, body: Buffer.from('newer') });
  old.add('presentity', { etag: 'older', received_time: now - 20, body: Buffer.from('older') });
  await run();
  const documents = [...(await loaded()).publications.values()].map(({ document }) => document);
  documents.sort((a, b) => b.sequence - a.sequence);
  assert.deepEqual(
    documents.map(({ body }) => body.toString()),
    ['newer', 'older'],
  );
});

test('what cannot be taken is refused with its reason', async () => {
  old.add('presentity', { etag: 'over', expires: now });
  old.add('presentity', { etag: 'hard', expires: -1 });
  old.add('presentity', { etag: '*#-OFFLINE-#*' });
  old.add('presentity', { etag: 'unknown', event: 'dialog;sla' });
  old.add('presentity', { etag: 'bad', body: Buffer.from('bad body') });
  old.add('presentity', { etag: 'x'.repeat(129) });
  old.add('active_watchers', { callid: 'over', expires: now });
  old.add('active_watchers', { callid: 'ended', status: 3 });
  old.add('active_watchers', { callid: 'tel', presentity_uri: 'tel:+15551234' });
  old.add('active_watchers', { callid: 'contact', contact: 'nowhere' });
  old.add('active_watchers', { callid: 'route', record_route: '<sip:a;lr>, <' });
  old.add('active_watchers', { callid: 'tag', from_tag: 'a b' });
  old.add('active_watchers', { callid: 'x'.repeat(256) });
  old.add('watchers', { status: 1 });
  old.add('watchers', { inserted_time: now - 3 * days });
  const { tallies, reasons } = await run();
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
  old.add('active_watchers', { callid: 'polite', reason: 'polite-block' });
  old.add('active_watchers', { callid: 'pending', status: 2, watcher_username: 'erin' });
  old.add('watchers', { watcher_username: 'erin' });
  await run();
  const resource = await loaded();
  const seen = [...resource.subscriptions.values()].map(({ callId, status, view }) => [callId, status, view]);
  assert.deepEqual(seen.sort(), [
    ['pending', 'pending', 'closed'],
    ['polite', 'active', 'closed'],
  ]);
  assert.equal(resource.watchers.get('sip:erin@example.org')?.status, 'pending', 'who is subscribed does not wait yet');
});

test('a Contact with Kamailio’s alias is reached where the watcher was seen', async () => {
  old.add('active_watchers', { contact: 'sip:bob@10.0.0.7:5070;alias=203.0.113.9~40000~1' });
  await run();
  const [taken] = (await loaded()).subscriptions.values();
  assert.equal(taken?.source, 'udp:192.0.2.1:5060>203.0.113.9:40000');
});

test('running it again takes nothing twice, and brings nothing back that has ended here', async () => {
  old.add('presentity');
  old.add('active_watchers');
  old.add('xcap');
  await run();
  assert.deepEqual((await run()).tallies, {
    xcap: [1, 0, 1],
    presentity: [1, 0, 1],
    active_watchers: [1, 0, 1],
    watchers: [0, 0, 0],
  });
  await commit(({ publications }) => {
    const [publication] = publications.values();
    assert.ok(publication);
    return { kind: 'unpublish', publication };
  });
  assert.deepEqual((await run()).tallies.presentity, [1, 0, 1]);
  assert.equal((await loaded()).publications.size, 0);
});

test('what changed in the old server since is taken again, unless it has changed here as well', async () => {
  old.add('presentity');
  old.add('active_watchers');
  old.add('xcap');
  await run();
  old.change('presentity', "etag = 'a.1.2.4', body = 'newer'");
  old.change('active_watchers', 'remote_cseq = 3, local_cseq = 9');
  old.change('xcap', "etag = 'x2', doc = '<ruleset id=\"2\"/>'");
  assert.deepEqual((await run()).reasons, []);
  const resource = await loaded();
  assert.deepEqual([...resource.publications.keys()], ['a.1.2.4']);
  const [dialog] = resource.subscriptions.values();
  assert.deepEqual([dialog?.remoteCseq, dialog?.localCseq], [3, 9 + cseqJump]);
  assert.equal(resource.rules?.body.toString(), '<ruleset id="2"/>');

  await commit(() => {
    assert.ok(dialog);
    return { kind: 'subscribe', subscription: { ...dialog, remoteCseq: 4 }, replaces: dialog };
  });
  old.change('presentity', "etag = 'a.1.2.5'");
  old.change('active_watchers', 'remote_cseq = 5');
  await commit(({ publications }) => {
    const publication = publications.get('a.1.2.4');
    assert.ok(publication);
    return { kind: 'publish', publication: { ...publication, etag: 'moved' }, replaces: publication };
  });
  const { reasons } = await run();
  const refused = '1 it was taken over before, and has changed or ended here since';
  assert.deepEqual(reasons, [refused, refused]);
  assert.deepEqual([...(await loaded()).publications.keys()], ['moved']);
});

test('NOTIFYs that this server has sent in a dialog are never repeated by what is taken again', async () => {
  old.add('active_watchers');
  await run();
  for (let i = 0; i < 3; i++) await commit(() => ({ kind: 'fan-out', winfo: false }));
  const before = await loaded();
  const [first] = before.subscriptions.values();
  assert.ok(first);
  old.change('active_watchers', 'local_cseq = 6');
  assert.deepEqual((await run()).tallies.active_watchers, [1, 1, 0]);
  const after = await loaded();
  const [second] = after.subscriptions.values();
  assert.ok(second);
  assert.ok(cseqCeiling(after, second) >= cseqCeiling(before, first));
});

test('beside a server that changes the same presentity nothing of either is lost', async () => {
  old.add('presentity');
  const inner = target;
  let meanwhile: (() => Promise<void>) | undefined = async () => {
    const document = { etag: 'own', body: Buffer.from('own'), changedAt: now, sequence: 1 };
    const publication = { ruid: 'own', etag: 'own', expires: now + 60, receivedTime: now, sender: '', document };
    await commit(() => ({ kind: 'publish', publication, replaces: undefined }));
  };
  target = {
    url: inner.url,
    prepare: (tables) => inner.prepare(tables),
    select: (queries) => inner.select(queries),
    close: () => inner.close(),
    async commit(change) {
      const between = meanwhile;
      meanwhile = undefined;
      await between?.();
      return inner.commit(change);
    },
  };
  store = new Store(inner, schemaOf(names));
  assert.deepEqual((await run()).tallies.presentity, [1, 1, 0]);
  assert.deepEqual([...(await loaded()).publications.keys()].sort(), ['a.1.2.3', 'own']);
});

test('a table of an unknown version or shape, or no table at all, stops it before anything is stored', async () => {
  old.add('xcap');
  old.setVersion('active_watchers', 13);
  await assert.rejects(run(), /^RollcallError: table 'active_watchers' in sqlite:.* has version 13$/);
  assert.deepEqual(await target.select([]), []);
  await assert.rejects(store.load([alice]), 'no table was made');
  old.setVersion('active_watchers', 12);
  assert.deepEqual((await run()).tallies.xcap, [1, 1, 0]);
});
