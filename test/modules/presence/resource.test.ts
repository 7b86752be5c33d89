// Holds the resource's derived numbers, its keys, the cache of resources and the heap of times.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Heap } from '../../../core/base/heap';
import { ResourceCache } from '../../../modules/presence/cache';
import {
  documentCeiling,
  emptyResource,
  isEmpty,
  keyOfUri,
  type Resource,
  resourceKey,
} from '../../../modules/presence/resource';
import { addSubscription, removeSubscription, subscriptionCount } from '../../../modules/presence/subscribers';
import { resource, subscription } from './records';

test('the counters follow what is put in, put anew and taken out', () => {
  const of = resource();
  const bob = subscription({ callId: 'a' });
  addSubscription(of, bob);
  addSubscription(of, subscription({ callId: 'b' }));
  addSubscription(of, subscription({ callId: 'w', winfo: true }));
  assert.equal(subscriptionCount(of, bob.watcher, false), 2);
  assert.equal(subscriptionCount(of, bob.watcher, true), 1);
  assert.equal(of.winfoSubscriptions, 1);
  addSubscription(of, { ...bob, expires: 1 });
  assert.equal(subscriptionCount(of, bob.watcher, false), 2);
  addSubscription(of, { ...bob, watcher: 'sip:carol@example.com' });
  assert.equal(subscriptionCount(of, bob.watcher, false), 1);
  // Whoever asks for it to be taken out may hold an older copy.
  removeSubscription(of, bob);
  removeSubscription(of, bob);
  assert.equal(subscriptionCount(of, 'sip:carol@example.com', false), 0);
  removeSubscription(of, subscription({ callId: 'w', winfo: true }));
  assert.equal(of.winfoSubscriptions, 0);
  assert.equal(subscriptionCount(of, 'sip:bob@example.com', false), 1);
  assert.equal(isEmpty(of), false);
});

test('who sees a part is counted, whatever becomes of his view', () => {
  const of = resource();
  const bob = subscription({ callId: 'a', view: 'part' });
  addSubscription(of, bob);
  addSubscription(of, subscription({ callId: 'w', winfo: true, view: 'part' }));
  for (const [view, count] of [
    ['closed', 0],
    ['part', 1],
    ['everything', 0],
    ['part', 1],
  ] as const) {
    addSubscription(of, { ...bob, view });
    assert.equal(of.partialViews, count, view);
  }
  for (let i = 0; i < 20; i++)
    addSubscription(of, subscription({ callId: `c${i}`, view: i % 2 ? 'part' : 'everything' }));
  assert.equal(of.partialViews, 11);
  removeSubscription(of, bob);
  removeSubscription(of, bob);
  assert.equal(of.partialViews, 10);
});

test('a crowd is counted like a few, while it comes and while it goes', () => {
  const of = resource();
  const each = Array.from({ length: 40 }, (_, i) =>
    subscription({ callId: `c${i}`, watcher: `sip:w${i % 3}@h`, winfo: i % 5 === 0 }),
  );
  const counted = (watcher: string, winfo: boolean) =>
    [...of.subscriptions.values()].filter((one) => one.watcher === watcher && one.winfo === winfo).length;
  const check = () => {
    for (const watcher of ['sip:w0@h', 'sip:w1@h', 'sip:w2@h']) {
      for (const winfo of [true, false])
        assert.equal(
          subscriptionCount(of, watcher, winfo),
          counted(watcher, winfo),
          `${watcher} of ${of.subscriptions.size}`,
        );
    }
    assert.equal(of.winfoSubscriptions, [...of.subscriptions.values()].filter(({ winfo }) => winfo).length);
  };
  for (const one of each) {
    addSubscription(of, one);
    check();
  }
  for (const one of each) {
    removeSubscription(of, one);
    check();
  }
});

test('a watcher whose address begins like a watcherinfo key is counted for himself', () => {
  const of = resource({ subscriptions: [subscription({ watcher: 'winfo sip:bob@example.com' })] });
  assert.equal(of.winfoSubscriptions, 0);
  assert.equal(subscriptionCount(of, 'winfo sip:bob@example.com', false), 1);
});

test('documents are counted while a subscription is active only', () => {
  const of = resource();
  of.winfoFanouts = 5;
  const each = subscription({ winfo: true, fanoutsAt: 2, version: 7 });
  assert.equal(documentCeiling(of, each), 10);
  assert.equal(documentCeiling(of, { ...each, status: 'pending' }), 7);
});

test('a key and its URI are one, with and without a user', () => {
  for (const key of [resourceKey('alice', 'example.com', 'presence'), resourceKey('', '[::1]', 'dialog')]) {
    assert.deepEqual(keyOfUri(key.uri, key.event), key);
  }
  assert.notEqual(resourceKey('a', 'b', 'presence').id, resourceKey('a', 'b', 'dialog').id);
});

function named(n: number): Resource {
  return emptyResource(resourceKey(`u${n}`, 'h', 'presence'));
}

test('the cache keeps about its size, what was used last, and what is busy', () => {
  const gone: string[] = [];
  const cache = new ResourceCache(
    20,
    ({ key }) => key.user === 'u1',
    ({ key }) => gone.push(key.user),
  );
  for (let n = 1; n <= 200; n++) {
    cache.put(named(n));
    assert.ok(cache.get('sip:u2@h presence') || n < 2, 'used each time');
  }
  const kept = [...cache.all()].map(({ key }) => key.user);
  assert.ok(kept.length <= 22, `${kept.length} kept`);
  assert.ok(kept.includes('u1') && kept.includes('u2') && kept.includes('u200'));
  assert.equal(gone.length + kept.length, 200);
  assert.equal(new Set([...gone, ...kept]).size, 200);
});

test('peeking is no use, and dropping counts only for the very object', () => {
  const gone: Resource[] = [];
  const cache = new ResourceCache(
    4,
    () => false,
    (resource) => gone.push(resource),
  );
  const first = named(1);
  cache.put(first);
  cache.drop(named(1));
  assert.equal(cache.peek(first.key.id), first);
  for (const n of [2, 3, 4, 5, 6, 7]) {
    cache.peek(first.key.id);
    cache.put(named(n));
  }
  assert.equal(cache.peek(first.key.id), undefined);
  const last = named(8);
  cache.put(last);
  cache.drop(last);
  cache.drop(last);
  assert.equal(cache.get(last.key.id), undefined);
  assert.ok(!gone.includes(last), 'only what makes room is told of');
});

test('the heap gives what is smallest, whatever the order it came in', () => {
  const heap = new Heap<number>();
  assert.equal(heap.first, Number.POSITIVE_INFINITY);
  assert.equal(heap.pop(), undefined);
  const numbers = Array.from({ length: 500 }, (_, n) => (n * 7919) % 499);
  for (const n of numbers) heap.push(n, n);
  const popped: (number | undefined)[] = [];
  while (heap.size > 0) popped.push(heap.pop());
  assert.deepEqual(
    popped,
    numbers.sort((a, b) => a - b),
  );
});
