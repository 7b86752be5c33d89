// Tests `rollcall import-config` from outside: the config it makes passes check, and what has no counterpart is listed with its line.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { CliTree } from '../../support/cli';
import { kamailioMissing } from '../../support/kamailio';
import { root } from '../../support/tree';

const cli = new CliTree();
const folder = mkdtempSync(join(tmpdir(), 'rollcall-import-config-'));
after(() => {
  cli.remove();
  rmSync(folder, { recursive: true, force: true });
});

const tricky = join(root, 'test/core/config/foreign/tricky.cfg');
let count = 0;
const run = (...args: string[]) => cli.run(['import-config', ...args], folder);

async function made(...args: string[]): Promise<{ config: Record<string, unknown>; err: string; file: string }> {
  const file = join(folder, `made${++count}.yaml`);
  const { code, err } = await run(...args, '-o', file);
  assert.equal(code, 0, err);
  const checked = await cli.run(['check', '-f', file]);
  assert.deepEqual([checked.code, checked.err], [0, ''], 'what it makes passes the check');
  return { config: parse(readFileSync(file, 'utf8')), err, file };
}

test('sockets, modules and parameters become ours, with everything that #!define and its like make of them', async () => {
  const { config, err, file } = await made(tricky);
  assert.deepEqual(config, {
    listen: ['udp:127.0.0.1:15071', 'tcp:127.0.0.1:15072'],
    script: join(root, 'scripts/presence.ts'),
    loadmodule: ['sl', 'db_mysql', 'presence', 'presence_xml', 'maxfwd', 'sanity', 'textops'],
    modparam: [
      ['presence', 'db_url', 'mysql://kam:p#w//x@localhost/rollcall'],
      ['presence', 'server_address', 'sip:pres.example.org:15071'],
      ['presence', 'max_expires', 1800],
      ['presence', 'expires_offset', 5],
      ['presence', 'presentity_table', 'pres_table'],
      ['presence', 'force_active', 1],
      ['presence', 'min_expires', 60],
    ],
    core: { log_level: 'error' },
  });
  assert.match(err, /^\S*tricky\.cfg:20: listen … advertise 203\.0\.113\.1:5060: .*server_address/m);
  assert.match(err, /^\S*tricky\.cfg:30: loadmodule tm: transactions belong to the core/m);
  assert.match(
    err,
    /^\S*tricky\.cfg:37: modparam presence db_url: Rollcall has a database of its own, called rollcall/m,
  );
  assert.match(err, /^17 lines made, written to \S+; 11 lines of \S+ listed above$/m);
  assert.ok(!err.includes('p#w'), 'no password is on the screen');
  assert.equal(statSync(file).mode & 0o777, 0o600, 'and only the owner may read it in the file');
});

test('it listens where Kamailio says that it would listen', { skip: kamailioMissing }, async () => {
  const { stdout, stderr } = spawnSync('kamailio', ['-c', '-f', tricky, '-Y', folder], { encoding: 'utf8' });
  const sockets = [...`${stdout}${stderr}`.matchAll(/^ +(udp|tcp): \S+ \[(\S+)\]:(\d+)/gm)];
  const { config } = await made(tricky);
  assert.deepEqual(
    config.listen,
    sockets.map(([, protocol, address, port]) => `${protocol}:${address}:${port}`),
  );
});

test('Debian’s own config is read, with the features that the command line asks for', {
  skip: kamailioMissing,
}, async () => {
  const { config, err } = await made('/etc/kamailio/kamailio.cfg', '-A', 'WITH_PRESENCE', '-A', 'WITH_MYSQL');
  assert.deepEqual(config.listen, ['udp:127.0.0.1:5060', 'tcp:127.0.0.1:5060']);
  assert.match(err, /listen: none is named, so it listens on the loopback/);
  const modparam = config.modparam as unknown[][];
  assert.ok(modparam.some(([module, name, value]) => module === 'presence' && name === 'force_active' && value === 1));
  assert.match(err, /^\/etc\/kamailio\/kamailio\.cfg:\d+: route\[PRESENCE\]: routing is written in TypeScript/m);
});

test('OpenSIPS’s words are known too', async () => {
  const file = join(folder, 'opensips.cfg');
  writeFileSync(
    file,
    'log_level=3\nudp_workers=4\nsocket=udp:127.0.0.1:5060 as 203.0.113.1\nsocket=hep_udp:127.0.0.1:9060\nmpath="/usr/lib/opensips/"\n' +
      'loadmodule "presence.so"\nloadmodule "presence_xml.so"\nloadmodule "proto_udp.so"\n' +
      'modparam("presence", "db_url", "postgres://o:secret@localhost/opensips")\nmodparam("presence", "max_expires_publish", 1200)\n' +
      'modparam("presence", "fallback2db", 1)\nroute {\n handle_publish();\n}\n',
  );
  const { config, err } = await made(file);
  assert.deepEqual(config.listen, ['udp:127.0.0.1:5060']);
  assert.deepEqual(config.modparam, [['presence', 'max_expires', 1200]]);
  assert.deepEqual(config.core, { log_level: 'info' });
  assert.match(err, /opensips\.cfg:4: listen hep_udp:127\.0\.0\.1:9060: .*unknown protocol "hep_udp"/);
  assert.match(err, /opensips\.cfg:9: modparam presence db_url: db_url must start with 'sqlite:' or 'mysql:\/\/'$/m);
  assert.match(err, /opensips\.cfg:11: modparam presence fallback2db: everything is stored before it is answered/);
  assert.ok(!err.includes('secret'));
});

test('${ in an old string asks for no variable', async () => {
  const file = join(folder, 'dollar.cfg');
  writeFileSync(file, `loadmodule "presence.so"\nmodparam("presence", "db_url", "mysql://u:\${HOME}@h/d")\n`);
  const { file: yaml } = await made(file);
  assert.match(readFileSync(yaml, 'utf8'), /mysql:\/\/u:\$\$\{HOME\}@h\/rollcall/);
});

test('without -o the config is on standard output; a file that is there is not written over', async () => {
  const { out, err } = await run(tricky);
  assert.deepEqual((parse(out) as { listen: string[] }).listen, ['udp:127.0.0.1:15071', 'tcp:127.0.0.1:15072']);
  assert.match(err, /^17 lines made; 11 lines/m);
  const file = join(folder, 'there.yaml');
  writeFileSync(file, 'mine');
  const again = await run(tricky, '-o', file);
  assert.equal(again.code, 1);
  assert.match(again.err, /there\.yaml is there already/);
  assert.equal(readFileSync(file, 'utf8'), 'mine');
});

test('it says what is missing', async () => {
  assert.match((await run()).err, /which config\? One file, please/);
  assert.match((await run('none.cfg')).err, /none\.cfg cannot be read/);
});

test('what Kamailio says of permission in presence_xml is said to presence', async () => {
  const file = join(folder, 'permission.cfg');
  writeFileSync(
    file,
    `loadmodule "presence.so"
loadmodule "presence_xml.so"
modparam("presence_xml", "force_active", 0)
modparam("presence_xml", "xcapauth_userdel_reason", "probation;retry-after=30")
`,
  );
  const { config } = await made(file);
  assert.deepEqual(config.modparam, [
    ['presence', 'force_active', 0],
    ['presence', 'xcapauth_userdel_reason', 'probation;retry-after=30'],
  ]);
});
