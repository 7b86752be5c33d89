// Owns the proof that a text is its bytes: in Kamailio's latin1 tables as Kamailio left them, and in ours with every character.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plain } from '../../core/db/sample';
import { mariadbMissing } from '../../support/mariadb';
import { mariadbForThisFile, openTestDatabase, recordingLogger } from './help';
import { kamailioWatchers, listed, versionTable, watchers } from './kamailio';

describe('texts in MariaDB', { skip: mariadbMissing }, () => {
  const mariadb = mariadbForThisFile();

  async function scene(sql: readonly string[] = []) {
    const url = await mariadb().database();
    const name = new URL(url).pathname.slice(1);
    const query = (text: string) => mariadb().sql(text, name);
    for (const statement of sql) await query(statement);
    return { url, query };
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
