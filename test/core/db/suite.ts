// Owns the behaviours that every database must have; each driver's test runs them all against itself.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  type Change,
  ConstraintViolated,
  type Database,
  DatabaseUnavailable,
  type Outcome,
} from '../../../core/db/database';
import { guarded, items, plain, put, tagsOf, versions } from './sample';
import { selectBehaviours } from './suite-select';

/** @param open a database that is empty each time it is called */
export function databaseSuite(name: string, open: () => Promise<Database>): void {
  describe(name, () => {
    let db: Database;
    beforeEach(async () => {
      db = await open();
      await db.prepare([versions, items]);
    });
    afterEach(() => db.close());

    describe('a guard', () => {
      it('of version 0 holds only while there is no row', async () => {
        assert.equal(await db.commit(guarded('alice', 0, 'a')), 'committed');
        assert.equal(await db.commit(guarded('alice', 0, 'b')), 'stale');
        assert.deepEqual(await tagsOf(db, 'alice'), ['a']);
      });

      it('holds when the stored version is the expected one, and stores its whole row', async () => {
        await db.commit(guarded('alice', 0));
        assert.equal(await db.commit(guarded('alice', 1, 'a', 'second')), 'committed');
        const [rows] = await db.select([{ table: versions, where: { name: 'alice' } }]);
        assert.deepEqual(rows, [['alice', 2, 'second']]);
      });

      it('that says what it changes stores that, and the version', async () => {
        await db.commit(guarded('alice', 0, 'a', 'first'));
        const change = (version: number, note: string, changed: string[]) => {
          const { guard, writes } = guarded('alice', version, undefined, note);
          return db.commit({ writes, ...(guard && { guard: { ...guard, changed } }) });
        };
        assert.equal(await change(1, 'first', []), 'committed');
        assert.equal(await change(1, 'stale', ['note']), 'stale');
        assert.deepEqual((await db.select([{ table: versions, where: {} }]))[0], [['alice', 2, 'first']]);
        assert.equal(await change(2, 'second', ['note']), 'committed');
        assert.deepEqual((await db.select([{ table: versions, where: {} }]))[0], [['alice', 3, 'second']]);
      });

      it('of a row that is not there is stale', async () => {
        assert.equal(await db.commit(guarded('alice', 3, 'a')), 'stale');
        assert.deepEqual(await tagsOf(db, 'alice'), []);
      });

      it('that does not hold keeps every write of its change out', async () => {
        await db.commit(guarded('alice', 0, 'a'));
        const change = guarded('alice', 7, 'b');
        const outcome = await db.commit({
          ...change,
          writes: [...change.writes, { op: 'delete', table: items, key: ['alice', 'a'] }],
        });
        assert.equal(outcome, 'stale');
        assert.deepEqual(await tagsOf(db, 'alice'), ['a']);
      });

      it('lets changes that build on one another go in one group', async () => {
        const outcomes = await Promise.all(
          [0, 1, 2, 3].map((version) => db.commit(guarded('alice', version, `t${version}`))),
        );
        assert.deepEqual(outcomes, ['committed', 'committed', 'committed', 'committed']);
        assert.deepEqual(await tagsOf(db, 'alice'), ['t0', 't1', 't2', 't3']);
      });

      it('that is stale takes later changes of the same row with it, even one whose version fits by chance', async () => {
        for (const version of [0, 1, 2]) await db.commit(guarded('alice', version));
        const outcomes = await Promise.all([
          db.commit(guarded('alice', 2, 'lost')),
          db.commit(guarded('alice', 3, 'built on lost')),
          db.commit(guarded('bob', 0, 'not concerned')),
        ]);
        assert.deepEqual(outcomes, ['stale', 'stale', 'committed']);
        assert.deepEqual(await tagsOf(db, 'alice'), []);
      });

      it('that was stale does not harm a change handed in after its outcome was known', async () => {
        await db.commit(guarded('alice', 0));
        assert.equal(await db.commit(guarded('alice', 5)), 'stale');
        assert.equal(await db.commit(guarded('alice', 1)), 'committed');
      });

      it('admits one of many that expect the same version', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 50 }, (_, i) => db.commit(guarded('alice', 0, `t${i}`))),
        );
        assert.equal(outcomes.filter((outcome) => outcome === 'committed').length, 1);
        assert.equal((await tagsOf(db, 'alice')).length, 1);
      });
    });

    describe('a write', () => {
      it('puts a row and replaces it by its primary key', async () => {
        await db.commit({ writes: [put('alice', 'a', { expires: 1 })] });
        await db.commit({ writes: [put('alice', 'a', { expires: 2, body: Buffer.from('new') })] });
        const [rows] = await db.select([{ table: items, where: {} }]);
        assert.deepEqual(plain(rows), [['alice', 'a', 2, Buffer.from('new'), null]]);
      });

      it('deletes by primary key and does not mind a row that is not there', async () => {
        await db.commit({ writes: [put('alice', 'a'), put('alice', 'b')] });
        await db.commit({
          writes: [
            { op: 'delete', table: items, key: ['alice', 'a'] },
            { op: 'delete', table: items, key: ['alice', 'zzz'] },
          ],
        });
        assert.deepEqual(await tagsOf(db, 'alice'), ['b']);
      });

      it('updates the named columns, only where all conditions hold', async () => {
        await db.commit({ writes: [put('alice', 'a', { expires: 5 })] });
        const update = { op: 'update', table: items, key: ['alice', 'a'] } as const;
        await db.commit({ writes: [{ ...update, set: { expires: 6 }, where: { expires: 5, label: null } }] });
        await db.commit({ writes: [{ ...update, set: { expires: 7 }, where: { expires: 5 } }] });
        await db.commit({
          writes: [{ ...update, set: { body: Buffer.from('x'), label: 'l' }, where: { label: null } }],
        });
        await db.commit({ writes: [{ ...update, set: { label: null }, where: { body: Buffer.from('other') } }] });
        const [rows] = await db.select([{ table: items, where: {} }]);
        assert.deepEqual(plain(rows), [['alice', 'a', 6, Buffer.from('x'), 'l']]);
      });

      it('may move a row to another key by an update', async () => {
        await db.commit({ writes: [put('alice', 'old', { expires: 5 })] });
        await db.commit({ writes: [{ op: 'update', table: items, key: ['alice', 'old'], set: { tag: 'new' } }] });
        assert.deepEqual(await tagsOf(db, 'alice'), ['new']);
      });

      it('sees the writes before it in its change', async () => {
        await db.commit({
          writes: [
            put('alice', 'a', { expires: 1 }),
            { op: 'update', table: items, key: ['alice', 'a'], set: { expires: 2 }, where: { expires: 1 } },
            { op: 'delete', table: items, key: ['alice', 'gone'] },
            put('alice', 'gone'),
          ],
        });
        const [rows] = await db.select([
          { table: items, where: { owner: 'alice' }, orderBy: 'tag', columns: ['tag', 'expires'] },
        ]);
        assert.deepEqual(rows, [
          ['a', 2],
          ['gone', 0],
        ]);
      });

      it('keeps blobs, texts, numbers and nulls exactly', async () => {
        const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
        const text = `Zoë 🙂 \0 '";-- \r\n`;
        const pool = Buffer.from('around the blob');
        await db.commit({
          writes: [
            put('a', '1', { expires: 2 ** 53 - 1, body: everyByte, label: text }),
            put('a', '2', { expires: -5, body: Buffer.alloc(0), label: '' }),
            put('a', '3', { body: pool.subarray(7, 10) }),
            put('a', '4', { body: Buffer.alloc(300_000, 'x') }),
          ],
        });
        const [rows] = await db.select([{ table: items, where: { owner: 'a' }, orderBy: 'tag' }]);
        assert.deepEqual(plain(rows), [
          ['a', '1', 2 ** 53 - 1, everyByte, text],
          ['a', '2', -5, Buffer.alloc(0), ''],
          ['a', '3', 0, Buffer.from('the'), null],
          ['a', '4', 0, Buffer.alloc(300_000, 'x'), null],
        ]);
      });

      it('does not see what its caller does to a blob afterwards', async () => {
        const body = Buffer.from('before');
        await db.commit({ writes: [put('a', '1', { body })] });
        body.fill('!');
        const [rows] = await db.select([{ table: items, where: {}, columns: ['body'] }]);
        assert.deepEqual(plain(rows), [[Buffer.from('before')]]);
      });
    });

    describe('a change at fault', () => {
      const bad: readonly (readonly [string, Change])[] = [
        ['a null where none may be', { writes: [{ op: 'put', table: items, row: ['alice', 'n', null, null, null] }] }],
        ['a text longer than its column', { writes: [put('alice', 'x'.repeat(17))] }],
        ['a text in a blob column', { writes: [{ op: 'put', table: items, row: ['alice', 'n', 0, 'text', null] }] }],
        ['a fraction in an integer column', { writes: [put('alice', 'n', { expires: 0.5 })] }],
        ['a second row with one unique key', { writes: [put('alice', 'n', { label: 'taken' })] }],
        [
          'an update to a key that is taken',
          { writes: [{ op: 'update', table: items, key: ['bob', 'b'], set: { tag: 'c' } }] },
        ],
      ];
      for (const [what, change] of bad) {
        it(`(${what}) fails alone and stores nothing, while its neighbours are stored`, async () => {
          await db.commit({ writes: [put('bob', 'b', { label: 'taken' }), put('bob', 'c')] });
          const attempts = await Promise.allSettled([
            db.commit(guarded('alice', 0, 'before')),
            db.commit({ ...guarded('carol', 0, 'half'), writes: [put('carol', 'half'), ...change.writes] }),
            db.commit(guarded('dave', 0, 'after')),
          ]);
          const [before, fault, after] = attempts;
          assert.equal(before?.status === 'fulfilled' && before.value, 'committed');
          assert.equal(after?.status === 'fulfilled' && after.value, 'committed');
          assert.ok(fault?.status === 'rejected' && fault.reason instanceof ConstraintViolated, String(fault));
          assert.deepEqual(await tagsOf(db, 'carol'), []);
          const [guards] = await db.select([{ table: versions, where: {}, orderBy: 'name', columns: ['name'] }]);
          assert.deepEqual(guards, [['alice'], ['dave']]);
        });
      }

      it('frees the unique key again when it is undone', async () => {
        await db.commit({ writes: [put('bob', 'b', { label: 'taken' })] });
        const bothOrNone = db.commit({ writes: [put('a', '1', { label: 'free' }), put('a', '2', { label: 'taken' })] });
        await assert.rejects(bothOrNone, ConstraintViolated);
        assert.equal(await db.commit({ writes: [put('c', '1', { label: 'free' })] }), 'committed');
      });

      it('does not fit its table: too few values, unknown column, wrong key', async () => {
        await assert.rejects(db.commit({ writes: [{ op: 'put', table: items, row: ['a'] }] }), /1 values.*5 columns/);
        await assert.rejects(
          db.commit({ writes: [{ op: 'update', table: items, key: ['a', 'b'], set: { nope: 1 } }] }),
          /no column 'nope'/,
        );
        await assert.rejects(db.commit({ writes: [{ op: 'delete', table: items, key: ['a'] }] }), /key.*1 values/);
      });
    });

    selectBehaviours(() => db);

    it('serves many commits and reads at once', async () => {
      const commits: Promise<Outcome>[] = [];
      for (let user = 0; user < 40; user++) {
        for (let version = 0; version < 10; version++)
          commits.push(db.commit(guarded(`u${user}`, version, `t${version}`)));
      }
      const reads = Array.from({ length: 40 }, (_, user) =>
        db.select([{ table: items, where: { owner: `u${user}` } }]),
      );
      const outcomes = await Promise.all(commits);
      await Promise.all(reads);
      assert.ok(outcomes.every((outcome) => outcome === 'committed'));
      for (let user = 0; user < 40; user++) assert.equal((await tagsOf(db, `u${user}`)).length, 10);
    });

    it('prepares tables it has already without harm', async () => {
      await db.commit({ writes: [put('alice', 'a')] });
      await db.prepare([items]);
      assert.deepEqual(await tagsOf(db, 'alice'), ['a']);
    });

    it('stores what waits when it is closed, and refuses what comes after', async () => {
      const waiting = Array.from({ length: 20 }, (_, i) => db.commit({ writes: [put('alice', `t${i}`)] }));
      const closed = db.close();
      await assert.rejects(db.commit({ writes: [put('alice', 'late')] }), DatabaseUnavailable);
      assert.ok((await Promise.all(waiting)).every((outcome) => outcome === 'committed'));
      await closed;
      await assert.rejects(db.select([{ table: items, where: {} }]), DatabaseUnavailable);
    });
  });
}
