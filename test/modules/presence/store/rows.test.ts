// Holds the store: whatever a record holds comes back the same from the rows, and a commit is whole or nothing.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { openMemoryDatabase } from '../../../../core/db/memory';
import type { ResourceChange } from '../../../../modules/presence/changes';
import { applyChanges } from '../../../../modules/presence/changes';
import { isEmpty, keyOfUri, type Resource, type Subscription } from '../../../../modules/presence/resource';
import { sizes } from '../../../../modules/presence/sizes';
import { readRulesRows } from '../../../../modules/presence/store/rows';
import { schemaOf } from '../../../../modules/presence/store/schema';
import { Store } from '../../../../modules/presence/store/store';
import { key, publication, resource, startSeconds, subscription, watcher as waiting } from '../records';

const names = { presentityTable: 'presentity', activeWatchersTable: 'active_watchers', watchersTable: 'watchers' };

async function open(): Promise<Store> {
  const store = new Store(openMemoryDatabase(), schemaOf(names));
  await store.prepare();
  return store;
}

let version = 0;

/** Makes the changes in memory and stores them, as the door does. */
async function commit(store: Store, of: Resource, changes: ResourceChange[], owing = 0) {
  applyChanges(of, changes);
  const next = { version: ++version, owed: owing, notifier: 0 };
  const outcome = await store.commit(of, next, changes);
  if (outcome === 'committed') Object.assign(of, isEmpty(of) ? { version: 0, owed: 0 } : next);
  return outcome;
}

async function load(store: Store): Promise<Resource> {
  const [loaded] = await store.load([key]);
  assert.ok(loaded);
  return loaded;
}

const hostile = fc.oneof(
  fc.constantFrom(
    "'; DROP TABLE presentity; --",
    '%_\\',
    '"',
    'a b',
    '\u00e9\u00ff',
    '__proto__',
    'constructor',
    '\0',
    '🎈',
  ),
  fc.string({ maxLength: 60 }),
);
const cut = (text: string, size: number) => text.slice(0, size).replace(/[\ud800-\udbff]$/, '');

test('a subscription comes back from its row as it was, whatever its texts hold', async () => {
  const store = await open();
  const of = await load(store);
  await fc.assert(
    fc.asyncProperty(fc.array(hostile, { minLength: 14, maxLength: 14 }), fc.boolean(), async (texts, flag) => {
      const text = (n: number, size: number) => cut(texts[n] ?? '', size);
      const each: Subscription = subscription({
        callId: `c${text(0, sizes.callId - 1)}`,
        toTag: text(1, sizes.tag),
        fromTag: text(2, sizes.tag),
        winfo: flag,
        eventId: flag ? text(3, sizes.eventId) : undefined,
        localUri: `sip:${text(4, 200)}`,
        remoteUri: text(5, sizes.uri),
        displayName: text(6, sizes.displayName),
        contact: text(7, sizes.uri),
        routes: text(8, 5000),
        source: text(9, sizes.source),
        userAgent: text(10, sizes.userAgent),
        status: flag ? 'pending' : 'active',
        reason: flag ? 'approved' : '',
        watcher: flag ? `tel:${text(11, 60)}` : 'sip:bob@[::1]',
        watcherId: text(12, sizes.watcherId),
        remoteCseq: 2 ** 31 - 1,
        localCseq: 77,
        fanoutsAt: 5,
        version: 9,
      });
      await commit(store, of, [{ kind: 'subscribe', subscription: each, replaces: undefined }]);
      const loaded = await load(store);
      assert.deepEqual(loaded.subscriptions.get(each.id), each);
      await commit(store, of, [{ kind: 'unsubscribe', subscription: each }]);
      assert.equal((await load(store)).subscriptions.size, 0);
    }),
    { seed: 20260101, numRuns: 150 },
  );
});

test('a watcher of any kind of URI comes back as the same watcher', async () => {
  for (const watcher of [
    'sip:bob@example.com',
    'sip:example.com',
    'sip:b;x=y:z@[2001:db8::1]',
    'tel:+15551234',
    'mailto:bob@example.com',
    'urn:x@y',
    'anonymous',
  ]) {
    const store = await open();
    const of = await load(store);
    const record = waiting({ watcher, status: 'waiting', reason: 'timeout', expires: startSeconds + 9 });
    await commit(store, of, [
      { kind: 'subscribe', subscription: subscription({ watcher }), replaces: undefined },
      { kind: 'authorise', watcher: record },
    ]);
    const loaded = await load(store);
    assert.deepEqual(
      [...loaded.subscriptions.values()].map((each) => each.watcher),
      [watcher],
    );
    assert.deepEqual([...loaded.watchers.values()], [record]);
    await commit(store, of, [{ kind: 'forget', watcher: record }]);
    assert.equal((await load(store)).watchers.size, 0);
  }
});

test('a refresh of a subscription is an update of what a refresh may change', async () => {
  const store = await open();
  const of = await load(store);
  const before = subscription();
  await commit(store, of, [{ kind: 'subscribe', subscription: before, replaces: undefined }]);
  const after: Subscription = {
    ...before,
    contact: 'sip:bob@127.0.0.1:9',
    source: 'udp:127.0.0.1:5060>127.0.0.1:9',
    socket: 'udp:127.0.0.1:5062',
    contentType: 'application/other',
    expires: startSeconds + 99,
    status: 'pending',
    reason: 'approved',
    remoteCseq: 12,
    localCseq: 13,
    fanoutsAt: 14,
    version: 15,
  };
  await commit(store, of, [{ kind: 'subscribe', subscription: after, replaces: before }]);
  assert.deepEqual([...(await load(store)).subscriptions.values()], [after]);
  const moved = { expires: startSeconds + 200, remoteCseq: 22, localCseq: 23, fanoutsAt: 24, version: 25 };
  const still = { ...after, ...moved };
  await commit(store, of, [{ kind: 'subscribe', subscription: still, replaces: after }]);
  assert.deepEqual([...(await load(store)).subscriptions.values()], [still]);
  for (const change of [{ view: 'closed' }, { flowRoute: '<sip:flow@h;lr>' }, { reason: '' }]) {
    const changed = { ...still, ...change };
    await commit(store, of, [{ kind: 'subscribe', subscription: changed, replaces: still }]);
    assert.deepEqual([...(await load(store)).subscriptions.values()], [changed]);
    await commit(store, of, [{ kind: 'subscribe', subscription: still, replaces: changed }]);
  }
});

test('publications come back byte for byte, a refresh moves the row and leaves the document', async () => {
  const store = await open();
  const of = await load(store);
  const body = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  const first = publication({ sender: 'sip:s@h', sequence: 3 });
  const published = { ...first, document: { ...first.document, body } };
  await commit(store, of, [{ kind: 'publish', publication: published, replaces: undefined }]);
  assert.deepEqual([...(await load(store)).publications.values()], [published]);
  const refreshed = { ...published, etag: 'e2', expires: startSeconds + 9, receivedTime: startSeconds + 1 };
  await commit(store, of, [{ kind: 'publish', publication: refreshed, replaces: published }]);
  const [loaded] = (await load(store)).publications.values();
  assert.deepEqual(loaded, { ...refreshed, document: { ...published.document, etag: 'e2' } });
  const modified = { ...refreshed, etag: 'e3', document: { ...published.document, etag: 'e3', sequence: 4 } };
  await commit(store, of, [{ kind: 'publish', publication: modified, replaces: refreshed }]);
  assert.deepEqual([...(await load(store)).publications.values()], [modified]);
});

test('a resource that becomes empty leaves no row, and can be made anew', async () => {
  const store = await open();
  const of = await load(store);
  const published = publication();
  await commit(store, of, [{ kind: 'publish', publication: published, replaces: undefined }], 1);
  assert.equal((await load(store)).version, of.version);
  assert.equal((await store.owing()).length, 1);
  await commit(store, of, [{ kind: 'unpublish', publication: published }], 1);
  assert.equal((await load(store)).version, 0);
  assert.equal((await store.owing()).length, 0);
  assert.equal(
    await commit(store, of, [{ kind: 'publish', publication: published, replaces: undefined }]),
    'committed',
  );
});

test('a commit on another version than the stored one is stale, and stores nothing', async () => {
  const store = await open();
  const of = await load(store);
  await commit(store, of, [{ kind: 'publish', publication: publication(), replaces: undefined }]);
  const other = { ...resource(), version: 99 };
  const late = publication({ etag: 'late' });
  assert.equal(await commit(store, other, [{ kind: 'publish', publication: late, replaces: undefined }]), 'stale');
  const unaware = resource();
  assert.equal(await commit(store, unaware, [{ kind: 'publish', publication: late, replaces: undefined }]), 'stale');
  assert.deepEqual([...(await load(store)).publications.keys()], ['e1']);
});

test('settling clears the note of the version it was made for, not of a later one', async () => {
  const store = await open();
  const of = await load(store);
  await commit(store, of, [{ kind: 'publish', publication: publication(), replaces: undefined }], 1);
  const before = { ...of };
  await commit(store, of, [{ kind: 'fan-out', winfo: false }], 2);
  await store.settle(before);
  assert.equal((await load(store)).owed, 2);
  await store.settle(of);
  const loaded = await load(store);
  assert.deepEqual([loaded.owed, loaded.fanouts], [0, 1]);
});

test('the search for what ends has the soonest resources, and says up to when it is complete', async () => {
  const store = await open();
  const keys = Array.from({ length: 6 }, (_, n) => keyOfUri(`sip:u${n}@h`, 'presence'));
  for (const [n, each] of keys.entries()) {
    const published = publication({ expires: startSeconds + n });
    await commit(store, { ...resource(), key: each }, [
      { kind: 'publish', publication: published, replaces: undefined },
      { kind: 'due', at: n === 5 ? Number.POSITIVE_INFINITY : startSeconds + n },
    ]);
  }
  const { records, complete } = await store.ending(startSeconds + 200, 4);
  assert.equal(complete, startSeconds + 3, 'those beyond are not in the answer');
  assert.deepEqual(
    records.map(({ key: { id }, at }) => [id, at - startSeconds]),
    [0, 1, 2, 3].map((n) => [`sip:u${n}@h presence`, n]),
  );
  const all = await store.ending(startSeconds + 200, 7);
  assert.equal(all.records.length, 5, 'one never ends');
  assert.equal(all.complete, startSeconds + 200);
});

test('a dialog is found by its Call-ID and both tags', async () => {
  const store = await open();
  await commit(store, await load(store), [{ kind: 'subscribe', subscription: subscription(), replaces: undefined }]);
  assert.equal(await store.findDialog('call-1', 'ours', 'theirs'), key.uri);
  assert.equal(await store.findDialog('call-1', 'theirs', 'ours'), undefined);
  assert.equal(await store.findDialog('x'.repeat(5000), 'ours', 'theirs'), undefined);
});

test('of several rules documents the one called index counts, else the first by name, in whatever order they come', () => {
  const rows = ['/b/index', '/a/other', '/a/first'].map((name) => [name, Buffer.from(name)]);
  for (const order of [rows, rows.toReversed(), [...rows.slice(1), ...rows.slice(0, 1)]]) {
    assert.equal(readRulesRows(order)?.name, '/b/index');
    const unnamed = order.filter(([name]) => name !== '/b/index');
    assert.deepEqual(readRulesRows(unnamed), { name: '/a/first', body: Buffer.from('/a/first') });
  }
  assert.equal(readRulesRows([]), undefined);
});
