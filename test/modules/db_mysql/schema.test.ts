// Owns the proof that tables are made with Kamailio's names, migrated by declared steps, refused by name, and read as Kamailio left them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RollcallError } from '../../../core/base/errors';
import type { Table } from '../../../core/db/database';
import { plain } from '../../core/db/sample';
import { mariadbMissing } from '../../support/mariadb';
import { mariadbForThisFile, openTestDatabase, recordingLogger, type TestOptions } from './help';

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

/** As Kamailio's presence-create.sql and standard-create.sql have them, in the character set that its servers have. */
const kamailioWatchers = `CREATE TABLE watchers (id INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL, presentity_uri VARCHAR(255) NOT NULL,
  watcher_username VARCHAR(64) NOT NULL, watcher_domain VARCHAR(64) NOT NULL, event VARCHAR(64) DEFAULT 'presence' NOT NULL,
  status INT(11) NOT NULL, reason VARCHAR(64), inserted_time INT(11) NOT NULL,
  CONSTRAINT watcher_idx UNIQUE (presentity_uri, watcher_username, watcher_domain, event)) DEFAULT CHARSET=latin1`;
const versionTable = `CREATE TABLE version (id INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL, table_name VARCHAR(32) NOT NULL,
  table_version INT UNSIGNED DEFAULT 0 NOT NULL, CONSTRAINT table_name_idx UNIQUE (table_name)) DEFAULT CHARSET=latin1`;
const listed = (version: number) => `INSERT INTO version (table_name, table_version) VALUES ('watchers', ${version})`;

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
    assert.deepEqual(
      await query(`SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT FROM information_schema.COLUMNS
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'watchers' ORDER BY ORDINAL_POSITION`),
      [
        ['id', 'bigint(20) unsigned', 'NO', null],
        ['presentity_uri', 'varchar(255)', 'NO', null],
        ['watcher_username', 'varchar(64)', 'NO', null],
        ['watcher_domain', 'varchar(64)', 'NO', null],
        ['event', 'varchar(64)', 'NO', "'presence'"],
        ['status', 'bigint(20)', 'NO', null],
        ['reason', 'varchar(64)', 'YES', 'NULL'],
        ['inserted_time', 'bigint(20)', 'NO', null],
      ],
    );
    const keys =
      await query(`SELECT INDEX_NAME, GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX) FROM information_schema.STATISTICS
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'watchers' GROUP BY INDEX_NAME ORDER BY INDEX_NAME`);
    assert.deepEqual(keys, [
      ['PRIMARY', 'id'],
      ['time_status_idx', 'inserted_time,status'],
      ['watchers_idx', 'presentity_uri,watcher_username,watcher_domain,event'],
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

  it('nodes that start together make the tables once', async () => {
    const { url, query } = await scene();
    const nodes = await Promise.all(Array.from({ length: 6 }, () => openTestDatabase(url)));
    await Promise.all(nodes.map((node) => node.prepare([watchers])));
    assert.deepEqual(await query("SELECT table_version FROM version WHERE table_name = 'watchers'"), [[3]]);
    const results = await Promise.all(nodes.map((node) => node.migrate([newer], true)));
    assert.equal(results.filter(([step]) => step?.action === 'migrated').length, 1);
    for (const node of nodes) await node.close();
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

  it("Kamailio's own table of the same version is taken as it is; a text is what its bytes are, and equal only when they are", async () => {
    const { url, query } = await scene([versionTable, kamailioWatchers, listed(3)]);
    // As Kamailio writes: the bytes of UTF-8 over a latin1 connection. All of 0x80 to 0xff are among them.
    const every = Array.from({ length: 128 }, (_, i) => (128 + i).toString(16)).join('');
    await query(`INSERT INTO watchers (presentity_uri, watcher_username, watcher_domain, status, reason, inserted_time) VALUES
      ('sip:a@x', _latin1 X'5a6fc3ab', 'x', 1, NULL, 5), ('sip:A@x', 'bob', 'x', 2, _latin1 X'c385', 6), ('sip:b@x', _latin1 X'${every.slice(0, 128)}', 'x', 1, NULL, 7)`);
    const log = recordingLogger();
    const db = await openTestDatabase(url, { log: log.logger });
    await db.prepare([watchers]);
    assert.match(log.lines[0]?.text ?? '', /differ in case/);
    const columns = ['watcher_username', 'reason'];
    const upper = String.fromCharCode(...Array.from({ length: 64 }, (_, i) => 128 + i));
    const of = async (where: Record<string, string | { in: string[] }>) => {
      const [rows] = await db.select([{ table: watchers, where, columns }]);
      return rows;
    };
    assert.deepEqual(await of({ presentity_uri: 'sip:a@x' }), [['Zo\u00c3\u00ab', null]]);
    assert.deepEqual(await of({ presentity_uri: 'sip:A@x' }), [['bob', '\u00c3\u0085']]);
    assert.deepEqual(await of({ presentity_uri: 'SIP:a@x' }), []);
    assert.deepEqual(await of({ presentity_uri: { in: ['sip:b@x', 'sip:a@X'] } }), [[upper, null]]);
    assert.deepEqual(await of({ watcher_username: 'Zo\u00c3\u00ab' }), [['Zo\u00c3\u00ab', null]]);
    assert.deepEqual(await of({ watcher_username: upper }), [[upper, null]]);
    // Many of one shape, and a limit: one statement, filtered as well.
    const many = ['sip:a@x', 'sip:A@x', 'sip:b@X', 'sip:b@x'].map((presentity_uri) => {
      return { table: watchers, where: { presentity_uri }, columns, limit: 1 };
    });
    assert.deepEqual(
      (await db.select(many)).map((rows) => rows.map(([user]) => user)),
      [['Zo\u00c3\u00ab'], ['bob'], [], [upper]],
    );

    // Writing: new, changed, moved and deleted, with bytes beyond ASCII.
    const key = ['sip:a@x', 'Zo\u00c3\u00ab', 'x', 'presence'];
    const more = ['sip:n@x', upper, 'x', 'presence'];
    await db.commit({
      writes: [
        { op: 'put', table: watchers, row: [...more, 4, '\u00c3\u0085', 8] },
        { op: 'update', table: watchers, key, set: { status: 9, watcher_username: 'Zo\u00c3\u008b' } },
        {
          op: 'update',
          table: watchers,
          key: ['sip:A@x', 'bob', 'x', 'presence'],
          set: { status: 8, watcher_username: 'rob' },
        },
        { op: 'delete', table: watchers, key: ['sip:b@x', upper, 'x', 'presence'] },
        { op: 'delete', table: watchers, key: ['sip:none@x', upper, 'x', 'presence'] },
      ],
    });
    await db.close();
    assert.deepEqual(
      await query(
        'SELECT presentity_uri, HEX(watcher_username), HEX(reason), status FROM watchers ORDER BY BINARY presentity_uri',
      ),
      [
        ['sip:A@x', '726F62', 'C385', 8],
        ['sip:a@x', '5A6FC38B', null, 9],
        ['sip:n@x', every.slice(0, 128).toUpperCase(), 'C385', 4],
      ],
    );
  });

  it('our own table keeps texts apart that differ in case, accents or trailing blanks, in bulk as well', async () => {
    const { url } = await scene();
    const db = await openTestDatabase(url);
    await db.prepare([watchers]);
    const users = [
      'zoe',
      'Zoe',
      'zoë',
      'zoe ',
      'zoe\t',
      'Zo\u00c3\u00ab',
      '日本',
      '🙂',
      "o'brien",
      'back\\slash',
      'nul\0',
      '%_',
      '-- ',
      '',
    ];
    const put = (user: string, status: number) => {
      return { op: 'put', table: watchers, row: ['sip:a@x', user, 'x', 'presence', status, user, 0] } as const;
    };
    await db.commit({ writes: users.map((user, i) => put(user, i)) });
    await db.commit({
      writes: users.map((user, i) => ({
        op: 'update',
        table: watchers,
        key: ['sip:a@x', user, 'x', 'presence'],
        set: { status: i + 100 },
        where: { reason: user },
      })),
    });
    const keyOf = (user: string) => ({ presentity_uri: 'sip:a@x', watcher_username: user });
    const columns = ['watcher_username', 'reason', 'status'];
    const answers = await db.select(users.map((user) => ({ table: watchers, where: keyOf(user), columns })));
    assert.deepEqual(
      answers.map(plain),
      users.map((user, i) => [[user, user, i + 100]]),
    );
    await db.commit({
      writes: users
        .slice(1)
        .map((user) => ({ op: 'delete', table: watchers, key: ['sip:a@x', user, 'x', 'presence'] })),
    });
    const [left] = await db.select([{ table: watchers, where: {}, columns: ['watcher_username'] }]);
    assert.deepEqual(left, [['zoe']]);
    await db.close();
  });
});
