// Tests the order of setup: needs come first, the rest as listed, circles are named.
import assert from 'node:assert/strict';
import test from 'node:test';
import { dependencyOrder } from '../../../core/module/order';

const needs = (table: Record<string, string[]>) => new Map(Object.entries(table));

test('what a module needs comes before it, and the rest stays as it is listed', () => {
  assert.deepEqual(dependencyOrder(['c', 'a', 'b'], needs({})), ['c', 'a', 'b']);
  assert.deepEqual(dependencyOrder(['c', 'a', 'b'], needs({ c: ['b'], b: ['a'] })), ['a', 'b', 'c']);
});

test('a need that is not loaded is left to the config check', () => {
  assert.deepEqual(dependencyOrder(['a'], needs({ a: ['x'] })), ['a']);
});

test('a circle is named from where it begins', () => {
  const circle = needs({ z: ['a'], a: ['b'], b: ['c'], c: ['a'] });
  assert.throws(() => dependencyOrder(['z', 'a', 'b', 'c'], circle), {
    message: 'modules need each other in a circle: a → b → c → a',
  });
  assert.throws(() => dependencyOrder(['a'], needs({ a: ['a'] })), {
    message: 'modules need each other in a circle: a → a',
  });
});
