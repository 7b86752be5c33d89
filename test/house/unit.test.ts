// Holds the systemd unit to what systemd itself says about it: every line is understood, and nothing more is allowed than today.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { root, source } from '../support/tree';

const version = /\d+/.exec(spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[0];
const missing =
  version === undefined && 'systemd-analyze is not installed (Debian and Ubuntu have it as the package systemd)';
/** On its scale from 0 to 100; `systemd-analyze security` says what each line is worth. */
const exposure = 20;

describe('the systemd unit', { skip: missing }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-unit-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const unit = join(folder, 'rollcall.service');
  writeFileSync(unit, source('etc/systemd/rollcall.service').replaceAll('/opt/rollcall', root));

  test('systemd understands every line of it', () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
    const about = stderr.split('\n').filter((line) => line.includes('rollcall.service'));
    assert.deepEqual(about, []);
    assert.equal(status, 0, stderr);
  });

  test('it is as confined as it was', {
    skip: Number(version) < 250 && 'systemd before 250 judges only what runs',
  }, () => {
    const { status, stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=yes', `--threshold=${exposure}`, unit],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0, stdout + stderr);
  });
});
