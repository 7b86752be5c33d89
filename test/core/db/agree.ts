// Owns the proof that a database and the one in memory answer alike, whatever is thrown at both; each driver's test runs it.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Change, Database, Guard, Select, Table, Write } from '../../../core/db/database';
import { openMemoryDatabase } from '../../../core/db/memory';
import { items, plain, versions } from './sample';

// Few names, so that keys, unique labels and versions collide all the time.
const name = fc.constantFrom('a', 'b', 'c');
const tag = fc.constantFrom('1', '2', '3');
const expires = fc.integer({ min: 0, max: 3 });
const body = fc.option(fc.constantFrom('x', 'y').map((text) => Buffer.from(text)));
const label = fc.option(fc.constantFrom('l', 'm'), { freq: 3 });

/** As `items`, and nothing but the key is unique: drivers may write its rows in bulk. */
const things: Table = { ...items, name: 'suite_things', indexes: [] };

const rowWrite: fc.Arbitrary<Write> = fc.constantFrom(items, things).chain((table) =>
  fc.oneof(
    fc.tuple(name, tag, expires, body, label).map((row): Write => ({ op: 'put', table, row })),
    fc.tuple(name, tag).map((key): Write => ({ op: 'delete', table, key })),
    fc
      .record({
        key: fc.tuple(name, tag),
        set: fc.oneof(fc.record({ expires }), fc.record({ label, body }), fc.record({ tag })),
        where: fc.oneof(fc.constant({}), fc.record({ expires }), fc.record({ label })),
      })
      .map((update): Write => ({ op: 'update', table, ...update })),
  ),
);

/** Guarded rows are written in other ways as well. */
const guardWrite: fc.Arbitrary<Write> = fc.oneof(
  fc.tuple(name).map((key): Write => ({ op: 'delete', table: versions, key })),
  fc.tuple(name, expires).map(([who, version]): Write => ({ op: 'put', table: versions, row: [who, version, null] })),
  fc
    .record({
      key: fc.tuple(name),
      set: fc.oneof(fc.record({ version: expires }), fc.record({ note: label }), fc.record({ name })),
      where: fc.oneof(fc.constant({}), fc.record({ version: expires })),
    })
    .map((update): Write => ({ op: 'update', table: versions, ...update })),
);

const write = fc.oneof({ weight: 5, arbitrary: rowWrite }, { weight: 1, arbitrary: guardWrite });

const guard: fc.Arbitrary<Guard> = fc
  .tuple(name, fc.integer({ min: 0, max: 3 }))
  .map(([who, expected]) => ({ table: versions, row: [who, expected + 1, null], versionColumn: 'version', expected }));

const change: fc.Arbitrary<Change> = fc
  .tuple(fc.option(guard), fc.array(write, { maxLength: 3 }))
  .map(([watched, writes]) => (watched === null ? { writes } : { guard: watched, writes }));

const everything: readonly Select[] = [
  { table: versions, where: {}, orderBy: 'name' },
  ...[items, things].flatMap((table) =>
    ['a', 'b', 'c'].map((owner): Select => ({ table, where: { owner }, orderBy: 'tag' })),
  ),
  { table: items, where: { owner: { in: ['a', 'c'] }, tag: '2', expires: { above: 0 } }, orderBy: 'owner' },
  { table: items, where: { label: 'l' } },
];

async function outcomes(db: Database, group: readonly Change[]): Promise<string[]> {
  const settled = await Promise.allSettled(group.map((one) => db.commit(one)));
  return settled.map((attempt) => (attempt.status === 'fulfilled' ? attempt.value : attempt.reason.name));
}

/** @param open a database that is empty each time it is called */
export function agreementTest(open: () => Promise<Database>, numRuns: number): void {
  it('any groups of changes have the same outcomes as in memory, and leave the same rows', async () => {
    const groups = fc.array(fc.array(change, { minLength: 1, maxLength: 12 }), { minLength: 4, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(groups, async (run) => {
        const memory = openMemoryDatabase();
        const tested = await open();
        try {
          for (const db of [memory, tested]) await db.prepare([versions, items, things]);
          for (const group of run) assert.deepEqual(await outcomes(tested, group), await outcomes(memory, group));
          const [there, here] = await Promise.all([tested.select(everything), memory.select(everything)]);
          assert.deepEqual(there.map(plain), here.map(plain));
        } finally {
          await memory.close();
          await tested.close();
        }
      }),
      { numRuns, seed: 2 },
    );
  });
}
