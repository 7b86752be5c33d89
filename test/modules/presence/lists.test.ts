// Tests the lists under Kamailio's RPC names: all of what is stored, in pages that leave nothing out and repeat nothing.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { Row, Table, Value } from '../../../core/db/database';
import { openMemoryDatabase } from '../../../core/db/memory';
import { listCommands } from '../../../modules/presence/lists';
import { schemaOf } from '../../../modules/presence/store/schema';

const schema = schemaOf({
  presentityTable: 'presentity',
  activeWatchersTable: 'active_watchers',
  watchersTable: 'watchers',
});
const database = openMemoryDatabase();
const now = 1_700_000_000;
const commands = listCommands(database, schema, { now: now * 1000 });
const publications = 2345;

function rowOf(table: Table, values: Readonly<Record<string, Value>>): Row {
  return table.columns.map(({ name, default: standard }) => values[name] ?? standard ?? null);
}

before(async () => {
  const { presentity, activeWatchers } = schema;
  await database.prepare([presentity, activeWatchers]);
  const put = (table: Table, values: Readonly<Record<string, Value>>) =>
    database.commit({ writes: [{ op: 'put', table, row: rowOf(table, values) }] });
  for (let i = -5; i < publications; i++) {
    const domain = i % 2 === 0 ? 'a.example' : 'b.example';
    // Seven have one name; those with a negative number have ended.
    const expires = now + (i < 0 ? i : 1 + i);
    const body = Buffer.from(`<é${i}/>`);
    const named = { username: `u${Math.floor(i / 7)}`, domain, event: 'presence', ruid: `r${i}` };
    await put(presentity, { ...named, etag: `e${i}`, expires, body });
  }
  for (const [callid, uri] of [
    ['c1', 'sip:alice@a.example'],
    ['c2', 'sip:bob@a.example'],
  ]) {
    const named = { callid: callid ?? '', presentity_uri: uri ?? '', to_tag: 't', from_tag: 'f', event: 'presence' };
    await put(activeWatchers, { ...named, watcher_username: 'w', watcher_domain: 'a.example', expires: now + 9 });
  }
});

interface Listed {
  readonly user: string;
  readonly etag: string;
  readonly body?: string;
  readonly callid?: string;
}

/** Lists, goes on as it is told to, until the end. */
async function whole(name: string, ...words: string[]): Promise<{ all: Listed[]; answers: number }> {
  const all: Listed[] = [];
  let next: string[] | undefined = words;
  let answers = 0;
  while (next !== undefined) {
    const args: string[] = next;
    next = undefined;
    const found = await commands[name]?.run(args, (told) => {
      const [, again, rest] = /^there are more: `presence\.(\S+) (.*)` goes on$/.exec(String(told)) ?? [];
      assert.equal(again, name);
      next = rest?.split(' ');
    });
    all.push(...(found as Listed[]));
    answers++;
  }
  return { all, answers };
}

test('presentity_list has everybody’s publications that have not ended, under Kamailio’s names', async () => {
  const { all, answers } = await whole('presentity_list');
  assert.equal(answers, 1);
  assert.deepEqual(
    all.map(({ etag }) => etag).toSorted(),
    Array.from({ length: publications }, (_, i) => `e${i}`).toSorted(),
  );
  const first = all.find(({ etag }) => etag === 'e0');
  assert.deepEqual(first, {
    user: 'u0',
    domain: 'a.example',
    event: 'presence',
    etag: 'e0',
    sender: '',
    expires: now + 1,
  });
});

test('a full list has the documents too, and comes in several answers that leave nothing out', async () => {
  const { all, answers } = await whole('presentity_list', 'full');
  assert.equal(answers, 3);
  assert.equal(all.length, publications);
  assert.equal(new Set(all.map(({ etag }) => etag)).size, publications);
  assert.equal(all.find(({ etag }) => etag === 'e17')?.body, '<é17/>');
});

test('presentity_show takes a user, a domain, or a star for any', async () => {
  const users = async (...words: string[]) => (await whole('presentity_show', ...words)).all.map(({ user }) => user);
  assert.deepEqual(await users('basic', 'u4', 'a.example'), Array(4).fill('u4'));
  assert.deepEqual(await users('basic', 'u4', 'c.example'), []);
  assert.deepEqual(await users('full', 'u5', '*'), Array(7).fill('u5'));
  assert.equal((await users('full', '*', 'B.example')).length, Math.floor(publications / 2));
  assert.equal((await users('basic', '*', '*')).length, publications);
});

test('watcher_list has the subscriptions to one presentity or to all', async () => {
  const calls = async (...words: string[]) => (await whole('watcher_list', ...words)).all.map(({ callid }) => callid);
  assert.deepEqual((await calls('basic')).toSorted(), ['c1', 'c2']);
  assert.deepEqual((await calls('full', '*')).toSorted(), ['c1', 'c2']);
  assert.deepEqual(await calls('basic', 'sip:bob@A.example'), ['c2']);
});

test('what is no mode or URI is refused with what to do', () => {
  const refused = (name: string, args: string[], message: RegExp) =>
    assert.throws(() => commands[name]?.run(args, () => {}), message);
  refused('presentity_list', ['sip:alice@a.example'], /there is no mode "sip:alice@a\.example"/);
  refused('watcher_list', ['basic', 'alice'], /"alice" is not a URI/);
});
