// Owns the behaviours of select that every database must have.
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Database, Row, Select } from '../../../core/db/database';
import { items, plain, put, tagsOf, versions } from './sample';

/** Declares the tests inside the describe that opens the database before each of them. */
export function selectBehaviours(db: () => Database): void {
  describe('a select', () => {
    beforeEach(async () => {
      await db().commit({
        writes: [
          put('alice', 'a', { expires: 10, label: 'é' }),
          put('alice', 'b', { expires: 20 }),
          put('bob', 'a', { expires: 30, label: 'z' }),
          put('bob', 'B', { expires: 40, body: Buffer.from('body') }),
        ],
      });
    });
    const expiries = async (where: object, rest: { limit?: number; orderBy?: string } = {}) => {
      const [rows] = await db().select([
        { table: items, where: { ...where }, orderBy: 'expires', ...rest, columns: ['expires'] },
      ]);
      return plain(rows).flat();
    };

    it('compares with a value, case and all', async () => {
      assert.deepEqual(await expiries({ owner: 'alice' }), [10, 20]);
      assert.deepEqual(await expiries({ owner: 'ALICE' }), []);
      assert.deepEqual(await expiries({ owner: 'bob', tag: 'b' }), []);
      assert.deepEqual(await expiries({ owner: 'bob', tag: 'B' }), [40]);
      assert.deepEqual(await expiries({ body: Buffer.from('body') }), [40]);
    });

    it('finds null by null and by nothing else', async () => {
      assert.deepEqual(await expiries({ label: null }), [20, 40]);
      assert.deepEqual(await expiries({ label: { in: ['z', null] } }), [30]);
    });

    it('takes one of several values; of none, nothing', async () => {
      assert.deepEqual(await expiries({ tag: { in: ['a', 'b', 'a'] } }), [10, 20, 30]);
      assert.deepEqual(await expiries({ owner: { in: ['bob', 'carol', 'dave'] }, tag: { in: ['a', 'B'] } }), [30, 40]);
      assert.deepEqual(await expiries({ tag: { in: [] } }), []);
    });

    it('compares numbers: at most, above', async () => {
      assert.deepEqual(await expiries({ expires: { atMost: 20 } }), [10, 20]);
      assert.deepEqual(await expiries({ expires: { above: 20 }, owner: 'bob' }), [30, 40]);
    });

    it('compares texts in their order: above', async () => {
      assert.deepEqual(await expiries({ tag: { above: 'B' } }), [10, 20, 30]);
      assert.deepEqual(await expiries({ owner: { above: 'alice' }, expires: { above: 30 } }), [40]);
      assert.deepEqual(await expiries({ label: { above: '' } }), [10, 30]);
    });

    it('asks what depends on another only when that finds something, in whatever company', async () => {
      const ask = (owner: string): Select[] => {
        const ifFound: Select = { table: items, where: { owner, tag: 'b' }, columns: ['expires'] };
        return [
          ifFound,
          { table: items, where: { owner }, columns: ['tag'], ifFound },
          { table: items, where: { owner: 'bob', tag: 'a' }, columns: ['label'] },
        ];
      };
      const sorted = (rows: Row[]) => plain(rows).sort();
      const [alice, bob, both] = await Promise.all([
        db().select(ask('alice')),
        db().select(ask('bob')),
        db().select([...ask('bob'), ...ask('alice')]),
      ]);
      const found = [[[20]], [['a'], ['b']], [['z']]];
      const nothing = [[], [], [['z']]];
      assert.deepEqual(alice?.map(sorted), found);
      assert.deepEqual(bob?.map(sorted), nothing);
      assert.deepEqual(both?.map(sorted), [...nothing, ...found]);
    });

    it('refuses what depends on something that is not asked before it', async () => {
      const first: Select = { table: items, where: { owner: 'alice' } };
      const second: Select = { table: items, where: { owner: 'bob' }, ifFound: first };
      const third: Select = { table: items, where: { owner: 'bob' }, ifFound: second };
      for (const queries of [[second], [second, first], [first, second, third]]) {
        await assert.rejects(db().select(queries), /depends on one that is not asked before it/);
      }
      assert.equal((await db().select([first, second])).length, 2);
    });

    it('orders and stops at the limit', async () => {
      assert.deepEqual(await expiries({}, { limit: 3 }), [10, 20, 30]);
      assert.deepEqual(await expiries({}, { limit: 0 }), []);
      const [rows] = await db().select([{ table: items, where: { owner: 'bob' }, orderBy: 'tag', columns: ['tag'] }]);
      assert.deepEqual(rows, [['B'], ['a']], 'by bytes, not by alphabet');
      const [labels] = await db().select([
        { table: items, where: { label: { in: ['z', 'é'] } }, orderBy: 'label', columns: ['label'] },
      ]);
      assert.deepEqual(labels, [['z'], ['é']]);
    });

    it('gives the columns asked for, else all, and an answer per query', async () => {
      const [some, all, none] = await db().select([
        { table: items, where: { tag: 'b' }, columns: ['expires', 'owner'] },
        { table: items, where: { tag: 'b' } },
        { table: versions, where: { name: 'nobody' } },
      ]);
      assert.deepEqual([some, all, none], [[[20, 'alice']], [['alice', 'b', 20, null, null]], []]);
    });

    it('refuses a column that the table does not have', async () => {
      await assert.rejects(expiries({ nope: 1 }), /no column 'nope'/);
      await assert.rejects(expiries({}, { orderBy: 'expires; DROP TABLE suite_items' }), /no column/);
    });

    it('sees what was committed before it', async () => {
      for (let i = 0; i < 20; i++) {
        await db().commit({ writes: [put('carol', `t${i}`)] });
        assert.equal((await tagsOf(db(), 'carol')).length, i + 1);
      }
    });
  });
}
