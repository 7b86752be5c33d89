// Checks that a promise of the script that fails with nobody waiting is a line in the log and not the end of the process.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';

const run = (what: string) =>
  spawnSync(process.execPath, [join(__dirname, 'rejections-main.js'), what], { encoding: 'utf8' });

test('a promise of the script that nobody awaits is logged', () => {
  const { status, stdout } = run('script');
  assert.equal(stdout, 'script: a promise that nothing awaits has failed: nobody waits\nstill here\n');
  assert.equal(status, 0);
});

test('a promise of the server that nobody awaits still ends the process', () => {
  const { status, stderr } = run('server');
  assert.equal(status, 1);
  assert.match(stderr, /nobody waits here either/);
});
