// Owns the proof that tables are made as Kamailio's scripts make them, migrated by declared steps, and refused by name.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { RollcallError } from '../../../core/base/errors';
import type { Table } from '../../../core/db/database';
import { selectSql } from '../../../core/db/sql';
import { sqliteDialect } from '../../../modules/db_sqlite/dialect';
import { prepareTables } from '../../../modules/db_sqlite/schema';
import { openTestDatabase, temporaryFolder } from './help';

const folder = temporaryFolder();
let files = 0;

const watchers: Table = {
  name: 'watchers',
  version: 3,
  id: true,
  columns: [
    { name: 'presentity_uri', type: 'text', size: 255 },
    { name: 'watcher_username', type: 'text', size: 64 },
    { name: 'watcher_domain', type: 'text', size: 64 },
    { name: 'event', type: 'text', size: 64, default: 'presence' },
    { name: 'status', type: 'integer' },
    { name: 'reason', type: 'text', size: 64, nullable: true },
    { name: 'inserted_time', type: 'integer' },
  ],
  primaryKey: ['presentity_uri', 'watcher_username', 'watcher_domain', 'event'],
  indexes: [
    { name: 'time_status_idx', columns: ['inserted_time', 'status'] },
    { name: 'leading_part_of_the_key', columns: ['presentity_uri', 'watcher_username'] },
  ],
};

const kamailioWatchers = `CREATE TABLE watchers (id INTEGER PRIMARY KEY NOT NULL, presentity_uri VARCHAR(128) NOT NULL,
  watcher_username VARCHAR(64) NOT NULL, watcher_domain VARCHAR(64) NOT NULL, event VARCHAR(64) DEFAULT 'presence' NOT NULL,
  status INTEGER NOT NULL, reason VARCHAR(64), inserted_time INTEGER NOT NULL,
  CONSTRAINT watchers_watcher_idx UNIQUE (presentity_uri, watcher_username, watcher_domain, event))`;
const versionTable = `CREATE TABLE version (table_name VARCHAR(32) NOT NULL, table_version INTEGER DEFAULT 0 NOT NULL)`;

/** A file with this in it, and a look at it afterwards. */
async function prepare(
  sql: readonly string[],
  tables: readonly Table[],
  file = `${++files}.db`,
): Promise<Sqlite.Database> {
  const path = join(folder, file);
  const before = new Sqlite(path);
  for (const statement of sql) before.exec(statement);
  before.close();
  const db = await openTestDatabase(folder, { file });
  try {
    await db.prepare(tables);
  } finally {
    await db.close();
  }
  return new Sqlite(path);
}

it('a table has the columns of Kamailio in its order, and a row in version', async () => {
  const db = await prepare([], [watchers]);
  assert.deepEqual(
    db.prepare('SELECT name, type, "notnull" AS nn, dflt_value AS d FROM pragma_table_info(?)').raw().all('watchers'),
    [
      ['id', 'INTEGER', 1, null],
      ['presentity_uri', 'VARCHAR(255)', 1, null],
      ['watcher_username', 'VARCHAR(64)', 1, null],
      ['watcher_domain', 'VARCHAR(64)', 1, null],
      ['event', 'VARCHAR(64)', 1, "'presence'"],
      ['status', 'INTEGER', 1, null],
      ['reason', 'VARCHAR(64)', 0, null],
      ['inserted_time', 'INTEGER', 1, null],
    ],
  );
  assert.deepEqual(db.prepare('SELECT table_name, table_version FROM version').raw().all(), [
    ['version', 1],
    ['watchers', 3],
  ]);
  const indexes = db.prepare("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").raw().all();
  assert.deepEqual(indexes, [['watchers_time_status_idx']]);
  db.close();
});

it("Kamailio's own table of the same version is taken as it is", async () => {
  const row = `INSERT INTO watchers VALUES (7, 'sip:a@x', 'b', 'x', 'presence', 1, NULL, 5)`;
  const db = await prepare(
    [versionTable, kamailioWatchers, "INSERT INTO version VALUES ('watchers', 3)", row],
    [watchers],
  );
  assert.deepEqual(db.prepare('SELECT id, watcher_username FROM watchers').raw().all(), [[7, 'b']]);
  db.close();
});

it('an index of a column that may be null holds the rows that have something there, and is used for every comparison', () => {
  const table: Table = {
    name: 'notes',
    version: 1,
    columns: [
      { name: 'name', type: 'text', size: 64 },
      { name: 'pending', type: 'integer', nullable: true },
    ],
    primaryKey: ['name'],
    indexes: [{ name: 'pending_idx', columns: ['pending'] }],
  };
  const db = new Sqlite(':memory:');
  prepareTables(db, [table], ':memory:');
  const [sql] = db.prepare("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").pluck().all();
  assert.match(String(sql), /WHERE "pending" IS NOT NULL$/);
  for (const condition of [{ above: 0 }, { atMost: 5 }, { in: [1, 2] }, 1] as const) {
    const query = selectSql(sqliteDialect, { table, where: { pending: condition }, orderBy: 'pending' });
    const slots = query.split('?').slice(1);
    const [plan] = db.prepare(`EXPLAIN QUERY PLAN ${query}`).all(...slots.map(() => 1)) as { detail: string }[];
    assert.match(plan?.detail ?? '', /USING INDEX notes_pending_idx|USING COVERING INDEX notes_pending_idx/);
  }
  db.close();
});

it('tables that are complete are looked at while another connection writes; a missing index is made when it has ended', async () => {
  const file = `${++files}.db`;
  const writer = await prepare([], [watchers], file);
  const db = new Sqlite(join(folder, file), { timeout: 0 });
  writer.exec('BEGIN IMMEDIATE');
  assert.deepEqual(prepareTables(db, [watchers], file), [{ table: 'watchers', action: 'kept', from: 3, to: 3 }]);
  const more = { ...watchers, indexes: [{ name: 'event_idx', columns: ['event'] }] };
  assert.throws(() => prepareTables(db, [more], file), { code: 'SQLITE_BUSY' });
  writer.exec('COMMIT');
  prepareTables(db, [more], file);
  const made = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'watchers_event_idx'").all();
  assert.equal(made.length, 1);
  for (const each of [db, writer]) each.close();
});

it('an older table of ours gets its new columns, and keeps its rows', async () => {
  const file = `${++files}.db`;
  (await prepare([], [watchers], file)).close();
  const row = `INSERT INTO watchers VALUES (7, 'sip:a@x', 'b', 'x', 'presence', 1, NULL, 5)`;
  const newer: Table = {
    ...watchers,
    version: 5,
    columns: [
      ...watchers.columns.slice(0, 2),
      { name: 'note', type: 'text', nullable: true },
      ...watchers.columns.slice(2),
      { name: 'weight', type: 'integer', default: 9 },
    ],
    indexes: [{ name: 'weight_idx', columns: ['weight'] }],
    migrations: [
      { from: 3, addColumns: ['note'] },
      { from: 4, addColumns: ['weight'] },
    ],
  };
  const db = await prepare([row], [newer], file);
  assert.deepEqual(db.prepare('SELECT id, note, weight FROM watchers').raw().all(), [[7, null, 9]]);
  assert.deepEqual(db.prepare("SELECT table_version FROM version WHERE table_name = 'watchers'").raw().all(), [[5]]);
  db.close();
  (await prepare([], [newer], file)).close();
});

const foreign: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    'a newer table',
    [versionTable, kamailioWatchers, "INSERT INTO version VALUES ('watchers', 4)"],
    /'watchers'.*version 4, newer than 3/,
  ],
  [
    'an older table without a way up',
    [versionTable, kamailioWatchers, "INSERT INTO version VALUES ('watchers', 1)"],
    /no way from 1 to 3/,
  ],
  ['a table that version does not list', [kamailioWatchers], /'watchers'.*not listed/],
  [
    'a table of another shape',
    [
      versionTable,
      'CREATE TABLE watchers (id INTEGER PRIMARY KEY, uri TEXT)',
      "INSERT INTO version VALUES ('watchers', 3)",
    ],
    /no column 'presentity_uri'/,
  ],
  [
    'a table whose key is not unique',
    [versionTable, kamailioWatchers.replace(/,\s*CONSTRAINT.*\)\)/, ')'), "INSERT INTO version VALUES ('watchers', 3)"],
    /is not unique/,
  ],
  [
    'a table with a column that needs a value unknown to us',
    [
      versionTable,
      kamailioWatchers.replace('status INTEGER', 'extra TEXT NOT NULL, status INTEGER'),
      "INSERT INTO version VALUES ('watchers', 3)",
    ],
    /'extra' needs a value/,
  ],
];
for (const [what, sql, message] of foreign) {
  it(`${what} is refused by name with a hint, and nothing is made`, async () => {
    const file = `${++files}.db`;
    const other: Table = { ...watchers, name: 'another' };
    await assert.rejects(prepare(sql, [other, watchers], file), (error) => {
      assert.ok(error instanceof RollcallError);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', /own/);
      return true;
    });
    const db = new Sqlite(join(folder, file));
    assert.equal(db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'another'").get(), undefined);
    db.close();
  });
}
