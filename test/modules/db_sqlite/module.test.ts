// Owns the proof that the module db_sqlite provides the driver for sqlite: URLs, with its parameters.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { type DatabaseDriver, databaseDrivers, type ModuleContext, RollcallError } from '../../../core/api';
import { silentLogger } from '../../../core/base/logger';
import { parseDatabaseUrl } from '../../../core/db/url';
import db_sqlite from '../../../modules/db_sqlite';
import { items, put, tagsOf } from '../../core/db/sample';
import { temporaryFolder } from './help';

const folder = temporaryFolder();

async function driver(): Promise<DatabaseDriver> {
  const provided = new Map<string, unknown>();
  const ctx: Partial<ModuleContext> = {
    clock: { now: () => 0 },
    provide(point, key, item) {
      assert.equal(point, databaseDrivers);
      provided.set(key, item);
    },
  };
  await db_sqlite.setup(ctx as ModuleContext, { busyTimeout: 2000, maxWaiting: 100 }, undefined);
  assert.deepEqual([...provided.keys()], ['sqlite']);
  return provided.get('sqlite') as DatabaseDriver;
}

it('a database is opened by its URL, stores, and shows the URL', async () => {
  const parsed = parseDatabaseUrl('sqlite:rollcall.db', folder);
  assert.ok(parsed.ok);
  const db = await (await driver()).open(parsed.url, silentLogger);
  assert.equal(db.url, `sqlite:${join(folder, 'rollcall.db')}`);
  await db.prepare([items]);
  await db.commit({ writes: [put('alice', 'a')] });
  assert.deepEqual(await tagsOf(db, 'alice'), ['a']);
  await db.close();
});

it('a URL of another scheme is refused without its password', async () => {
  const parsed = parseDatabaseUrl('mysql://u:topsecret@host/db', folder);
  assert.ok(parsed.ok);
  const { open } = await driver();
  const attempt = Promise.resolve().then(() => open(parsed.url, silentLogger));
  await assert.rejects(attempt, (error) => error instanceof RollcallError && !error.message.includes('topsecret'));
});
