// Tests three nodes on a Galera cluster of three, under a load that goes to all of them, while a node and then a database node are killed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosLoad, mulberry32 } from '../support/chaos-load';
import { galeraMissing, startCluster } from '../support/galera';
import type { Mariadb } from '../support/mariadb';
import { nodeSpec, RollcallProcess } from '../support/rollcall';

/** `ROLLCALL_SEED=7 ROLLCALL_ROUNDS=10 node test/run.mjs e2e/galera` runs ten seeds from 7 on. */
const first = Number(process.env.ROLLCALL_SEED ?? Date.now() % 100_000);
const rounds = Number(process.env.ROLLCALL_ROUNDS ?? 1);
const size = 3;

for (let seed = first; seed < first + rounds; seed++) {
  test(`three nodes on three Galera nodes, killed with -9 under load (seed ${seed})`, { skip: galeraMissing }, () =>
    scenario(seed),
  );
}

async function scenario(seed: number): Promise<void> {
  const random = mulberry32(seed ^ 0x5eed);
  const databases = await startCluster(size);
  const nodes: RollcallProcess[] = [];
  const load: ChaosLoad[] = [];
  try {
    await databases[0]?.sql('CREATE DATABASE presence');
    for (const database of databases) nodes.push(await RollcallProcess.start(nodeSpec(database.url('presence'), 5)));
    const chaos = new ChaosLoad({ seed, ports: nodes.map(({ port }) => port), presentities: 12, watchers: 3 });
    load.push(chaos);
    await chaos.start();
    await chaos.run(4000);

    const lost = Math.floor(random() * size);
    await pick(nodes, lost).kill();
    await chaos.run(8000);

    // Another one than that of the node that was killed: one node is left with all that it needs.
    const broken = (lost + 1 + Math.floor(random() * (size - 1))) % size;
    await pick(databases, broken).kill();
    await chaos.run(8000);

    await pick(databases, broken).start();
    await pick(nodes, lost).start();
    await chaos.run(4000);
    await chaos.stop();
    assert.deepEqual(chaos.faults, [], `seed ${seed}`);

    // Whoever lost the database serves again by itself.
    for (const { port } of nodes) await served(chaos, port);
    await chaos.verify();
    assert.deepEqual(chaos.faults, [], `seed ${seed}`);
    const { acknowledged, failovers, client } = chaos;
    console.log(
      `seed ${seed}: ${acknowledged} requests acknowledged, ${failovers} tried elsewhere, ${client.notifies} NOTIFYs`,
    );
  } catch (error) {
    console.error(`seed ${seed}: ${error instanceof Error ? error.message : error}`);
    for (const node of nodes) console.error(`node ${node.port}\n${node.log.slice(-4000)}`);
    throw error;
  } finally {
    for (const chaos of load) await chaos.abort();
    for (const node of nodes) await node.stop();
    for (const database of databases) await database.stop();
  }
}

function pick<T extends RollcallProcess | Mariadb>(all: readonly T[], index: number): T {
  const one = all[index];
  assert.ok(one);
  return one;
}

async function served(chaos: ChaosLoad, port: number): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    const answer = await chaos.client.publish(`sip:served${port}@localhost`, undefined, 'here', 60, port);
    if (answer?.status === 200) return;
    await sleep(500);
  }
  assert.fail(`the node at port ${port} does not serve any more`);
}
