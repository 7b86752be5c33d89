// Owns the promise that kill -9 of the database server loses nothing acknowledged, leaves no half change, and needs no restart of ours.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { DatabaseUnavailable } from '../../../core/db/database';
import type { MysqlDatabase } from '../../../modules/db_mysql/database';
import { items, put, versions } from '../../core/db/sample';
import { Mariadb, mariadbMissing } from '../../support/mariadb';
import { openTestDatabase } from './help';

const writers = 40;

it('kill -9 of the server in a stream of commits', { skip: mariadbMissing }, async () => {
  const server = await Mariadb.start();
  const db = await openTestDatabase(await server.database());
  await db.prepare([versions, items]);
  const acknowledged = new Map<string, number>();
  let count = 0;
  let running = true;

  /** What is stored, as soon as the server is there to tell. */
  const stored = async (name: string): Promise<number> => {
    for (;;) {
      try {
        const [[row] = []] = await db.select([{ table: versions, where: { name } }]);
        return Number(row?.[1] ?? 0);
      } catch (error) {
        assert.ok(error instanceof DatabaseUnavailable, String(error));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };
  const writer = async (name: string) => {
    for (let version = 0; running; ) {
      const next = version + 1;
      try {
        const outcome = await db.commit({
          guard: { table: versions, row: [name, next, null], versionColumn: 'version', expected: version },
          writes: [put(name, `${next}a`), put(name, `${next}b`, { body: Buffer.alloc(700, 'x') })],
        });
        assert.equal(outcome, 'committed');
        acknowledged.set(name, next);
        version = next;
        count++;
      } catch (error) {
        assert.ok(error instanceof DatabaseUnavailable, String(error));
        version = await stored(name);
        const known = acknowledged.get(name) ?? 0;
        assert.ok(version === known || version === known + 1, `${name}: acknowledged ${known}, stored ${version}`);
        acknowledged.set(name, version);
      }
    }
  };
  const work = Promise.all(Array.from({ length: writers }, (_, i) => writer(`user${i}`)));
  const reach = async (target: number) => {
    while (count < target) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  for (let round = 0; round < 3; round++) {
    await reach(count + 500);
    await server.kill();
    await server.start();
  }
  await reach(count + 500);
  running = false;
  await work;
  await check(db, acknowledged);
  await db.close();
  await server.stop();
});

/** Every change raised a guard by one and put two rows that name the new version. */
async function check(db: MysqlDatabase, acknowledged: ReadonlyMap<string, number>): Promise<void> {
  const [guards = [], rows = []] = await db.select([
    { table: versions, where: {} },
    { table: items, where: {}, columns: ['owner', 'tag'] },
  ]);
  assert.deepEqual(new Map(guards.map((row) => [row[0], row[1]])), acknowledged);
  const expected = new Set<string>();
  for (const [name, version] of acknowledged) {
    for (let v = 1; v <= version; v++) for (const part of ['a', 'b']) expected.add(`${name} ${v}${part}`);
  }
  assert.deepEqual(new Set(rows.map((row) => `${row[0]} ${row[1]}`)), expected);
}
