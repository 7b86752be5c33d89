// Owns the proof that the write-ahead log stays short: another thread moves it, the writer finishes, and begins it again.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openFile } from '../../../modules/db_sqlite/file';
import { moveLog, WriteAheadLog } from '../../../modules/db_sqlite/log';
import { items, put, tagsOf } from '../../core/db/sample';
import { openTestDatabase, type TestOptions, temporaryFolder } from './help';

const folder = temporaryFolder();
/** ms after which the log is looked at again. */
const lookPeriod = 20;

it('a long log is moved while the writer goes on; what is left the writer moves, and begins the log again', async () => {
  const path = join(folder, 'log.db');
  const writer = openFile({ path, role: 'writer', busyTimeout: 0 });
  writer.exec('CREATE TABLE t (a BLOB)');
  const insert = writer.prepare('INSERT INTO t VALUES (?)');
  const log = new WriteAheadLog(writer, path, 0);
  const pages = () => writer.pragma('wal_checkpoint(NOOP)') as { log: number; checkpointed: number }[];
  const tend = async () => {
    await pause(lookPeriod + 1);
    return log.tend().move;
  };
  assert.equal(await tend(), false);
  insert.run(Buffer.alloc(10 << 20));
  assert.equal(await tend(), false, 'not yet worth it');
  insert.run(Buffer.alloc(10 << 20));
  assert.equal(await tend(), true);
  const reader = openFile({ path, role: 'reader', busyTimeout: 0 });
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM t').get();
  const mover = openFile({ path, role: 'mover', busyTimeout: 0 });
  moveLog(mover);
  // Somebody reads from the log, so it goes on where it is.
  insert.run(Buffer.alloc(100_000));
  reader.exec('COMMIT');
  const [moved] = pages();
  assert.ok(moved && moved.log > 10_000 && moved.log - moved.checkpointed < 100, JSON.stringify(moved));
  assert.equal(await tend(), false, 'little is left: the writer has moved it');
  const [finished] = pages();
  assert.equal(finished?.log, finished?.checkpointed);
  insert.run(Buffer.alloc(100_000));
  assert.ok((pages()[0]?.log ?? 0) < 100, 'the log begins again');
  for (const db of [mover, reader, writer]) db.close();
});

it('a database that writes much has a thread that moves the log, and loses nothing', async () => {
  const threads: NonNullable<TestOptions['threads']> = [];
  const db = await openTestDatabase(folder, { file: 'much.db', threads });
  await db.prepare([items]);
  const tags: string[] = [];
  const body = Buffer.alloc(1 << 20);
  while (tags.length < 100) {
    const tag = String(1000 + tags.length);
    await db.commit({ writes: [put('alice', tag, { body })] });
    tags.push(tag);
    await pause(1);
  }
  assert.deepEqual(
    threads.map(({ role }) => role),
    ['writer', 'reader', 'mover'],
  );
  // The writer moves it itself at 64 MiB when the other thread is slower.
  assert.ok(statSync(join(folder, 'much.db-wal')).size < 70 << 20);
  assert.deepEqual(await tagsOf(db, 'alice'), tags);
  await db.close();
  assert.equal(statSync(join(folder, 'much.db-wal'), { throwIfNoEntry: false }), undefined);
});

it('a log that cannot be moved is no failure of the commit before', async () => {
  const path = join(folder, 'stuck.db');
  const writer = openFile({ path, role: 'writer', busyTimeout: 0 });
  const log = new WriteAheadLog(writer, path, 0);
  writer.exec('CREATE TABLE t (a BLOB)');
  writer.close();
  await pause(lookPeriod + 1);
  assert.deepEqual(log.tend(), { move: false, held: undefined });
});
