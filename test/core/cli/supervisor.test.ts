// Checks the word to systemd: sent when asked for, by its own program, and that its failure is no harm.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { tellSupervisor } from '../../../core/cli/supervisor';
import { source } from '../../support/tree';

const folder = mkdtempSync(join(tmpdir(), 'rollcall-supervisor-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const told = join(folder, 'told');
const program = join(folder, 'systemd-notify');
writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$NOTIFY_SOCKET" "$@" > "${told}"\n`);
chmodSync(program, 0o700);

test('systemd is told that the server is ready, and with which words', async () => {
  const warnings: unknown[] = [];
  const log = { warn: (...words: unknown[]) => void warnings.push(words) };
  const environment = { PATH: `${folder}:/usr/bin:/bin`, NOTIFY_SOCKET: '/run/systemd/notify' };
  await tellSupervisor('READY=1', 'listening on udp:127.0.0.1:5060', log, environment);
  assert.deepEqual(warnings, []);
  assert.equal(readFileSync(told, 'utf8'), '/run/systemd/notify\nSTATUS=listening on udp:127.0.0.1:5060\nREADY=1\n');
});

test('nobody is told when nobody asks', async () => {
  rmSync(told, { force: true });
  await tellSupervisor('READY=1', '', { warn: assert.fail }, { PATH: folder });
  assert.throws(() => readFileSync(told), { code: 'ENOENT' });
});

test('a system without the program is one warning', async () => {
  const warnings: string[] = [];
  const log = { warn: (_: object | string, text?: string) => void warnings.push(text ?? '') };
  await tellSupervisor('STOPPING=1', '', log, { PATH: '/nowhere', NOTIFY_SOCKET: '/x' });
  assert.deepEqual(warnings, ['systemd could not be told STOPPING=1']);
});

test('the unit waits for that word, reloads by SIGHUP, and lets V8 compile', () => {
  const unit = source('etc/systemd/rollcall.service');
  for (const line of [
    'Type=notify',
    'NotifyAccess=all',
    'ExecReload=/bin/kill -HUP $MAINPID',
    'MemoryDenyWriteExecute=no',
  ])
    assert.ok(unit.split('\n').includes(line), line);
});
