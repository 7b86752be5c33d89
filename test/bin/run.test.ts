// Tests test/run.mjs on a small tree: what it runs, what it ends with, and that CI takes no skipped test.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { root } from '../support/tree';

const folder = mkdtempSync(join(tmpdir(), 'rollcall-run-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'test'));
mkdirSync(join(folder, 'dist/test/deep'), { recursive: true });
copyFileSync(join(root, 'test/run.mjs'), join(folder, 'test/run.mjs'));
const write = (path: string, body: string) =>
  writeFileSync(join(folder, 'dist/test', path), `const { test } = require('node:test');\n${body}\n`);
write('good.test.js', "test('good', () => {});");
write('deep/skipping.test.js', "test('left out', { skip: 'no SIPp' }, () => {});");
write('deep/failing.test.js', "test('bad', () => { throw new Error('bad'); });");

function run(args: readonly string[], ci: boolean): Promise<{ code: number | null; out: string }> {
  const { CI: _, NODE_TEST_CONTEXT: __, ...rest } = process.env;
  const env = ci ? { ...rest, CI: 'true' } : rest;
  const child = spawn(process.execPath, [join(folder, 'test/run.mjs'), ...args], { env });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out })));
}

test('a run that passes ends with 0 and the runner’s closing lines', async () => {
  const { code, out } = await run(['good'], true);
  assert.equal(code, 0);
  assert.match(out, /^ℹ pass 1$/m);
  assert.match(out, /^ℹ skipped 0$/m);
});

test('a failing test ends the run with 1', async () => {
  assert.equal((await run(['failing'], false)).code, 1);
});

test('a skipped test passes at home, and in CI ends the run with 1 and its name', async () => {
  assert.equal((await run(['skipping', 'good'], false)).code, 0);
  const { code, out } = await run(['skipping', 'good'], true);
  assert.equal(code, 1);
  assert.match(out, /CI runs every test, and 1 did not run:\nok \d+ - left out # SKIP no SIPp\n/);
});

test('words that match no file are told so', async () => {
  const { code, out } = await run(['nothing'], false);
  assert.deepEqual([code, out], [1, 'no test file matches nothing\n']);
});
