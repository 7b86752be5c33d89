// Tests the gate: who is inside, who waits, closing when it is empty, and opening again when that takes too long.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Gate } from '../../../core/module/gate';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a gate lets calls pass, makes them wait while it is closed, and closes when nobody is inside', async () => {
  const gate = new Gate();
  let finish = (_: string) => {};
  const inside = gate.pass(
    () =>
      new Promise<string>((resolve) => {
        finish = resolve;
      }),
  );
  let closed = false;
  const closing = gate.close(1000, 'it').then(() => {
    closed = true;
  });
  const waiting = gate.pass(() => 'second');
  await turn();
  assert.deepEqual([closed, gate.waiting], [false, 1]);
  finish('first');
  await closing;
  assert.equal(await inside, 'first');
  gate.open();
  assert.equal(await waiting, 'second');
  assert.equal(
    gate.pass(() => 'at once'),
    'at once',
  );
  await assert.rejects(async () => gate.pass(() => Promise.reject(new Error('no'))), /no/);
  await gate.close(10, 'it');
});

test('a gate that cannot be closed in time opens again', async () => {
  const gate = new Gate();
  let finish = (_: string) => {};
  void gate.pass(
    () =>
      new Promise<string>((resolve) => {
        finish = resolve;
      }),
  );
  await assert.rejects(gate.close(5, 'slow'), { message: '1 calls of slow have not finished within 0.005 s' });
  assert.equal(
    gate.pass(() => 'open'),
    'open',
  );
  finish('');
});
