// Owns the proof that tables are made with Kamailio's names, migrated by declared steps, refused by name, and read as Kamailio left them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createConnection } from 'mysql2/promise';
import { RollcallError } from '../../../core/base/errors';
import type { Table, Value, Write } from '../../../core/db/database';
import { isMysql, mariadbMissing } from '../../support/mariadb';
import { mariadbForThisFile, openTestDatabase, type TestOptions } from './help';
import { kamailioWatchers, listed, versionTable, watchers } from './kamailio';

const newer: Table = {
  ...watchers,
  version: 5,
  columns: [
    ...watchers.columns.slice(0, 2),
    { name: 'note', type: 'text', nullable: true },
    ...watchers.columns.slice(2),
    { name: 'remark', type: 'text', default: "it's" },
    { name: 'weight', type: 'integer', default: 9 },
  ],
  indexes: [...(watchers.indexes ?? []), { name: 'weight_idx', columns: ['weight'] }],
  migrations: [
    { from: 3, addColumns: ['note'] },
    { from: 4, addColumns: ['remark', 'weight'] },
  ],
};

describe('tables in MariaDB', { skip: mariadbMissing }, () => {
  const mariadb = mariadbForThisFile();

  /** A database with this in it; what a start makes of it. */
  async function scene(sql: readonly string[] = []) {
    const url = await mariadb().database();
    const name = new URL(url).pathname.slice(1);
    const query = (text: string) => mariadb().sql(text, name);
    for (const statement of sql) await query(statement);
    const prepare = async (tables: readonly Table[], options: TestOptions = {}) => {
      const db = await openTestDatabase(url, options);
      try {
        await db.prepare(tables);
      } finally {
        await db.close();
      }
    };
    return { url, query, prepare };
  }

  it('a new table has the columns of Kamailio in its order, its keys, and a row in version', async () => {
    const { query, prepare } = await scene();
    await prepare([watchers]);
    const bigint = isMysql ? 'bigint' : 'bigint(20)';
    assert.deepEqual(
      await query(`SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT FROM information_schema.COLUMNS
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'watchers' ORDER BY ORDINAL_POSITION`),
      [
        ['id', `${bigint} unsigned`, 'NO', null],
        ['presentity_uri', 'varchar(255)', 'NO', null],
        ['watcher_username', 'varchar(64)', 'NO', null],
        ['watcher_domain', 'varchar(64)', 'NO', null],
        ['event', 'varchar(64)', 'NO', isMysql ? 'presence' : "'presence'"],
        ['status', bigint, 'NO', null],
        ['reason', 'varchar(64)', 'YES', isMysql ? null : 'NULL'],
        ['inserted_time', bigint, 'NO', null],
      ],
    );
    const keys =
      await query(`SELECT INDEX_NAME, GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX) FROM information_schema.STATISTICS
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'watchers' GROUP BY INDEX_NAME ORDER BY INDEX_NAME`);
    assert.deepEqual(keys, [
      ['id', 'id'],
      ['PRIMARY', 'presentity_uri,watcher_username,watcher_domain,event'],
      ['time_status_idx', 'inserted_time,status'],
    ]);
    const versions = 'SELECT table_name, table_version FROM version ORDER BY id';
    assert.deepEqual(await query(versions), [
      ['version', 1],
      ['watchers', 3],
    ]);
    const [engine] = await query(
      "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_NAME = 'watchers' AND TABLE_SCHEMA = DATABASE()",
    );
    assert.deepEqual(engine, ['InnoDB']);
  });

  it('an older table of ours gets its new columns and indexes, and keeps its rows', async () => {
    const { url, query, prepare } = await scene();
    await prepare([watchers]);
    await query("INSERT INTO watchers VALUES (7, 'sip:a@x', 'b', 'x', 'presence', 1, NULL, 5)");
    const db = await openTestDatabase(url);
    assert.deepEqual(await db.migrate([newer], true), [{ table: 'watchers', action: 'migrated', from: 3, to: 5 }]);
    assert.deepEqual(await db.migrate([newer], true), [{ table: 'watchers', action: 'kept', from: 5, to: 5 }]);
    await db.close();
    assert.deepEqual(await query('SELECT id, note, remark, weight FROM watchers'), [[7, null, "it's", 9]]);
    assert.deepEqual(await query("SELECT table_version FROM version WHERE table_name = 'watchers'"), [[5]]);
    const index = await query("SHOW INDEX FROM watchers WHERE Key_name = 'weight_idx'");
    assert.equal(index.length, 1);
  });

  it('a migration that a crash ended between the columns and their version is finished', async () => {
    const { query, prepare } = await scene();
    await prepare([newer]);
    await query("UPDATE version SET table_version = 3 WHERE table_name = 'watchers'");
    await prepare([newer]);
    assert.deepEqual(await query("SELECT table_version FROM version WHERE table_name = 'watchers'"), [[5]]);
  });

  it('updates change what is there and make nothing, whether the key or the number is the primary key', async () => {
    const { url, query, prepare } = await scene();
    await prepare([watchers]);
    const natural = watchers.primaryKey.join(', ');
    const shapes = [
      '',
      `ALTER TABLE watchers DROP PRIMARY KEY, DROP INDEX id, ADD PRIMARY KEY (id), ADD UNIQUE KEY watchers_idx (${natural})`,
      // The README's way back.
      `ALTER TABLE watchers DROP PRIMARY KEY, DROP INDEX watchers_idx, ADD PRIMARY KEY (${natural}), ADD UNIQUE KEY id (id)`,
    ];
    for (const shape of shapes) {
      await query(`${shape}; DELETE FROM watchers`.replace(/^; /, ''));
      const db = await openTestDatabase(url);
      await db.prepare([watchers]);
      const key = (user: string) => ['sip:a@x', user, 'x', 'presence'];
      const users = ['b', 'c', 'd'];
      await db.commit({
        writes: users.map((user) => ({ op: 'put', table: watchers, row: [...key(user), 1, null, 5] })),
      });
      const updates = (set: (user: string) => Record<string, Value>, ...more: string[]): Write[] => {
        return [...users, ...more].map((user) => ({ op: 'update', table: watchers, key: key(user), set: set(user) }));
      };
      await db.commit({ writes: updates((user) => ({ status: 2, reason: user })) });
      await db.commit({ writes: updates((user) => ({ status: 3, reason: `${user}!` }), 'nobody') });
      // As they are already.
      await db.commit({ writes: updates((user) => ({ reason: `${user}!`, inserted_time: 5 })) });
      await db.commit({ writes: updates(() => ({ inserted_time: 6 }), 'nobody') });
      await db.close();
      assert.deepEqual(
        await query('SELECT watcher_username, status, reason, inserted_time FROM watchers ORDER BY id'),
        users.map((user) => [user, 3, `${user}!`, 6]),
        shape,
      );
    }
  });

  it('nodes that start together make the tables once', async () => {
    const { url, query } = await scene();
    const nodes = await Promise.all(Array.from({ length: 6 }, () => openTestDatabase(url)));
    await Promise.all(nodes.map((node) => node.prepare([watchers])));
    assert.deepEqual(await query("SELECT table_version FROM version WHERE table_name = 'watchers'"), [[3]]);
    const results = await Promise.all(nodes.map((node) => node.migrate([newer], true)));
    assert.equal(results.filter(([step]) => step?.action === 'migrated').length, 1);
    for (const node of nodes) await node.close();
  });

  it('a table that another node is just changing is not refused: it is looked at again when that is done', async () => {
    const { url, query, prepare } = await scene();
    await prepare([watchers]);
    // What a look finds that reads the columns before the other node has changed them, and the version after.
    await query("UPDATE version SET table_version = 5 WHERE table_name = 'watchers'");
    const other = await createConnection(url);
    await other.query("DO GET_LOCK(CONCAT('rollcall.', LEFT(DATABASE(), 48)), 5)");
    const node = await openTestDatabase(url);
    const started = node.migrate([newer], true);
    const waits = async () =>
      (await query("SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'")).length > 0;
    while (!(await waits())) await new Promise((resolve) => setTimeout(resolve, 20));
    await query("UPDATE version SET table_version = 3 WHERE table_name = 'watchers'");
    await other.end();
    assert.deepEqual(await started, [{ table: 'watchers', action: 'migrated', from: 3, to: 5 }]);
    await node.close();
  });

  it('with db_auto_migrate off, a missing or older table stops the start and names the command', async () => {
    const { url, query, prepare } = await scene();
    const refused = async (tables: readonly Table[], message: RegExp) => {
      await assert.rejects(prepare(tables, { autoMigrate: false }), (error) => {
        assert.ok(error instanceof RollcallError);
        assert.match(error.message, message);
        assert.match(error.hint ?? '', /rollcall db migrate/);
        return true;
      });
    };
    await refused([watchers], /'watchers' in .* is missing, and db_auto_migrate is off/);
    assert.deepEqual(await query('SHOW TABLES'), []);
    const db = await openTestDatabase(url, { autoMigrate: false });
    assert.deepEqual(await db.migrate([watchers], true), [
      { table: 'watchers', action: 'created', from: undefined, to: 3 },
    ]);
    await db.close();
    await refused([newer], /'watchers' in .* has version 3, older than 5/);
    await prepare([watchers], { autoMigrate: false });
  });

  const foreign: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['a newer table', [versionTable, kamailioWatchers, listed(4)], /'watchers'.*version 4, newer than 3/],
    ['an older table without a way up', [versionTable, kamailioWatchers, listed(1)], /no way from 1 to 3/],
    ['a table that version does not list', [kamailioWatchers], /'watchers'.*not listed/],
    [
      'a table of another shape',
      [versionTable, 'CREATE TABLE watchers (id INT PRIMARY KEY, uri VARCHAR(9))', listed(3)],
      /no column 'presentity_uri'/,
    ],
    [
      'a table whose key is not unique',
      [versionTable, kamailioWatchers.replace('CONSTRAINT watcher_idx UNIQUE', 'KEY watcher_idx'), listed(3)],
      /is not unique/,
    ],
    [
      'a table whose key is unique in its first letters only',
      [versionTable, kamailioWatchers.replace('UNIQUE (presentity_uri,', 'UNIQUE (presentity_uri(20),'), listed(3)],
      /is not unique/,
    ],
    [
      'a table with a column that needs a value unknown to us',
      [versionTable, kamailioWatchers.replace('status INT', 'extra TEXT NOT NULL, status INT'), listed(3)],
      /'extra' needs a value/,
    ],
    [
      'a table of an engine without transactions',
      [versionTable, `${kamailioWatchers} ENGINE=MyISAM`, listed(3)],
      /'watchers'.*engine MyISAM/,
    ],
  ];
  for (const [what, sql, message] of foreign) {
    it(`${what} is refused by name with a hint, and nothing is made`, async () => {
      const { query, prepare } = await scene(sql);
      const before = await query('SHOW TABLES');
      await assert.rejects(prepare([{ ...watchers, name: 'another' }, watchers]), (error) => {
        assert.ok(error instanceof RollcallError);
        assert.match(error.message, message);
        assert.ok((error.hint ?? '') !== '');
        return true;
      });
      assert.deepEqual(await query('SHOW TABLES'), before);
    });
  }
});
