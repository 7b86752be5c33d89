// Holds the form of CHANGELOG.md: Keep a Changelog, entries that name the part they change.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { root, source } from '../support/tree';

const groups = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
const lines = source('CHANGELOG.md').split('\n');

test('CHANGELOG.md begins with what is unreleased, then versions with dates, newest first', () => {
  assert.equal(lines[0], '# Changelog');
  const headings = lines.filter((line) => line.startsWith('## '));
  assert.equal(headings[0], '## [Unreleased]');
  for (const heading of headings.slice(1)) assert.match(heading, /^## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$/);
  const dates = headings.slice(1).map((heading) => heading.slice(-10));
  assert.deepEqual(dates, [...dates].sort().reverse());
});

test('changes stand in the groups of Keep a Changelog', () => {
  const wrong = lines.filter((line) => line.startsWith('### ') && !groups.includes(line.slice(4)));
  assert.deepEqual(wrong, []);
});

test('an entry begins with core or the name of a module', () => {
  const parts = new Set(['core', 'cli', 'docs', 'test', 'bench', ...readdirSync(join(root, 'modules'))]);
  const named = (line: string) => (/^- ([\w, ]+?):/.exec(line)?.[1] ?? '').split(', ');
  const wrong = lines.filter((line) => line.startsWith('- ') && !named(line).every((part) => parts.has(part)));
  assert.deepEqual(wrong, []);
});

test('every module has its README', () => {
  const missing = readdirSync(join(root, 'modules')).filter(
    (name) => !existsSync(join(root, 'modules', name, 'README.md')),
  );
  assert.deepEqual(missing, []);
});
