// Tests that the README tells the truth: its terminal sessions are typed into a live server, its commands run.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { Command } from '../support/command';
import { type Example, examples } from '../support/examples';
import { RollcallProcess } from '../support/rollcall';
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

/** Splits a command line as a shell does, with double and single quotes. */
function words(line: string): string[] {
  return [...line.replace(/\s#.*$/, '').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? '');
}

const all = examples();
const inReadme = ({ file }: Example) => file === 'README.md';

describe('the README against a live server', () => {
  let server: RollcallProcess;
  before(async () => {
    server = await RollcallProcess.start({ db: 'sqlite', core: { log_level: 'error' } });
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

  for (const example of all.filter(({ language }) => language === 'sh')) {
    test(`${example.file}:${example.line}: each command exists and works`, async () => {
      for (const line of example.text.trim().split('\n')) {
        const [program, ...args] = words(line);
        if (program === 'bin/rollcall') {
          const command = new Command(...(args[0] === 'serve' ? ['check', ...args.slice(1)] : args));
          assert.equal(await command.exit, 0, `${line}\n${command.output}`);
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
