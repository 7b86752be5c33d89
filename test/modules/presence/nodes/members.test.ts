// Holds who counts as alive: by beats in the database and one's own clock, not at once when somebody is new, at once when somebody left.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Members } from '../../../../modules/presence/nodes/members';
import { schemaOf } from '../../../../modules/presence/store/schema';
import { FlakyDatabase } from '../database';
import { defaults } from '../engine';

const { node: table } = schemaOf(defaults);

class Cluster {
  now = 1_000_000;
  readonly database = new FlakyDatabase();
  clashes = 0;
  private ids = 0;

  async start(address: string, timeout: number | (() => number) = 10_000): Promise<Members> {
    await this.database.prepare([table]);
    const members = new Members({
      database: this.database,
      table,
      address,
      timeout: typeof timeout === 'number' ? () => timeout : timeout,
      now: () => this.now,
      newId: () => ++this.ids,
      clash: () => this.clashes++,
    });
    await members.tick();
    return members;
  }

  /** So many seconds, with a beat of each node in every one; who has died by what the first of them sees. */
  async pass(seconds: number, ...members: Members[]): Promise<number[]> {
    const dead: number[] = [];
    for (let n = 0; n < seconds; n++) {
      this.now += 1000;
      for (const [i, each] of members.entries()) {
        const found = await each.tick();
        if (i === 0) dead.push(...found);
      }
    }
    return dead;
  }
}

test('a node that does not beat any more is dead after the time-out, and that is told once', async () => {
  const cluster = new Cluster();
  const [a, b] = [await cluster.start('sip:a'), await cluster.start('sip:b')];
  assert.deepEqual(await cluster.pass(3, a, b), []);
  assert.ok(a.isAlive(b.id) && b.isAlive(a.id));
  assert.deepEqual(await cluster.pass(9, a), []);
  assert.deepEqual(await cluster.pass(5, a), [b.id]);
  assert.ok(!a.isAlive(b.id));
  await b.tick();
  await a.tick();
  assert.ok(a.isAlive(b.id), 'it beats again');
});

test('how long the others wait for a node is what it has told them, whatever their own time-outs', async () => {
  const cluster = new Cluster();
  const [patient, hasty] = [await cluster.start('sip:a', 20_000), await cluster.start('sip:b', 5_000)];
  await cluster.pass(1, patient, hasty);
  assert.deepEqual(await cluster.pass(4, patient), []);
  assert.deepEqual(await cluster.pass(2, patient), [hasty.id]);
  await hasty.tick();
  assert.deepEqual(await cluster.pass(19, hasty), []);
  assert.deepEqual(await cluster.pass(2, hasty), [patient.id]);
});

test('a node whose time-out was raised is silent by the old one until it has told the others', async () => {
  const cluster = new Cluster();
  let timeout = 5_000;
  const node = await cluster.start('sip:a', () => timeout);
  timeout = 50_000;
  cluster.now += 3_000;
  assert.ok(!node.isSure);
  await node.tick();
  cluster.now += 3_000;
  assert.ok(node.isSure);
});

test('beats without a gap are one time of being sure; after a gap another one begins', async () => {
  const cluster = new Cluster();
  const node = await cluster.start('sip:a');
  const { sureSince } = node.state;
  await cluster.pass(5, node);
  assert.equal(node.state.sureSince, sureSince);
  await cluster.pass(1);
  cluster.now += 4_000;
  await node.tick();
  assert.equal(node.state.sureSince, cluster.now);
});

test('a node that leaves is dead at once; one that was never heard of gets its time', async () => {
  const cluster = new Cluster();
  const [a, b] = [await cluster.start('sip:a'), await cluster.start('sip:b')];
  await a.tick();
  await b.leave();
  assert.deepEqual(await a.tick(), [b.id]);
  assert.ok(a.isAlive(4711));
  assert.deepEqual(await cluster.pass(11, a), [4711]);
});

test('who starts at an address knows that who was there before is dead; two that live there are noticed', async () => {
  const cluster = new Cluster();
  const before = await cluster.start('sip:a');
  const b = await cluster.start('sip:b');
  const after = await cluster.start('sip:a');
  assert.ok(!after.isAlive(before.id));
  assert.ok(b.isAlive(before.id), 'the others wait');
  assert.equal(cluster.clashes, 0);
  await before.tick();
  await after.tick();
  assert.equal(cluster.clashes, 1);
});

test('a node that cannot write is not sure to be taken for alive long before the others may take it for dead', async () => {
  const cluster = new Cluster();
  const [a, b] = [await cluster.start('sip:a'), await cluster.start('sip:b')];
  await a.tick();
  cluster.now += 3900;
  assert.ok(b.isSure);
  cluster.now += 200;
  assert.ok(!b.isSure && a.isAlive(b.id));
  cluster.database.away = true;
  await assert.rejects(b.tick());
  assert.ok(!b.isSure);
  cluster.database.away = false;
  await b.tick();
  assert.ok(b.isSure);
});

test('whoever could not look for a while takes nobody for dead because of it', async () => {
  const cluster = new Cluster();
  const [a, b] = [await cluster.start('sip:a'), await cluster.start('sip:b')];
  await a.tick();
  cluster.now += 60_000;
  assert.ok(a.isAlive(b.id), 'before it has looked again');
  assert.deepEqual(await a.tick(), []);
  assert.ok(a.isAlive(b.id), 'the other one may have been cut off as well');
  await b.tick();
  assert.deepEqual(await cluster.pass(9, a), []);
});

test('what any node could do falls to one of the living', async () => {
  const cluster = new Cluster();
  const nodes = [await cluster.start('sip:a'), await cluster.start('sip:b'), await cluster.start('sip:c')];
  for (const each of nodes) await each.tick();
  const counts = nodes.map(() => 0);
  for (let i = 0; i < 300; i++) {
    const takers = nodes.filter((each) => each.prefers(`resource ${i}`));
    assert.equal(takers.length, 1);
    for (const taker of takers) counts[nodes.indexOf(taker)] = (counts[nodes.indexOf(taker)] ?? 0) + 1;
  }
  assert.ok(
    counts.every((count) => count > 50),
    counts.join(' '),
  );
  await nodes[2]?.leave();
  await nodes[0]?.tick();
  await nodes[1]?.tick();
  for (let i = 0; i < 50; i++) {
    assert.equal(nodes.slice(0, 2).filter((each) => each.prefers(`resource ${i}`)).length, 1);
  }
});

test('the rows of the long dead are removed', async () => {
  const cluster = new Cluster();
  const [a] = [await cluster.start('sip:a'), await cluster.start('sip:b')];
  await cluster.pass(120, a);
  const [rows] = await cluster.database.select([{ table, where: {} }]);
  assert.deepEqual(
    rows?.map(([, address]) => address),
    ['sip:a'],
  );
  assert.deepEqual(
    a.list().map(({ address, alive }) => `${address} ${alive}`),
    ['sip:a true'],
  );
});
