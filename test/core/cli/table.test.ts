// Tests how results are shown to people: tables, properties, and what does not fit into a line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shown } from '../../../core/cli/table';

test('a list of things is a table with a column for each name', () => {
  assert.deepEqual(
    shown([
      { name: 'a', size: 1 },
      { name: 'longer', more: true },
    ]),
    ['name    size  more', 'a       1', 'longer        true'],
  );
});

test('things that are too wide for a line, or have several lines, come one after the other', () => {
  const lines = (text: string) =>
    shown([
      { name: 'a', text },
      { name: 'b', text: 'short' },
    ]);
  assert.deepEqual(lines('x'.repeat(200)), ['name  a', `text  ${'x'.repeat(200)}`, '', 'name  b', 'text  short']);
  assert.deepEqual(lines('one\ntwo'), ['name  a', 'text', '  one', '  two', '', 'name  b', 'text  short']);
});

test('one thing is shown as properties, an empty list as none, nothing as done', () => {
  assert.deepEqual(shown({ up_s: 3, listen: [] }), ['up_s    3', 'listen  none']);
  assert.deepEqual([shown([]), shown(null), shown('two\nlines')], [['none'], ['done'], ['two', 'lines']]);
});
