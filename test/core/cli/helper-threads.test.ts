// Tests that V8's helper threads stand back behind the threads that serve.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../../support/tree';

/** Prints the nice value of each thread, the first one first, in a process with a worker and a thread for files. */
const program = `
  const { readdirSync, readFileSync, promises } = require('node:fs');
  const { Worker } = require('node:worker_threads');
  require(${JSON.stringify(join(root, 'dist', 'core', 'cli', 'helper-threads.js'))}).helpersStandBack();
  const before = readdirSync('/proc/self/task').length;
  const worker = new Worker('require("node:worker_threads").parentPort.postMessage("up"); setInterval(() => {}, 1000)', { eval: true });
  worker.once('message', async () => {
    await promises.stat('.');
    const nice = (thread) => readFileSync('/proc/self/task/' + thread + '/stat', 'latin1').replace(/^.*\\) /s, '').split(' ')[16];
    console.log(JSON.stringify({ before, nice: readdirSync('/proc/self/task').map(nice).map(Number) }));
    process.exit();
  });
`;

test('V8’s helpers have a lower priority than the main thread and all that it starts', {
  skip: process.platform !== 'linux' && 'only Linux has priorities of threads',
}, () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  const { before, nice } = JSON.parse(stdout || stderr) as { before: number; nice: number[] };
  const [main = Number.NaN] = nice;
  const lower = nice.filter((value) => value > main);
  assert.ok(before >= 5 && nice.length > before, stdout);
  assert.equal(lower.length, before - 1, stdout);
});
