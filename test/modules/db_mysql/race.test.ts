// Owns the proof that several nodes on one database lose no update: compare-and-swap, also where their transactions deadlock.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Change, Database, Table } from '../../../core/db/database';
import { guarded, items, put, versions } from '../../core/db/sample';
import { mariadbMissing } from '../../support/mariadb';
import { mariadbForThisFile, openTestDatabase } from './help';

/** Raises a counter as a resource's door does: with what is in memory, and after a stale outcome with what is stored. */
async function raise(db: Database, name: string, times: number, tags: string): Promise<number> {
  let version = 0;
  let stale = 0;
  for (let done = 0; done < times; ) {
    const outcome = await db.commit(guarded(name, version, `${tags}${done}`));
    if (outcome === 'committed') {
      done++;
      version++;
      continue;
    }
    stale++;
    const [[row] = []] = await db.select([{ table: versions, where: { name }, columns: ['version'] }]);
    version = Number(row?.[0] ?? 0);
  }
  return stale;
}

describe('two nodes', { skip: mariadbMissing }, () => {
  const mariadb = mariadbForThisFile();

  it('that raise the same counters lose no update and store nothing twice', async () => {
    const url = await mariadb().database();
    const nodes = [await openTestDatabase(url), await openTestDatabase(url)];
    for (const node of nodes) await node.prepare([versions, items]);
    const names = ['alice', 'bob', 'carol', 'dave'];
    const times = 60;
    const stale = await Promise.all(
      nodes.flatMap((node, n) => names.map((name) => raise(node, name, times, `${'ab'[n]}`))),
    );
    assert.ok(
      stale.some((count) => count > 0),
      'the nodes met',
    );
    const [rows, all] = (await nodes[0]?.select([
      { table: versions, where: {}, orderBy: 'name', columns: ['name', 'version'] },
      { table: items, where: {}, columns: ['owner', 'tag'] },
    ])) ?? [[], []];
    assert.deepEqual(
      rows,
      names.map((name) => [name, 2 * times]),
    );
    assert.equal(all?.length, names.length * 2 * times);
    for (const node of nodes) await node.close();
  });

  it('that make one row at the same time: one makes it, the other is told', async () => {
    const url = await mariadb().database();
    const nodes = [await openTestDatabase(url), await openTestDatabase(url)];
    for (const node of nodes) await node.prepare([versions, items]);
    for (let round = 0; round < 30; round++) {
      const attempts = nodes.map((node, n) => node.commit(guarded(`new${round}`, 0, `n${n}`)));
      assert.deepEqual((await Promise.all(attempts)).sort(), ['committed', 'stale']);
    }
    const [rows] = (await nodes[0]?.select([{ table: items, where: {} }])) ?? [];
    assert.equal(rows?.length, 30);
    for (const node of nodes) await node.close();
  });

  it('where the server ends one of two transactions that wait for one another: it is tried again, and stored once', async () => {
    const url = await mariadb().database();
    const name = new URL(url).pathname.slice(1);
    const node = await openTestDatabase(url);
    await node.prepare([versions, items]);
    const owners = ['a', 'b', 'c', 'd', 'e', 'z'];
    await node.commit({ writes: owners.map((owner) => put(owner, '1')) });
    const other = await mariadb().connect(name);
    // Heavier than ours, so that ours is the one that InnoDB undoes.
    await other.query(
      "START TRANSACTION; UPDATE suite_items FORCE INDEX (PRIMARY) SET expires = expires + 1 WHERE owner > 'a'",
    );
    const deadlocks = async () => Number((await mariadb().sql("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'"))[0]?.[1]);
    const before = await deadlocks();
    const change = guarded('alice', 0, 'x');
    const ours = node.commit({
      ...change,
      writes: [put('a', '1', { expires: 7 }), put('z', '1', { expires: 7 }), ...change.writes],
    });
    const waiting = "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";
    while ((await mariadb().sql(waiting)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await other.query("UPDATE suite_items SET expires = expires + 1 WHERE owner = 'a'");
    assert.equal(await deadlocks(), before + 1);
    await other.query('COMMIT');
    await other.end();
    assert.equal(await ours, 'committed');
    const [rows] = await node.select([{ table: items, where: { expires: 7 }, columns: ['owner'], orderBy: 'owner' }]);
    assert.deepEqual(rows, [['a'], ['z']]);
    await node.close();
  });

  it('in one group: a stale change fails alone, and what was read before is not overwritten', async () => {
    const url = await mariadb().database();
    const [here, there] = [await openTestDatabase(url), await openTestDatabase(url)];
    for (const node of [here, there]) await node.prepare([versions, items]);
    const owners = Array.from({ length: 200 }, (_, i) => `user${i}`);
    await Promise.all(owners.map((owner) => here.commit(guarded(owner, 0))));
    for (const owner of ['user7', 'user77', 'user177']) await there.commit(guarded(owner, 1, 'there'));
    const outcomes = await Promise.all(owners.map((owner) => here.commit(guarded(owner, 1, 'here'))));
    const stale = owners.filter((_, i) => outcomes[i] === 'stale');
    assert.deepEqual(stale, ['user7', 'user77', 'user177']);
    const [rows] = await here.select([{ table: items, where: { tag: 'here' } }]);
    assert.equal(rows?.length, 197);
    for (const node of [here, there]) await node.close();
  });

  it('see what the other has committed, in one snapshot', async () => {
    const url = await mariadb().database();
    const [here, there] = [await openTestDatabase(url), await openTestDatabase(url)];
    for (const node of [here, there]) await node.prepare([versions, items]);
    let reading = true;
    const both: Change = {
      writes: [put('a', '1', { expires: 0 }), put('b', '1', { expires: 0 })],
    };
    await there.commit(both);
    const writer = (async () => {
      for (let i = 1; reading; i++) {
        await there.commit({ writes: [put('a', '1', { expires: i }), put('b', '1', { expires: i })] });
      }
    })();
    const one = (owner: string) => ({ table: items as Table, where: { owner }, columns: ['expires'] });
    for (let i = 0; i < 100; i++) {
      // Of one shape: one statement; of several: one transaction.
      const [a, b, c] = await here.select([one('a'), one('b'), { ...one('b'), orderBy: 'tag' }]);
      assert.deepEqual(a, b);
      assert.deepEqual(b, c);
    }
    reading = false;
    await writer;
    for (const node of [here, there]) await node.close();
  });
});
