// Tests `rollcall rules`: a rules document in words, its faults at file:line:column, and the exit code.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { main } from '../../../core/cli/main';
import { rule, ruleset } from '../../support/ruled-server';
import { ScriptedTerminal } from '../../support/terminal';

const folder = mkdtempSync(join(tmpdir(), 'rollcall-rules-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function rules(document: string): Promise<{ code: number; lines: string[] }> {
  const file = join(folder, 'rules.xml');
  writeFileSync(file, document);
  const terminal = new ScriptedTerminal();
  const code = await main(['rules', file], terminal);
  return { code, lines: terminal.lines.map((line) => line.replace(file, 'rules.xml')) };
}

test('each rule is told in a sentence, with the exit code 0', async () => {
  const { code, lines } = await rules(
    ruleset(
      rule('friends', 'allow', '<many domain="example.com"><except id="sip:eve@example.com"/></many>') +
        rule('else', 'confirm', undefined, ''),
    ),
  );
  assert.equal(code, 0);
  assert.deepEqual(lines, [
    'friends: everybody at example.com except sip:eve@example.com may subscribe; sees all services, all persons and all devices, with all their attributes',
    'else: anybody, authenticated or not, waits until you decide; sees nothing',
  ]);
  assert.deepEqual((await rules(ruleset(''))).lines, ['no rules: everybody is refused']);
});

test('what is odd is warned about at its place, and what cannot be used fails at its place', async () => {
  const odd = await rules(ruleset(rule('a', 'allow', '<one id="nobody"/>')));
  assert.equal(odd.code, 0);
  assert.match(odd.lines[0] ?? '', /^! rules\.xml:1:\d+: nobody is not a URI and matches nobody$/);
  const wrong = await rules(ruleset(`\n${rule('a', 'alow')}`));
  assert.equal(wrong.code, 1);
  assert.match(wrong.lines[0] ?? '', /^! rollcall: rules\.xml:2:\d+: sub-handling is alow/);
  assert.match(wrong.lines[1] ?? '', /all watchers are pending/);
});

test('it takes one file that is there', async () => {
  for (const args of [[], ['a', 'b'], [join(folder, 'none.xml')]]) {
    const terminal = new ScriptedTerminal();
    assert.equal(await main(['rules', ...args], terminal), 1);
    assert.match(terminal.lines[0] ?? '', /^! rollcall: (which document|.*none\.xml cannot be read)/);
  }
});
