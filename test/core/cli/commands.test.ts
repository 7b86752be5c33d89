// Tests bin/rollcall from outside: what each command prints, its exit codes, and how `serve` starts and ends.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CliTree } from '../../support/cli';
import { RawPeer } from '../../support/raw-peer';
import { SmallServer } from '../../support/small-server';

const cli = new CliTree();
const small = new SmallServer();
after(() => {
  cli.remove();
  small.remove();
});

test('the command runs through a link as well, with a larger young generation, and with the options that are given for Node', async () => {
  const link = join(small.folder, 'rollcall');
  symlinkSync(join(cli.folder, 'bin/rollcall'), link);
  small.write('told.cjs', 'console.log(process.execArgv.join(" "));');
  const env = { ...process.env, ROLLCALL_NODE_OPTIONS: '--require ./told.cjs' };
  const { status, stdout } = spawnSync(link, ['check', '-f', small.file], { cwd: small.folder, encoding: 'utf8', env });
  const lines = ['--max-semi-space-size=32 --require ./told.cjs', `${small.file}: no problems`, ''];
  assert.deepEqual([status, stdout], [0, lines.join('\n')]);
});

test('check says that there are no problems, and exits with 0', async () => {
  const { code, out, err } = await cli.run(['check', '-f', small.file]);
  assert.deepEqual([code, out, err], [0, `${small.file}: no problems\n`, '']);
});

test('check says every problem of config and script at once, in the order of the files, and exits with 1', async () => {
  small.write('wrong.ts', "import { anser } from 'small';\nexport const request_route = async () => anser();\n");
  small.write(
    'wrong.yaml',
    'listen: [udp:localhost]\nscript: wrong.ts\nmodule_path: [modules]\nloadmodule: [small, smal]\nmodparam: [[small, delay, x]]\n',
  );
  const { code, out, err } = await cli.run(['check', '-f', 'wrong.yaml'], small.folder);
  assert.deepEqual([code, out], [1, '']);
  const lines = err.trimEnd().split('\n');
  assert.match(lines.pop() ?? '', /^wrong\.ts:1:10: .*anser.*\(did you mean "answer"\?\)$/);
  assert.deepEqual(lines, [
    'wrong.yaml:1:10: "udp:localhost" is not protocol:address:port, for instance udp:127.0.0.1:5060 or udp:[::1]:5060',
    'wrong.yaml:4:21: there is no module "smal" (did you mean "small"?)',
    'wrong.yaml:5:27: small delay expects an integer (s), not "x"',
  ]);
});

test('serve refuses a config with the same lines as check, and exits with 1', async () => {
  const checked = await cli.run(['check', '-f', 'wrong.yaml'], small.folder);
  const served = await cli.run(['serve', '-f', 'wrong.yaml'], small.folder);
  assert.deepEqual([served.code, served.err], [1, checked.err]);
});

test('check warns of a parameter that is set twice, and still finds no problem', async () => {
  small.write('twice.yaml', `${readFileSync(small.file, 'utf8')}modparam: [[small, delay, 1], [small, delay, 2]]\n`);
  const { code, err } = await cli.run(['check', '-f', 'twice.yaml'], small.folder);
  assert.deepEqual(
    [code, err],
    [0, 'twice.yaml:7:39: warning: small delay is set in line 7 already: this value counts\n'],
  );
});

test('check reports a module whose setup fails, at its line, and opens no database for it', async () => {
  small.write(
    'modules/failing.ts',
    "import { defineModule } from 'rollcall/core/api';\n" +
      "export default defineModule({ name: 'failing', summary: '', params: {}, async setup(ctx) {\n" +
      "  await ctx.openDatabase('sqlite:none.db'); throw new Error('no luck'); } });\n",
  );
  small.write('failing.yaml', readFileSync(small.file, 'utf8').replace('[small]', '[failing]'));
  const { code, err } = await cli.run(['check', '-f', 'failing.yaml'], small.folder);
  assert.equal(code, 1);
  assert.match(err, /^failing\.yaml:6:14: module failing cannot start: no luck \(.*failing\.ts:\d+:\d+\)/);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`serve says when it listens, answers, and ends with 0 at ${signal}`, async () => {
    const { child, ended, lineOn } = cli.spawn(['serve', '-f', small.file]);
    const line = await lineOn(/ready/);
    const match = /^rollcall: ready, listening on udp:127\.0\.0\.1:(\d+) tcp:127\.0\.0\.1:\d+$/.exec(line);
    assert.ok(match !== null, line);
    const peer = await RawPeer.open('udp', { address: '127.0.0.1', port: Number(match[1]) });
    assert.equal((await peer.ask({ method: 'OPTIONS', uri: 'sip:a@localhost' })).status, 200);
    peer.close();
    child.kill(signal);
    const { code, err } = await ended;
    assert.equal(code, 0);
    assert.deepEqual(err.trimEnd().split('\n').slice(-2), [`rollcall: ${signal}, stopping`, 'rollcall: stopped']);
  });
}

test('an error that nobody catches is logged, and ends the server with 1: its supervisor starts a sound one', async () => {
  small.write(
    'modules/buggy.ts',
    "import { defineModule } from 'rollcall/core/api';\n" +
      "export default defineModule({ name: 'buggy', summary: '', params: {}, setup(ctx) {\n" +
      "  ctx.whenListening(() => void setTimeout(() => { throw new Error('a bug'); }, 50)); return {}; } });\n",
  );
  small.write('buggy.yaml', readFileSync(small.file, 'utf8').replace('[small]', '[small, buggy]'));
  const { code, err } = await cli.run(['serve', '-f', 'buggy.yaml'], small.folder);
  assert.equal(code, 1);
  assert.match(err, /^rollcall: ready, /m);
  assert.match(err, /FATAL: core: an error that nobody caught: this is a bug in Rollcall or in a module/);
  assert.match(err, /a bug/);
});

test('serve on a port in use says which and what to do, and exits with 1', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  small.configure([`tcp:127.0.0.1:${port}`]);
  const { code, err } = await cli.run(['serve', '-f', small.file]);
  other.close();
  small.configure(['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']);
  assert.equal(code, 1);
  assert.match(err, new RegExp(`^rollcall: cannot listen on tcp:127.0.0.1:${port}: the address is in use$`, 'm'));
  assert.match(err, /stop it, or change `listen` in /);
});

test('types writes the loaded modules’ functions beside the script', async () => {
  const { code, out } = await cli.run(['types', '-f', 'rollcall.yaml'], small.folder);
  assert.deepEqual([code, out], [0, 'wrote rollcall.d.ts\n']);
  const text = readFileSync(join(small.folder, 'rollcall.d.ts'), 'utf8');
  assert.match(text, /declare module 'small' \{/);
  assert.match(text, /export function answer\(req: Request, status: number\): Promise<boolean>;/);
});

test('module prints a manual, and refuses a name with the nearest', async () => {
  const { code, out } = await cli.run(['module', 'sl']);
  assert.equal(code, 0);
  assert.match(out, /^# sl\n/);
  assert.match(out, /sl_send_reply\(req/);
  const own = await cli.run(['module', 'small', '-f', small.file]);
  assert.match(own.out, /^# small\n/);
  assert.match(own.out, /^\| `delay` \| integer, s \| `0` \| from 0 to 10 s \| Not used\. \|$/m);
  assert.match(own.out, /^- `answer\(req, status\): Promise<boolean>`: Answers with a status\.$/m);
  assert.match((await cli.run(['module', 'core'])).out, /^\| `sip_t1` \| integer, ms \| `500` \| /m);
  const wrong = await cli.run(['module', 'presense']);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /^rollcall: there is no module "presense" \(did you mean "presence"\?\)\n/);
});

test('help lists the commands, and every wrong line says what to do', async () => {
  const { code, out } = await cli.run([]);
  assert.equal(code, 0);
  for (const name of ['serve', 'check', 'types', 'module', 'publish', 'watch'])
    assert.match(out, new RegExp(`rollcall ${name} `));
  assert.match((await cli.run(['serve', '--help'])).out, /^rollcall serve -f FILE/);
  const cases: [string[], string][] = [
    [['chek'], 'rollcall: there is no command "chek" (did you mean "check"?)\n  `rollcall help` lists them\n'],
    [['check'], 'rollcall: no config file given\n  name it with -f FILE, for instance -f etc/rollcall.yaml\n'],
    [['check', '-f', 'none.yaml'], 'rollcall: none.yaml: there is no such file\n  name the config file with -f FILE\n'],
  ];
  for (const [args, words] of cases) {
    const result = await cli.run(args);
    assert.deepEqual([result.code, result.err], [1, words]);
  }
  const option = await cli.run(['check', '--fiel', 'x']);
  assert.match(option.err, /^rollcall check: Unknown option '--fiel'/);
  assert.match(option.err, /`rollcall help check` lists its options/);
});

test('a tree that is not built yet says how to build it', async () => {
  const bare = new CliTree(false);
  const { code, err } = await bare.run(['check']);
  bare.remove();
  assert.deepEqual([code, err], [1, 'rollcall: not built yet: run `npm run setup` first\n']);
});
