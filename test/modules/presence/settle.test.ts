// Tests the notes that no NOTIFY is owed: few at a time, each once, and again after a failure.
import assert from 'node:assert/strict';
import test from 'node:test';
import { silentLogger } from '../../../core/base/logger';
import { owed, type Resource, resourceKey } from '../../../modules/presence/resource';
import { Settling } from '../../../modules/presence/settle';
import type { Store } from '../../../modules/presence/store/store';
import { resource } from './records';

/** Resources that owe NOTIFYs which have all been answered; `store` says what becomes of a note. */
function settled(count: number, store: (resource: Resource) => Promise<void>) {
  const resources = new Map<string, Resource>();
  const settling = new Settling({
    store: { settle: store } as unknown as Store,
    log: silentLogger,
    find: (id) => resources.get(id),
    isBusy: () => false,
  });
  const add = (user: string) => {
    const key = resourceKey(user, 'example.com', 'presence');
    resources.set(key.id, { ...resource(), key, owed: owed.state });
    settling.note(key);
  };
  for (let n = 0; n < count; n++) add(`u${n}`);
  return { settling, resources, add };
}

test('notes go to the database some dozens at a time, so that a change can go between them', async () => {
  let open = 0;
  let most = 0;
  let all = 0;
  const { settling, resources } = settled(1000, async () => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setImmediate(resolve));
    open--;
    all++;
  });
  await settling.flush();
  assert.deepEqual([all, settling.quiet.size], [1000, 0]);
  assert.ok(most <= 64, `${most} at a time`);
  assert.ok([...resources.values()].every((each) => each.owed === owed.nothing));
});

test('what settles while notes are written waits for the next time', async () => {
  let all = 0;
  const { settling, add } = settled(200, async () => {
    add(`late${all++}`);
  });
  await settling.flush();
  assert.deepEqual([all, settling.quiet.size], [200, 200]);
});

test('after a failure nothing is taken for noted that is not, and the next time notes the rest', async () => {
  let fails = true;
  const noted: string[] = [];
  const { settling, resources } = settled(150, async ({ key }) => {
    if (fails && key.user === 'u70') throw new Error('the disk is full');
    noted.push(key.user);
  });
  await assert.rejects(settling.flush(), /disk is full/);
  assert.equal(resources.get(resourceKey('u70', 'example.com', 'presence').id)?.owed, owed.state);
  fails = false;
  await settling.flush();
  assert.deepEqual([noted.length, new Set(noted).size, settling.quiet.size], [150, 150, 0]);
});
