// Owns the proof that a database in trouble says so, acknowledges nothing wrongly, and serves again when the trouble is over.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { RollcallError } from '../../../core/base/errors';
import { silentLogger } from '../../../core/base/logger';
import { type Database, DatabaseUnavailable } from '../../../core/db/database';
import { lookPeriod } from '../../../modules/db_sqlite/connection';
import { guarded, items, put, tagsOf, versions } from '../../core/db/sample';
import { openTestDatabase, type TestOptions, temporaryFolder } from './help';

const folder = temporaryFolder();
let files = 0;

async function open(options: TestOptions = {}): Promise<{ db: Database; path: string }> {
  const file = options.file ?? `${++files}.db`;
  const db = await openTestDatabase(folder, { ...options, file });
  await db.prepare([versions, items]);
  return { db, path: join(folder, file) };
}

describe('opening', () => {
  it('makes the folders on the way and a file for our eyes only', async () => {
    const { db, path } = await open({ file: 'deep/er/rollcall.db' });
    await db.commit({ writes: [put('alice', 'a')] });
    for (const name of [path, `${path}-wal`, `${path}-shm`]) assert.equal(statSync(name).mode & 0o777, 0o600, name);
    assert.equal(statSync(join(folder, 'deep')).mode & 0o777, 0o700);
    await db.close();
  });

  it('leaves one file behind when it is closed', async () => {
    const { db, path } = await open();
    await db.commit({ writes: [put('alice', 'a')] });
    await db.close();
    assert.equal(statSync(`${path}-wal`, { throwIfNoEntry: false }), undefined);
  });

  const refused: readonly (readonly [string, string, () => void, RegExp])[] = [
    ['a folder', 'folder.db', () => mkdirSync(join(folder, 'folder.db')), /folder\.db: it is a folder/],
    [
      'a path through a file',
      'plain/x.db',
      () => writeFileSync(join(folder, 'plain'), ''),
      /is a file and not a folder/,
    ],
    [
      'something else than a database',
      'text.db',
      () => writeFileSync(join(folder, 'text.db'), 'x'.repeat(5000)),
      /not an SQLite/,
    ],
  ];
  for (const [what, file, make, message] of refused) {
    it(`refuses ${what} with a hint`, async () => {
      make();
      await assert.rejects(open({ file }), (error) => {
        assert.ok(error instanceof RollcallError && !(error instanceof DatabaseUnavailable), String(error));
        assert.match(error.message, message);
        assert.ok(error.hint !== undefined || what === 'a path through a file');
        return true;
      });
    });
  }

  it('reads a database that was cut off as damaged', async () => {
    const { db, path } = await open();
    for (let i = 0; i < 30; i++) await db.commit({ writes: [put('a', `t${i}`, { body: Buffer.alloc(4000) })] });
    await db.close();
    truncateSync(path, 8192);
    await assert.rejects(open({ file: path.slice(folder.length + 1) }), /damaged|malformed/);
  });
});

describe('a lock that another process holds', () => {
  it('makes commits wait for a bounded time, then unavailable; reads go on; commits too once it is released', async () => {
    const { db, path } = await open({ busyTimeout: 50 });
    await db.commit(guarded('alice', 0, 'a'));
    const other = new Sqlite(path);
    other.exec('BEGIN IMMEDIATE');
    const attempts = await Promise.allSettled([db.commit(guarded('alice', 1, 'b')), db.commit(guarded('bob', 0, 'b'))]);
    for (const attempt of attempts) {
      assert.ok(attempt.status === 'rejected' && attempt.reason instanceof DatabaseUnavailable);
      assert.match(attempt.reason.message, /another process holds the write lock/);
      assert.ok(attempt.reason.retryAfter > 0);
    }
    assert.deepEqual(await tagsOf(db, 'alice'), ['a']);
    other.exec('COMMIT');
    assert.equal(await db.commit(guarded('alice', 1, 'b')), 'committed');
    other.close();
    await db.close();
  });

  it('is waited out when it is short', async () => {
    const { db, path } = await open({ busyTimeout: 10_000 });
    const other = new Sqlite(path);
    other.exec('BEGIN IMMEDIATE');
    const waiting = db.commit(guarded('alice', 0, 'a'));
    await tagsOf(db, 'alice');
    other.exec('COMMIT');
    assert.equal(await waiting, 'committed');
    other.close();
    await db.close();
  });
});

describe('a thread that dies', () => {
  it('takes no wrong acknowledgement with it, and a new one serves', async () => {
    const threads: NonNullable<TestOptions['threads']> = [];
    let now = 0;
    const { db } = await open({ threads, clock: { now: () => now } });
    assert.equal(await db.commit(guarded('alice', 0, 'a')), 'committed');
    for (const role of ['writer', 'reader']) {
      const thread = threads.findLast((entry) => entry.role === role)?.thread;
      const ended = new Promise((resolve) => thread?.once('exit', resolve));
      const attempts = Promise.allSettled([
        ...Array.from({ length: 30 }, (_, i) => db.commit(guarded(`${role}${i}`, 0, 'x'))),
        tagsOf(db, 'alice'),
      ]);
      await new Promise((resolve) => setImmediate(resolve));
      void thread?.terminate();
      await ended;
      for (const [i, attempt] of (await attempts).entries()) {
        if (attempt.status === 'rejected') assert.ok(attempt.reason instanceof DatabaseUnavailable);
        else if (i < 30) assert.deepEqual(await tagsOfLater(db, `${role}${i}`, () => (now += 1000)), ['x']);
      }
      now += 1000;
      assert.deepEqual(await tagsOf(db, 'alice'), ['a'], `after the ${role}`);
      assert.equal(await db.commit(guarded(`after ${role}`, 0, 'x')), 'committed');
    }
    await db.close();
  });

  it('at once after its start is not started again and again', async () => {
    const threads: NonNullable<TestOptions['threads']> = [];
    const { db } = await open({ threads, clock: { now: () => 0 } });
    await Promise.all(threads.map(({ thread }) => thread.terminate()));
    for (let i = 0; i < 5; i++) await assert.rejects(db.commit(guarded('alice', 0)), DatabaseUnavailable);
    assert.equal(threads.length, 2);
    await db.close();
  });
});

async function tagsOfLater(db: Database, owner: string, passTime: () => void): Promise<unknown[]> {
  passTime();
  return tagsOf(db, owner);
}

describe('a file that is taken away', () => {
  it('is made anew with its tables, and the next start finds what was stored since', async () => {
    const lines: string[] = [];
    const error = (_: object | string, text?: string) => void lines.push(text ?? '');
    const { db, path } = await open({ log: { ...silentLogger, error } });
    await db.commit(guarded('alice', 0, 'a'));
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`);
    await pause(lookPeriod);
    assert.equal(await db.commit(guarded('alice', 1, 'b')), 'stale', 'the row that the guard names is gone');
    assert.equal(await db.commit(guarded('alice', 0, 'c')), 'committed');
    assert.deepEqual(await tagsOf(db, 'alice'), ['c']);
    assert.match(lines.join(), /^somebody deleted or replaced the database file[^,]*$/);
    await db.close();
    const again = await open({ file: path.slice(folder.length + 1) });
    assert.deepEqual(await tagsOf(again.db, 'alice'), ['c']);
    await again.db.close();
  });

  it('and becomes a folder: unavailable until the folder is gone', async () => {
    const { db, path } = await open();
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`);
    mkdirSync(path);
    await pause(lookPeriod);
    await assert.rejects(db.commit(guarded('alice', 0, 'a')), /it is a folder/);
    rmSync(path, { recursive: true });
    assert.equal(await db.commit(guarded('alice', 0, 'a')), 'committed');
    await db.close();
  });
});

it('refuses changes beyond max_waiting at once and serves those that wait', async () => {
  const { db } = await open({ maxWaiting: 100 });
  const attempts = await Promise.allSettled(Array.from({ length: 150 }, (_, i) => db.commit(guarded(`u${i}`, 0, 'x'))));
  assert.equal(attempts.filter((attempt) => attempt.status === 'fulfilled').length, 100);
  assert.ok(
    attempts
      .slice(100)
      .every((attempt) => attempt.status === 'rejected' && attempt.reason instanceof DatabaseUnavailable),
  );
  await db.close();
});

it('writes UTF-8 and plain SQL types, so that sqlite3 can be pointed at the file', async () => {
  const { db, path } = await open();
  await db.commit({ writes: [put('Zoë', 'a', { expires: 5, body: Buffer.from('body'), label: 'l' })] });
  const other = new Sqlite(path, { readonly: true });
  assert.deepEqual(other.prepare('SELECT id, owner, expires, typeof(expires) AS t, body FROM suite_items').get(), {
    id: 1,
    owner: 'Zoë',
    expires: 5,
    t: 'integer',
    body: Buffer.from('body'),
  });
  other.close();
  await db.close();
  assert.equal(readFileSync(path).subarray(0, 15).toString(), 'SQLite format 3');
});
