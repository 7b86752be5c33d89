// Tests that the README tells the truth: its terminal sessions are typed into a live server, its commands run.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { Command } from '../support/command';
import { type Example, examples } from '../support/examples';
import { freePort } from '../support/ports';
import { RollcallProcess } from '../support/rollcall';
import { type Reached, toControl, tryCurl, trySocat, words } from '../support/shell-lines';
import { source } from '../support/tree';

/** What differs each time: the time of day, the reader's name, and what is shown as `…`. */
function pattern(lines: readonly string[]): RegExp {
  const parts = lines.map((line) =>
    line
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replace(/^\d\d:\d\d:\d\d/, '\\d\\d:\\d\\d:\\d\\d')
      .replace(/sip:you@localhost/g, 'sip:\\S+@localhost')
      .replace(/…/g, '.+'),
  );
  return new RegExp(parts.join('\\n(?:.*\\n)*?'), 'm');
}

const all = examples();
const inReadme = ({ file }: Example) => file === 'README.md';

describe('the README against a live server', () => {
  const token = 'a-token-for-the-tests';
  let server: RollcallProcess;
  let reached: Reached;
  before(async () => {
    const http = await freePort();
    server = await RollcallProcess.start({
      db: 'sqlite',
      core: { log_level: 'error' },
      control: true,
      loadmodule: ['xhttp'],
      modparam: [
        ['xhttp', 'listen', `127.0.0.1:${http}`],
        ['xhttp', 'token', token],
      ],
    });
    reached = { control: server.scratch.control, http, token };
  });
  after(() => server.stop());

  test('its terminal sessions show what they say', async () => {
    const running: Command[] = [];
    for (const { text, line } of all.filter((example) => inReadme(example) && example.language === 'console')) {
      const lines = text.trimEnd().split('\n');
      if (!lines[0]?.startsWith('$ ')) {
        await running[0]?.shows(pattern(lines));
        continue;
      }
      const [program, ...args] = words(lines[0].slice(2));
      assert.equal(program, 'bin/rollcall', `line ${line}`);
      const command = new Command(...args, '--server', `127.0.0.1:${server.port}`);
      const interrupted = lines.indexOf('^C');
      await command.shows(pattern(lines.slice(1, interrupted < 0 ? undefined : interrupted)));
      if (interrupted < 0) running.push(command);
      else {
        assert.equal(await command.interrupt(), 0);
        await command.shows(pattern(lines.slice(interrupted + 1)));
      }
    }
    for (const command of running) assert.equal(await command.interrupt(), 0);
  });

  const tried = (args: readonly string[]) => {
    if (args[0] === 'serve') return ['check', ...args.slice(1)];
    return args[0] === 'ctl' || args[0] === 'explain' ? toControl(args, reached) : [...args];
  };

  for (const example of all.filter(({ language }) => language === 'sh')) {
    test(`${example.file}:${example.line}: each command exists and works`, async () => {
      for (const line of example.text.trim().split('\n')) {
        const [program, ...args] = words(line);
        if (program === 'bin/rollcall') {
          const command = new Command(...tried(args));
          assert.equal(await command.exit, 0, `${line}\n${command.output}`);
        } else if (program === 'curl') {
          await tryCurl(args, reached);
        } else if (program === 'echo' && args[2] === 'socat') {
          await trySocat(args[0] ?? '', reached);
        } else if (program === 'npm') {
          const { scripts } = JSON.parse(source('package.json')) as { scripts: object };
          const name = args[0] === 'run' ? args[1] : args[0];
          assert.ok(name !== undefined && name in scripts, line);
        } else if (program === 'sqlite3' && !args[1]?.startsWith('.')) {
          const database = new Sqlite(join(server.scratch.folder, 'rollcall.db'), { readonly: true });
          const sql = (args[1] ?? '').replace(/"(\w+)"/g, "'$1'");
          assert.doesNotThrow(() => database.prepare(sql).all(), line);
          database.close();
        } else {
          assert.ok(['sqlite3', 'node'].includes(program ?? ''), `nobody tries out: ${line}`);
        }
      }
    });
  }
});
