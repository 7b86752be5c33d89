// Tests `rollcall db import` from outside, between SQLite files: its account, and what it says when it cannot begin.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { OldServer } from '../../modules/presence/takeover/old-server';
import { CliTree, complaints } from '../../support/cli';
import { pidf } from '../../support/wire';

const cli = new CliTree();
const folder = mkdtempSync(join(tmpdir(), 'rollcall-import-'));
after(() => {
  cli.remove();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...args: string[]) => cli.run(['db', 'import', ...args], folder);
const long = 4_000_000_000;

test('it tells table by table what was read, taken and refused, and the rows are there', async () => {
  const old = new OldServer(join(folder, 'kamailio.db'));
  old.add('presentity', { expires: long, body: Buffer.from(pidf('sip:alice@example.org', 'open')) });
  old.add('presentity', { expires: long, etag: 'other', body: Buffer.from('<presence/>') });
  old.add('active_watchers', { expires: long, from_user: 'bob', from_domain: 'example.org' });
  old.close();
  const imported = await run('--from', 'sqlite:kamailio.db', '--to', 'sqlite:rollcall.db');
  assert.deepEqual([imported.code, complaints(imported)], [0, '']);
  const { out } = imported;
  const lines = out.trimEnd().split('\n');
  assert.deepEqual(lines.slice(0, 2), [
    'xcap: 0 rows read, 0 taken, 0 taken before, 0 refused',
    'presentity: 2 rows read, 1 taken, 0 taken before, 1 refused',
  ]);
  assert.match(lines[2] ?? '', /^ {2}1 refused: its body is refused: .+ \(first sip:alice@Example\.org, row 2\)$/);
  assert.equal(lines[3], 'active_watchers: 1 rows read, 1 taken, 0 taken before, 0 refused');
  const db = new Sqlite(join(folder, 'rollcall.db'), { readonly: true });
  const row = db.prepare('SELECT domain, etag FROM presentity').raw().get();
  assert.deepEqual(row, ['example.org', 'a.1.2.3']);
  db.close();
});

test('a config decides which modules and which tables are meant', async () => {
  writeFileSync(
    join(folder, 'tables.yaml'),
    'listen: [udp:127.0.0.1:0]\nscript: none.ts\nloadmodule: [db_sqlite, presence, presence_xml]\n' +
      'modparam: [[presence, active_watchers_table, subscriptions]]\n',
  );
  const { code } = await run('--from', 'sqlite:kamailio.db', '--to', 'sqlite:named.db', '-f', 'tables.yaml');
  assert.equal(code, 0);
  const db = new Sqlite(join(folder, 'named.db'), { readonly: true });
  assert.deepEqual(db.prepare('SELECT callid FROM subscriptions').pluck().all(), ['call-1']);
  db.close();
});

const refused: readonly (readonly [what: string, args: readonly string[], said: RegExp])[] = [
  ['no --from', ['--to', 'sqlite:x.db'], /^rollcall: --from is missing\n {2}rollcall db import --from mysql:/],
  [
    'no such scheme',
    ['--from', 'postgres://u@h/d', '--to', 'sqlite:x.db'],
    /^rollcall: --from must start with 'sqlite:'/,
  ],
  ['one database for both', ['--from', 'sqlite:x.db', '--to', 'sqlite:./x.db'], /are the same database, sqlite:/],
  ['no such file', ['--from', 'sqlite:none.db', '--to', 'sqlite:x.db'], /none\.db: it cannot be opened/],
  ['another database', ['--from', 'sqlite:other.db', '--to', 'sqlite:x.db'], /has none of the tables xcap, presentity/],
];
for (const [what, args, said] of refused) {
  test(`it stops with a hint: ${what}`, async () => {
    const other = new Sqlite(join(folder, 'other.db'));
    other.exec('CREATE TABLE IF NOT EXISTS other (id INTEGER)');
    other.close();
    const { code, out, err } = await run(...args);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, said);
  });
}
