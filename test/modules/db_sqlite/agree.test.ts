// Owns the proof that SQLite and the database in memory answer alike, whatever is thrown at both.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Change, Database, Guard, Select, Write } from '../../../core/db/database';
import { openMemoryDatabase } from '../../../core/db/memory';
import { items, plain, versions } from '../../core/db/suite';
import { openTestDatabase, temporaryFolder } from './help';

const folder = temporaryFolder();

// Few names, so that keys, unique labels and versions collide all the time.
const name = fc.constantFrom('a', 'b', 'c');
const tag = fc.constantFrom('1', '2', '3');
const expires = fc.integer({ min: 0, max: 3 });
const body = fc.option(fc.constantFrom('x', 'y').map((text) => Buffer.from(text)));
const label = fc.option(fc.constantFrom('l', 'm'), { freq: 3 });

const write: fc.Arbitrary<Write> = fc.oneof(
  fc.tuple(name, tag, expires, body, label).map((row): Write => ({ op: 'put', table: items, row })),
  fc.tuple(name, tag).map((key): Write => ({ op: 'delete', table: items, key })),
  fc
    .record({
      key: fc.tuple(name, tag),
      set: fc.oneof(fc.record({ expires }), fc.record({ label, body }), fc.record({ tag })),
      where: fc.oneof(fc.constant({}), fc.record({ expires }), fc.record({ label })),
    })
    .map((update): Write => ({ op: 'update', table: items, ...update })),
);

const guard: fc.Arbitrary<Guard> = fc
  .tuple(name, fc.integer({ min: 0, max: 3 }))
  .map(([who, expected]) => ({ table: versions, row: [who, expected + 1, null], versionColumn: 'version', expected }));

const change: fc.Arbitrary<Change> = fc
  .tuple(fc.option(guard), fc.array(write, { maxLength: 3 }))
  .map(([watched, writes]) => (watched === null ? { writes } : { guard: watched, writes }));

const everything: readonly Select[] = [
  { table: versions, where: {}, orderBy: 'name' },
  ...['a', 'b', 'c'].map((owner): Select => ({ table: items, where: { owner }, orderBy: 'tag' })),
  { table: items, where: { owner: { in: ['a', 'c'] }, tag: '2', expires: { above: 0 } }, orderBy: 'owner' },
  { table: items, where: { label: 'l' } },
];

async function outcomes(db: Database, group: readonly Change[]): Promise<string[]> {
  const settled = await Promise.allSettled(group.map((one) => db.commit(one)));
  return settled.map((attempt) => (attempt.status === 'fulfilled' ? attempt.value : attempt.reason.name));
}

it('any groups of changes have the same outcomes in both, and leave the same rows', async () => {
  let files = 0;
  const groups = fc.array(fc.array(change, { minLength: 1, maxLength: 12 }), { minLength: 4, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(groups, async (run) => {
      const memory = openMemoryDatabase();
      const sqlite = await openTestDatabase(folder, { file: `${++files}.db` });
      try {
        for (const db of [memory, sqlite]) await db.prepare([versions, items]);
        for (const group of run) assert.deepEqual(await outcomes(sqlite, group), await outcomes(memory, group));
        const [there, here] = await Promise.all([sqlite.select(everything), memory.select(everything)]);
        assert.deepEqual(there.map(plain), here.map(plain));
      } finally {
        await memory.close();
        await sqlite.close();
      }
    }),
    { numRuns: 8, seed: 2 },
  );
});
