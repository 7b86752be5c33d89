// Tests the control commands from outside: the tables of the manual, parameters, levels, and presence's own, as people see them.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { main } from '../../../core/cli/main';
import { helpLines } from '../../../core/control/command';
import { type RunningServer, startServer } from '../../../core/server';
import { Load } from '../../support/load';
import { Scratch } from '../../support/scratch';
import { ScriptedTerminal } from '../../support/terminal';
import { source } from '../../support/tree';

const scratch = new Scratch();
let server: RunningServer;
let load: Load;
before(async () => {
  scratch.write({ control: true, db: 'sqlite' });
  server = await startServer({ file: scratch.config });
  const port = server.points[0]?.port ?? 0;
  load = new Load({ port, presentities: 1, watchers: 2, rate: 20 });
  await load.start();
});
after(async () => {
  await load.stop();
  await server.stop();
  scratch.remove();
});

async function ctl(...args: string[]): Promise<{ code: number; out: string[]; err: string[] }> {
  const terminal = new ScriptedTerminal();
  const code = await main(['ctl', '--socket', scratch.control, ...args], terminal);
  const err = terminal.lines.filter((line) => line.startsWith('! ')).map((line) => line.slice(2));
  return { code, out: terminal.lines.filter((line) => !line.startsWith('! ')), err };
}

async function json(...args: string[]): Promise<unknown> {
  const { out, err } = await ctl('--json', ...args);
  assert.deepEqual(err, []);
  return JSON.parse(out[0] ?? '');
}

test('the manual lists every command of the core as it is declared, and no command that there is not', () => {
  const rows: readonly string[] = source('docs/operating.md').match(/^\| `[a-z][^`]+` \| [A-Z].* \|$/gm) ?? [];
  const { table } = server.commands;
  const ofCore = helpLines(table).filter(({ command }) => !command.includes('.'));
  const missing = ofCore.map(({ command, summary }) => `| \`${command}\` | ${summary} |`);
  assert.deepEqual(
    missing.filter((row) => !rows.includes(row)),
    [],
  );
  const named = rows.map((row) => /`([^ `]+)/.exec(row)?.[1] ?? '');
  assert.deepEqual(
    named.filter((name) => !table.has(name)),
    [],
  );
});

test('people get tables, machines JSON, and a refusal is exit code 1 with what to do', async () => {
  const { code, out } = await ctl('modules');
  assert.equal(code, 0);
  assert.match(out[0] ?? '', /^module +summary$/);
  assert.match(out.join('\n'), /^presence_xml {2}Event packages/m);
  assert.deepEqual(((await json('modules')) as { module: string }[]).map(({ module }) => module).includes('sl'), true);
  const wrong = await ctl('reload', 'presance');
  assert.equal(wrong.code, 1);
  assert.deepEqual(wrong.err, ['rollcall: there is no loaded module "presance" (did you mean "presence"?)']);
});

test('parameters are shown with what is in force, and a secret is hidden', async () => {
  const rows = (await json('modules', 'presence')) as { parameter: string; value: unknown; set: string }[];
  const of = (name: string) => rows.find(({ parameter }) => parameter === name);
  assert.equal(of('db_url')?.value, 'hidden');
  assert.equal(of('max_expires')?.value, 3600);
  await json('set', 'presence', 'max_expires', '600');
  const after = (await json('modules', 'presence')) as typeof rows;
  assert.equal(after.find(({ parameter }) => parameter === 'max_expires')?.value, 600);
  await json('reload', 'config');
  const reset = (await json('modules', 'presence')) as typeof rows;
  assert.equal(reset.find(({ parameter }) => parameter === 'max_expires')?.value, 3600);
});

test('a value that makes no sense, alone or with others, is refused', async () => {
  assert.match(
    (await ctl('set', 'presence', 'max_expires', 'long')).err[0] ?? '',
    /expects an integer \(s\), not "long"/,
  );
  assert.match(
    (await ctl('set', 'presence', 'min_expires', '4000')).err[0] ?? '',
    /min_expires 4000 is above max_expires/,
  );
  const fixed = await ctl('set', 'presence', 'lock_set_size', '4');
  assert.match(fixed.err.join('\n'), /cannot be changed by itself\n.*`reload config`/);
  assert.match((await ctl('set', 'presence', 'max_expire', '1')).err[0] ?? '', /did you mean "max_expires"/);
});

test('log levels are shown and set, for one logger and for all', async () => {
  const levels = (await json('log', 'debug', 'presence')) as { logger: string; level: string }[];
  assert.equal(levels.find(({ logger }) => logger === 'presence')?.level, 'debug');
  assert.equal(levels.find(({ logger }) => logger === 'sip')?.level, 'error');
  const all = (await json('log', 'error')) as typeof levels;
  assert.ok(all.every(({ level }) => level === 'error'));
  assert.match((await ctl('log', 'loud')).err[0] ?? '', /there is no level "loud"/);
  assert.match((await ctl('log', 'info', 'presense')).err[0] ?? '', /did you mean "presence"/);
});

test('a module is loaded and unloaded while the server runs, unless somebody needs it', async () => {
  assert.match((await ctl('unload', 'presence')).err[0] ?? '', /presence cannot go: the script calls it/);
  assert.match((await ctl('unload', 'db_sqlite')).err[0] ?? '', /db_sqlite serves sqlite:/);
  assert.deepEqual(await json('unload', 'rr'), { unloaded: 'rr' });
  assert.deepEqual(await json('load', 'rr'), { loaded: 'rr' });
  assert.match((await ctl('load', 'rr')).err[0] ?? '', /rr is loaded already/);
});

test('trace shows what comes and leaves for one presentity, and nothing of others', async () => {
  const terminal = new ScriptedTerminal();
  const tracing = main(['ctl', '--socket', scratch.control, 'trace', 'sip:p0@localhost'], terminal);
  const nobody = new ScriptedTerminal();
  const other = main(['ctl', '--socket', scratch.control, 'trace', 'sip:p99@localhost'], nobody);
  await terminal.until((line) => line.startsWith('PUBLISH sip:p0@localhost SIP/2.0'));
  await terminal.until((line) => line.startsWith('SIP/2.0 200 OK'));
  await terminal.until((line) => /^[\d:.]{12} to udp:127\.0\.0\.1:\d+$/.test(line));
  await terminal.until((line) => /^[\d:.]{12} decided sip:p0@localhost presence, PUBLISH from /.test(line));
  await terminal.until((line) => /^ {2}publication \S+ is changed to /.test(line));
  await terminal.until((line) => /^[\d:.]{12} commit sip:p0@localhost presence: version \d+, \d+ ms$/.test(line));
  terminal.interrupt();
  nobody.interrupt();
  assert.deepEqual(await Promise.all([tracing, other]), [0, 0]);
  assert.deepEqual(nobody.lines, []);
});

test('publications and watchers are listed, a dialog is told in full, both can be ended by hand', async () => {
  const [publication] = (await json('presence.publications', 'sip:p0@localhost')) as { etag: string }[];
  assert.ok(publication && publication.etag.length > 8);
  const list = (await json('presence.watchers', 'sip:p0@localhost')) as { watcher: string; call_id: string }[];
  assert.equal(list.length, 2);
  const [known] = (await json('presence.presentity_list')) as { user: string; domain: string }[];
  assert.deepEqual([known?.user, known?.domain], ['p0', 'localhost']);
  const [header, ...rows] = (await ctl('presence.watcher_list', 'basic')).out;
  assert.match(header ?? '', /^presentity_uri +watcher_username +watcher_domain +event +status +callid +expires$/);
  assert.equal(rows.length, 2);
  const callId = list[1]?.call_id ?? '';
  const [dialog] = (await json('presence.dialog', 'sip:p0@localhost', callId)) as Record<string, unknown>[];
  assert.equal(dialog?.status, 'active');
  assert.equal(dialog?.notify_answer, '200');
  assert.ok(Number(dialog?.notify_cseq) >= 2);
  assert.match(
    (await ctl('presence.dialog', 'sip:p0@localhost', 'nope')).err[0] ?? '',
    /has no dialog with Call-ID nope/,
  );
  await json('presence.refreshWatchers', 'sip:p0@localhost', 'presence', '1');
  await json('presence.updateWatchers', 'sip:p0@localhost', 'presence');
  await json('presence.cleanup');
  const report = await load.stop();
  assert.deepEqual(report.faults, []);
  const [last] = (await json('presence.publications', 'sip:p0@localhost')) as { etag: string }[];
  assert.deepEqual(await json('presence.remove', 'sip:p0@localhost', last?.etag ?? ''), { removed: last?.etag });
  assert.deepEqual(await json('presence.publications', 'sip:p0@localhost'), []);
  assert.deepEqual(await json('presence.terminate', 'sip:p0@localhost', callId), { terminated: 1 });
  assert.equal(((await json('presence.watchers', 'sip:p0@localhost')) as unknown[]).length, 1);
});

test('core settings that cannot change while it runs refuse the change by name', async () => {
  const text = readFileSync(scratch.config, 'utf8');
  writeFileSync(join(scratch.folder, 'rollcall.yaml'), text.replace('core:\n', 'core:\n  sip_t1: 100\n'));
  const { err } = await ctl('reload', 'config');
  assert.deepEqual(err, [
    'rollcall: sip_t1 cannot change while the server runs',
    '  nothing was changed: put the old value back, or restart the server',
  ]);
  writeFileSync(scratch.config, text);
});
