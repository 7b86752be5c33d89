// Owns the proof that compare-and-swap holds over the nodes of a Galera cluster, where another node's change undoes a transaction at any moment.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DatabaseUnavailable } from '../../../core/db/database';
import type { MysqlDatabase } from '../../../modules/db_mysql/database';
import { guarded, items, versions } from '../../core/db/sample';
import { galeraMissing, startCluster } from '../../support/galera';
import type { Mariadb } from '../../support/mariadb';
import { openTestDatabase } from './help';

describe('a Galera cluster', { skip: galeraMissing }, () => {
  let cluster: Mariadb[] = [];
  let nodes: MysqlDatabase[] = [];
  before(async () => {
    cluster = await startCluster(2);
    await cluster[0]?.sql('CREATE DATABASE shared');
    nodes = await Promise.all(cluster.map((server) => openTestDatabase(server.url('shared'))));
  });
  after(async () => {
    for (const node of nodes) await node.close();
    for (const server of cluster) await server.stop();
  });

  it('of which every node makes the tables at the same time has them once', async () => {
    await Promise.all(nodes.map((node) => node.prepare([versions, items])));
    const rows = await cluster[1]?.sql("SELECT table_version FROM version WHERE table_name = 'suite_items'", 'shared');
    assert.deepEqual(rows, [[1]]);
  });

  it('loses no update and stores nothing by halves', async () => {
    const names = ['alice', 'bob', 'carol', 'dave'];
    const times = 150;
    /** Raises a counter, each time with a row of its own, which tells whether a change whose outcome is unknown was stored. */
    const raise = async (node: MysqlDatabase, name: string, mark: string) => {
      for (let version = 0, done = 0; done < times; ) {
        const tag = `${mark}${done}`;
        try {
          if ((await node.commit(guarded(name, version, tag))) === 'committed') {
            version++;
            done++;
            continue;
          }
        } catch (error) {
          assert.ok(error instanceof DatabaseUnavailable, String(error));
        }
        const [[row] = [], stored] = await node.select([
          { table: versions, where: { name }, columns: ['version'] },
          { table: items, where: { owner: name, tag } },
        ]);
        version = Number(row?.[0] ?? 0);
        done += stored?.length ?? 0;
      }
    };
    await Promise.all(nodes.flatMap((node, n) => names.map((name) => raise(node, name, 'ab'[n] ?? ''))));
    for (const node of nodes) {
      const [rows, all] = await node.select([
        { table: versions, where: {}, orderBy: 'name', columns: ['name', 'version'] },
        { table: items, where: {}, columns: ['owner'] },
      ]);
      assert.deepEqual(
        rows,
        names.map((name) => [name, 2 * times]),
      );
      assert.equal(all?.length, names.length * 2 * times);
    }
    const conflicts = await Promise.all(
      cluster.map((server) =>
        server.sql("SHOW STATUS WHERE Variable_name IN ('wsrep_local_cert_failures', 'wsrep_local_bf_aborts')"),
      ),
    );
    assert.ok(
      conflicts.flat().some(([, count]) => Number(count) > 0),
      "the nodes were in one another's way",
    );
  });
});
