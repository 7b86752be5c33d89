// Tests that nodes which change the same presentities in turn read before they decide, and go back to memory when they are alone.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Trust } from '../../../../modules/presence/nodes/trust';
import { FlakyDatabase } from '../database';
import { Engine } from '../engine';
import { headerOf, publishText } from '../requests';

test('trust is lost when memory is outdated often, and comes back', () => {
  const trust = new Trust();
  for (let i = 0; i < 1000; i++) trust.note(i % 10 === 0);
  assert.equal(trust.isLost, false, 'one in ten');
  for (let i = 0; i < 100; i++) trust.note(i % 2 === 0);
  assert.equal(trust.isLost, true, 'every other');
  for (let i = 0; i < 200; i++) trust.note(false);
  assert.equal(trust.isLost, false);
});

test('two nodes in turn: no commit in vain once it is known; one alone: no read', async () => {
  const first = new FlakyDatabase();
  const nodes = [];
  for (const n of [1, 2]) {
    nodes.push(
      await Engine.open({
        database: n === 1 ? first : new FlakyDatabase(first.inner),
        settings: { clusterSecret: 'a secret of the nodes', clusterAddress: `sip:10.0.0.${n}:5060` },
      }),
    );
  }
  const [one, two] = nodes as [Engine, Engine];
  let etag = headerOf((await one.handle(publishText({ body: '<a/>' }))).headers, 'SIP-ETag') ?? '';
  const refresh = async (engine: Engine) => {
    const { status, headers } = await engine.handle(publishText({ ifMatch: etag }));
    assert.equal(status, 200);
    etag = headerOf(headers, 'SIP-ETag') ?? '';
  };
  const costs = async (engine: Engine, take: () => Promise<void>) => {
    const { commits, selects } = engine.database;
    await take();
    return [engine.database.commits - commits, engine.database.selects - selects];
  };
  const inTurn = async (rounds: number) => {
    for (let i = 0; i < rounds; i++) for (const engine of [one, two]) await refresh(engine);
  };
  await inTurn(100);
  assert.deepEqual(await costs(two, () => inTurn(50)), [50, 50], 'a read and a commit each');
  for (let i = 0; i < 200; i++) await refresh(two);
  const alone = async () => {
    for (let i = 0; i < 50; i++) await refresh(two);
  };
  assert.deepEqual(await costs(two, alone), [50, 0], 'a commit each');
});
