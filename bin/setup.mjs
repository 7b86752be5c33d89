// Owns set-up on a fresh machine: installs packages and compiles, each only when needed; with --test, what the tests need.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const inRoot = (...parts) => join(root, ...parts);
const forTests = process.argv.includes('--test');

const neededNode = 20;
const nodeMajor = Number(process.versions.node.split('.')[0]);
if (nodeMajor < neededNode) {
  fail(
    `Rollcall needs Node.js ${neededNode} or later, and this is ${process.versions.node}. Install a newer one and run it again.`,
  );
}

const packagesStamp = inRoot('node_modules', '.rollcall-packages');
const buildStamp = inRoot('dist', '.rollcall-build');
const native = 'core/sip/transport/native';
const nativeStamp = inRoot(native, 'build', '.rollcall-native');
const lockFile = inRoot('var', 'setup.lock');

if (packagesMissing() || nativeMissing() || buildMissing()) {
  await lock();
  // Looked at again: another set-up may have done the work while this one waited.
  if (packagesMissing()) await installPackages();
  if (nativeMissing()) await buildNative();
  if (buildMissing()) await build();
  unlock();
}
if (forTests) await installForTests();

/** Whether node_modules is not what the lock file asks for, or was built for another Node. */
function packagesMissing() {
  const installed = inRoot('node_modules', '.package-lock.json');
  if (!existsSync(installed)) return true;
  const wanted = packagesIdentity();
  if (existsSync(packagesStamp)) return readFileSync(packagesStamp, 'utf8') !== wanted;
  // Installed by hand with npm: as good, when it was after the last change of the lock file.
  if (statSync(installed).mtimeMs < statSync(inRoot('package-lock.json')).mtimeMs) return true;
  writeFileSync(packagesStamp, wanted);
  return false;
}

function packagesIdentity() {
  const lockHash = createHash('sha256')
    .update(readFileSync(inRoot('package-lock.json')))
    .digest('hex');
  return `${lockHash} node-abi-${process.versions.modules}\n`;
}

async function installPackages() {
  await step(
    'installing packages (the first time about two minutes: better-sqlite3 is compiled)',
    'npm',
    // The compiler is a development dependency, which NODE_ENV=production would leave out.
    ['ci', '--include=dev'],
    'Packages come from your npm registry (npm config get registry). better-sqlite3 may need python3, make and a C++ compiler.',
  );
  writeFileSync(packagesStamp, packagesIdentity());
}

/** Whether the addon for UDP has not been tried to be compiled from these sources for this Node. Only Linux has its system calls. */
function nativeMissing() {
  if (process.platform !== 'linux' || !existsSync(inRoot(native, 'binding.gyp'))) return false;
  return !existsSync(nativeStamp) || readFileSync(nativeStamp, 'utf8') !== nativeIdentity();
}

function nativeIdentity() {
  const hash = createHash('sha256');
  for (const name of readdirSync(inRoot(native)).sort()) {
    if (/\.(c|h|gyp)$/.test(name)) hash.update(`${name}\n`).update(readFileSync(inRoot(native, name)));
  }
  return `${hash.digest('hex')} node-abi-${process.versions.modules} ${process.arch}\n`;
}

/** The server works without it: what is missing is said once, and not tried again before something has changed. */
async function buildNative() {
  if (!(await attempt('compiling the addon for UDP', 'npm', ['run', 'native']))) {
    rmSync(inRoot(native, 'build'), { recursive: true, force: true });
    say('UDP goes datagram by datagram, at twice the cost; with python3, make and a C compiler: npm run native');
  }
  mkdirSync(dirname(nativeStamp), { recursive: true });
  writeFileSync(nativeStamp, nativeIdentity());
}

/** Whether a source file has changed, come or gone since the last compilation. */
function buildMissing() {
  return !existsSync(buildStamp) || readFileSync(buildStamp, 'utf8') !== sourcesIdentity();
}

function sourcesIdentity() {
  const hash = createHash('sha256');
  const visit = (path) => {
    for (const entry of readdirSync(inRoot(path), { withFileTypes: true })) {
      const child = `${path}/${entry.name}`;
      if (entry.isDirectory()) visit(child);
      else if (entry.name.endsWith('.ts')) note(child);
    }
  };
  const note = (path) => {
    const { mtimeMs, size } = statSync(inRoot(path));
    hash.update(`${path} ${mtimeMs} ${size}\n`);
  };
  const folders = JSON.parse(readFileSync(inRoot('tsconfig.json'), 'utf8')).include;
  for (const folder of folders) if (existsSync(inRoot(folder))) visit(folder);
  note('tsconfig.json');
  return `${hash.digest('hex')}\n`;
}

/** Compiles beside the old output and swaps: nothing of a deleted source stays, and a running server keeps what it loads. */
async function build() {
  const identity = sourcesIdentity();
  const fresh = inRoot('dist.new');
  const old = inRoot('dist.old');
  rmSync(fresh, { recursive: true, force: true });
  const tsc = inRoot('node_modules', 'typescript', 'bin', 'tsc');
  await step(
    'compiling',
    process.execPath,
    [tsc, '-p', inRoot('tsconfig.json'), '--outDir', fresh],
    'The lines above say what to mend.',
  );
  writeFileSync(join(fresh, '.rollcall-build'), identity);
  rmSync(old, { recursive: true, force: true });
  if (existsSync(inRoot('dist'))) renameSync(inRoot('dist'), old);
  renameSync(fresh, inRoot('dist'));
  rmSync(old, { recursive: true, force: true });
  spawnSync(process.execPath, [inRoot('bin', 'rollcall.js'), 'types', '-f', inRoot('etc', 'rollcall.yaml')], {
    stdio: 'ignore',
  });
}

/** Programs that tests run, and the packages of Debian and Ubuntu that have them. */
async function installForTests() {
  const wanted = [
    { program: 'sipp', question: '-v', pack: 'sip-tester', without: 'SIPp: the tests in test/sipp' },
    { program: 'mariadbd', question: '--version', pack: 'mariadb-server', without: 'MariaDB: the tests of db_mysql' },
    { program: 'systemd-analyze', question: '--version', pack: 'systemd', without: 'systemd: the check of its unit' },
    {
      program: 'xmllint',
      question: '--version',
      pack: 'libxml2-utils',
      without: 'xmllint: the tests of documents against the schemas of the RFCs',
    },
    { program: 'gcc', question: '--version', pack: 'gcc libc6-dev', without: 'gcc: the benchmark’s smoke test' },
    {
      program: 'kamailio',
      question: '-v',
      pack: 'kamailio kamailio-presence-modules kamailio-mysql-modules kamailio-xml-modules',
      without: 'Kamailio: the tests of `rollcall db import`',
    },
  ];
  const apt = spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).error === undefined;
  for (const { program, question, pack, without } of wanted) {
    if (spawnSync(program, [question], { stdio: 'ignore' }).error === undefined) continue;
    if (apt && process.getuid?.() === 0 && (await installPackage(pack))) continue;
    say(`without ${without} will be skipped (Debian and Ubuntu have it as the package ${pack})`);
  }
}

async function installPackage(names) {
  const install = () =>
    attempt(`installing the package ${names}`, 'apt-get', [
      'install',
      '-y',
      '--no-install-recommends',
      ...names.split(' '),
    ]);
  return (
    (await install()) || ((await attempt('reading the package lists', 'apt-get', ['update'])) && (await install()))
  );
}

/** Runs a program that has to succeed. */
async function step(what, command, args, hint) {
  const { code, output, seconds } = await run(what, command, args);
  if (code !== 0) {
    process.stderr.write(output);
    fail(`${what} failed after ${seconds} s (${command} ended with ${code}). ${hint}`);
  }
}

async function attempt(what, command, args) {
  const { code, output, seconds } = await run(what, command, args);
  // node-gyp says a lot behind its error.
  const reason = /\bError: .*/.exec(output)?.[0] ?? output.trim().split('\n').at(-1);
  if (code !== 0) say(`${what} did not succeed after ${seconds} s: ${reason}`);
  return code === 0;
}

/** Runs a program and says every 15 s that it still runs; keeps its output. */
function run(what, command, args) {
  const start = performance.now();
  const seconds = () => Math.round((performance.now() - start) / 1000);
  say(`${what} …`);
  const beat = setInterval(() => say(`still ${what.replace(/ \(.*/, '')}, ${seconds()} s`), 15_000);
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    shell: process.platform === 'win32',
  });
  let output = '';
  const keep = (text) => {
    output = (output + text).slice(-64_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return new Promise((resolve) => {
    const end = (code) => {
      clearInterval(beat);
      if (code === 0) say(`${what.replace(/ \(.*/, '')}: done in ${seconds()} s`);
      resolve({ code, output, seconds: seconds() });
    };
    child.on('error', (error) => {
      keep(`${error.message}\n`);
      end('an error');
    });
    child.on('close', end);
  });
}

/** Two set-ups at once would install over each other: the second one waits. */
async function lock() {
  mkdirSync(dirname(lockFile), { recursive: true });
  let told = false;
  for (;;) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
      process.on('exit', unlock);
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = readLock(lockFile);
    if (owner !== undefined && !isRunning(owner)) {
      breakLock(owner);
      continue;
    }
    if (!told) say(`another set-up is at work (process ${owner ?? 'just started'}), waiting for it`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Takes away the lock of a process that has gone. The rename tells two waiters apart; a lock taken meanwhile goes back. */
function breakLock(owner) {
  const aside = `${lockFile}.${process.pid}`;
  try {
    renameSync(lockFile, aside);
    if (readLock(aside) === owner) unlinkSync(aside);
    else renameSync(aside, lockFile);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

function readLock(path) {
  try {
    return Number(readFileSync(path, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function unlock() {
  rmSync(lockFile, { force: true });
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
