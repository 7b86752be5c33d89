// Tests bin/setup.mjs on a small tree with stand-ins for npm, the compiler and apt-get: what it does, and when nothing.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, test } from 'node:test';
import { root } from '../support/tree';

const npm = `#!/bin/sh
echo "npm $*" >> calls.log
[ "$1" = run ] && { [ -f fail-native ] && { echo "gyp ERR! stack Error: no compiler"; echo "gyp ERR! not ok"; exit 1; }; exit 0; }
[ -f fail-npm ] && { echo "npm is out of luck"; exit 7; }
sleep 0.2
mkdir -p node_modules/typescript/bin
echo '{}' > node_modules/.package-lock.json
cat > node_modules/typescript/bin/tsc <<'TSC'
const { appendFileSync, mkdirSync, writeFileSync, existsSync } = require('node:fs');
const out = process.argv[process.argv.indexOf('--outDir') + 1];
appendFileSync('calls.log', 'tsc\\n');
mkdirSync(out, { recursive: true });
writeFileSync(out + '/made-by', String(process.pid));
if (existsSync('fail-tsc')) { console.log('core/a.ts(1,1): error TS1: bad'); process.exit(2); }
TSC
`;

const trees: Tree[] = [];
afterEach(() => {
  for (const tree of trees.splice(0)) tree.remove();
});

class Tree {
  readonly folder = mkdtempSync(join(tmpdir(), 'rollcall-setup-'));

  constructor() {
    trees.push(this);
    mkdirSync(join(this.folder, 'bin'));
    copyFileSync(join(root, 'bin/setup.mjs'), join(this.folder, 'bin/setup.mjs'));
    this.write('package-lock.json', '{}');
    this.write('tsconfig.json', '{ "include": ["core", "bench"] }');
    this.write('core/a.ts', '');
    this.program('npm', npm);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  program(name: string, text: string): void {
    this.write(`path/${name}`, text);
    chmodSync(join(this.folder, 'path', name), 0o755);
  }

  /** What the stand-ins were called with since the last look. */
  calls(): string[] {
    const file = join(this.folder, 'calls.log');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    rmSync(file, { force: true });
    return lines;
  }

  /** `node bin/setup.mjs`, with the stand-ins before everything else, or instead of it. */
  run(
    args: readonly string[] = [],
    path = `${join(this.folder, 'path')}:/usr/bin:/bin`,
  ): Promise<{ code: number | null; said: string }> {
    const child = spawn(process.execPath, [join(this.folder, 'bin/setup.mjs'), ...args], {
      cwd: tmpdir(),
      env: { ...process.env, PATH: path },
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, said }));
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

test('on a fresh tree it installs, then compiles, and says both; afterwards it does nothing and says nothing', async () => {
  const tree = new Tree();
  const first = await tree.run();
  assert.equal(first.code, 0);
  assert.match(
    first.said,
    /^setup: installing packages \(the first time about two minutes: better-sqlite3 is compiled\) …$/m,
  );
  assert.match(first.said, /^setup: installing packages: done in \d+ s$/m);
  assert.match(first.said, /^setup: compiling …$/m);
  assert.deepEqual(tree.calls(), ['npm ci --include=dev', 'tsc']);
  assert.deepEqual(await tree.run(), { code: 0, said: '' });
  assert.deepEqual(tree.calls(), []);
});

test('a changed lock file installs again; a changed, a new and a deleted source compile again', async () => {
  const tree = new Tree();
  await tree.run();
  tree.calls();
  tree.write('package-lock.json', '{ "changed": true }');
  await tree.run();
  assert.deepEqual(tree.calls(), ['npm ci --include=dev']);
  tree.write('core/a.ts', '// changed');
  await tree.run();
  tree.write('core/deep/b.ts', '');
  await tree.run();
  rmSync(join(tree.folder, 'core/deep/b.ts'));
  await tree.run();
  assert.deepEqual(tree.calls(), ['tsc', 'tsc', 'tsc']);
  tree.write('core/notes.md', '');
  assert.deepEqual(await tree.run(), { code: 0, said: '' });
});

test('packages installed by hand after the last change of the lock file are taken as they are', async () => {
  const tree = new Tree();
  await tree.run();
  rmSync(join(tree.folder, 'node_modules/.rollcall-packages'));
  tree.calls();
  await tree.run();
  assert.deepEqual(tree.calls(), []);
});

test('a compilation that fails shows why, leaves the old one in place, and is tried again the next time', async () => {
  const tree = new Tree();
  await tree.run();
  const before = readFileSync(join(tree.folder, 'dist/made-by'), 'utf8');
  tree.write('core/a.ts', '// bad');
  tree.write('fail-tsc', '');
  const failed = await tree.run();
  assert.equal(failed.code, 1);
  assert.match(failed.said, /^core\/a\.ts\(1,1\): error TS1: bad$/m);
  assert.match(
    failed.said,
    /^setup: compiling failed after \d+ s \(.* ended with 2\)\. The lines above say what to mend\.$/m,
  );
  assert.equal(readFileSync(join(tree.folder, 'dist/made-by'), 'utf8'), before);
  rmSync(join(tree.folder, 'fail-tsc'));
  assert.equal((await tree.run()).code, 0);
});

test('the addon for UDP is compiled on Linux, again when its sources change; without a compiler set-up says so once and goes on', async () => {
  if (process.platform !== 'linux') return;
  const tree = new Tree();
  const native = 'core/sip/transport/native';
  tree.write(`${native}/binding.gyp`, '{}');
  tree.write(`${native}/a.c`, '');
  assert.equal((await tree.run()).code, 0);
  assert.deepEqual(tree.calls(), ['npm ci --include=dev', 'npm run native', 'tsc']);
  assert.deepEqual(await tree.run(), { code: 0, said: '' });
  tree.write('fail-native', '');
  tree.write(`${native}/a.c`, 'changed');
  const { code, said } = await tree.run();
  assert.equal(code, 0);
  assert.match(said, /^setup: compiling the addon for UDP did not succeed after \d+ s: Error: no compiler$/m);
  assert.match(said, /^setup: UDP goes datagram by datagram, .*: npm run native$/m);
  assert.deepEqual(tree.calls(), ['npm run native']);
  assert.deepEqual(await tree.run(), { code: 0, said: '' });
});

test('an installation that fails shows npm’s words and what may be missing', async () => {
  const tree = new Tree();
  tree.write('fail-npm', '');
  const { code, said } = await tree.run();
  assert.equal(code, 1);
  assert.match(said, /^npm is out of luck$/m);
  assert.match(said, /npm ended with 7\)\. Packages come from your npm registry .* a C\+\+ compiler\.$/m);
});

test('two at once: one works, the other waits for it and then has nothing to do', async () => {
  const tree = new Tree();
  const results = await Promise.all([tree.run(), tree.run()]);
  assert.deepEqual(
    results.map((result) => result.code),
    [0, 0],
  );
  assert.deepEqual(tree.calls(), ['npm ci --include=dev', 'tsc']);
  assert.equal(results.filter(({ said }) => said.includes('another set-up is at work')).length, 1);
});

test('the lock of a set-up that was killed does not stand in the way', async () => {
  const tree = new Tree();
  // No process has this number: Linux ends at 2^22.
  tree.write('var/setup.lock', '4999999');
  assert.equal((await tree.run()).code, 0);
  assert.equal(existsSync(join(tree.folder, 'var/setup.lock')), false);
});

test('with --test and no way to install a program it says which tests will be skipped', async () => {
  const tree = new Tree();
  await tree.run();
  for (const name of ['node', 'npm']) tree.program(name, '#!/bin/sh\n');
  const { code, said } = await tree.run(['--test'], join(tree.folder, 'path'));
  assert.equal(code, 0);
  assert.match(
    said,
    /^setup: without SIPp: the tests in test\/sipp will be skipped \(Debian and Ubuntu have it as the package sip-tester\)$/m,
  );
  assert.match(
    said,
    /^setup: without MariaDB: the tests of db_mysql will be skipped \(.* the package mariadb-server\)$/m,
  );
  assert.match(said, /^setup: without systemd: .* will be skipped \(.* the package systemd\)$/m);
  assert.match(said, /^setup: without gcc: .* will be skipped \(.* gcc libc6-dev\)$/m);
  assert.match(said, /^setup: without Kamailio: .* will be skipped \(.* kamailio kamailio-presence-modules .*\)$/m);
});

test('with --test what is missing is installed as root, after reading the package lists when these are missing', async () => {
  if (process.getuid?.() !== 0) return;
  const tree = new Tree();
  await tree.run();
  tree.calls();
  tree.program(
    'apt-get',
    `#!/bin/sh
[ "$1" = --version ] && exit 0
[ "$1" = update ] && { echo update >> '${join(tree.folder, 'calls.log')}'; > '${join(tree.folder, 'lists')}'; exit 0; }
for last; do :; done
echo "$1 $last" >> '${join(tree.folder, 'calls.log')}'
[ -f '${join(tree.folder, 'lists')}' ]
`,
  );
  const { code, said } = await tree.run(['--test'], `${join(tree.folder, 'path')}:/nowhere`);
  assert.equal(code, 0);
  assert.deepEqual(tree.calls(), [
    'install sip-tester',
    'update',
    'install sip-tester',
    'install mariadb-server',
    'install systemd',
    'install libxml2-utils',
    'install libc6-dev',
    'install kamailio-xml-modules',
  ]);
  assert.doesNotMatch(said, /skipped/);
});
