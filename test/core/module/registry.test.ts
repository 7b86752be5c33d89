// Tests extension points and services: either side may come first, go and come back, and two owners are refused.
import assert from 'node:assert/strict';
import test from 'node:test';
import { extensionPoint, service } from '../../../core/module/points';
import { Registry } from '../../../core/module/registry';

const colours = extensionPoint<string>('test.colours');
const counter = service<{ count: number; next(): number }>('counter');

function counting(from: number) {
  return {
    count: from,
    next() {
      this.count++;
      return this.count;
    },
  };
}

test('a consumer that comes late finds what is there, one that came early sees what comes', () => {
  const registry = new Registry();
  const early = registry.collect(colours);
  registry.provide('a', colours, 'red', '#f00');
  const late = registry.collect(extensionPoint<string>('test.colours'));
  assert.equal(early.get('red'), '#f00');
  assert.equal(late.get('red'), '#f00');
});

test('an item goes with its registration, and its key is free again', () => {
  const registry = new Registry();
  const items = registry.collect(colours);
  const undo = registry.provide('a', colours, 'red', '#f00');
  undo();
  assert.equal(items.size, 0);
  registry.provide('b', colours, 'red', 'ff0000');
  undo();
  assert.equal(items.get('red'), 'ff0000');
});

test('a key that another module holds is refused, and both are named', () => {
  const registry = new Registry();
  registry.provide('a', colours, 'red', '#f00');
  assert.throws(() => registry.provide('b', colours, 'red', '#e00'), {
    message: 'b and a both provide "red" at test.colours: load only one of them',
  });
});

test('a service is used through a handle that follows its owner through a reload', () => {
  const registry = new Registry();
  const undo = registry.offer('old', counter, counting(0));
  const handle = registry.use(counter);
  const { next } = handle;
  assert.equal(handle.next(), 1);
  assert.equal(next(), 2);
  assert.equal(handle.count, 2);
  undo();
  assert.throws(() => handle.next(), { message: 'no loaded module offers counter' });
  assert.throws(() => next(), { message: 'no loaded module offers counter' });
  registry.offer('new', counter, counting(10));
  assert.equal(handle.next(), 11);
  assert.equal(next(), 12);
  assert.equal(registry.use(counter), handle);
});

test('a handle says what is there and cannot be written to', () => {
  const registry = new Registry();
  registry.offer('a', counter, counting(0));
  const handle = registry.use(counter);
  assert.equal('next' in handle, true);
  assert.equal('other' in handle, false);
  assert.throws(() => {
    handle.count = 7;
  }, TypeError);
});

test('a service that nobody offers, or that two offer, is refused', () => {
  const registry = new Registry();
  assert.throws(() => registry.use(counter), {
    message: 'no loaded module offers counter',
    hint: 'name the module that offers it in `depends` and in loadmodule',
  });
  registry.offer('a', counter, counting(0));
  assert.throws(() => registry.offer('b', counter, counting(0)), {
    message: 'b and a both offer counter: load only one of them',
  });
});
