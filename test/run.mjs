// Owns the test run: finds the compiled tests, hands them to Node's runner, and in CI refuses a run that skipped any.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tests = join(root, 'dist', 'test');
// node test/run.mjs presence winfo: the files whose path holds one of the words.
const words = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
const options = process.argv.slice(2).filter((arg) => arg.startsWith('-'));

const files = testFiles(tests).filter(
  (file) => words.length === 0 || words.some((word) => relative(tests, file).includes(word)),
);
if (files.length === 0) {
  console.error(`no test file matches ${words.join(' ') || 'anything: run npm run build first'}`);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'rollcall-tests-'));
const record = join(folder, 'tap');
const runner = spawn(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    // Two servers at a time are what two cores carry without one test's load being another's late timer.
    '--test-concurrency=2',
    // A file that hangs is a failure, not a run without end.
    '--test-timeout=180000',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${record}`,
    ...options,
    ...files,
  ],
  { cwd: root, stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => runner.kill(signal));
runner.on('close', (code) => {
  const skipped = skippedTests();
  rmSync(folder, { recursive: true, force: true });
  if (skipped.length > 0 && process.env.CI) {
    console.error(`\nCI runs every test, and ${skipped.length} did not run:\n${skipped.join('\n')}`);
    process.exit(1);
  }
  process.exit(code ?? 1);
});

function testFiles(path) {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .flatMap((entry) => {
      const child = join(path, entry.name);
      if (entry.isDirectory()) return testFiles(child);
      return entry.name.endsWith('.test.js') ? [child] : [];
    })
    .sort();
}

function skippedTests() {
  if (!existsSync(record)) return [];
  return readFileSync(record, 'utf8')
    .split('\n')
    .filter((line) => /^\s*(not )?ok \d+ .* # (SKIP|T[O]DO)\b/i.test(line))
    .map((line) => line.trim());
}
