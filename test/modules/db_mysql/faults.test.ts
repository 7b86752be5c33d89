// Owns the proof that nothing is acknowledged that is not stored while the server fails, and that all goes on by itself afterwards.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { RollcallError } from '../../../core/base/errors';
import { DatabaseUnavailable } from '../../../core/db/database';
import type { MysqlDatabase } from '../../../modules/db_mysql/database';
import { guarded, items, put, tagsOf, versions } from '../../core/db/sample';
import { isMysql, Mariadb, mariadbMissing, password } from '../../support/mariadb';
import { Cutter } from './cutter';
import { mariadbForThisFile, openTestDatabase, recordingLogger } from './help';

/** Nothing about an error, however it is printed, holds the password. */
function assertSecret(error: unknown): void {
  const shown = inspect(error, { depth: 10, showHidden: true });
  for (const secret of [password, encodeURIComponent(password)]) assert.ok(!shown.includes(secret), shown);
}

describe('while the server fails', { skip: mariadbMissing }, () => {
  const mariadb = mariadbForThisFile();
  let url: string;
  let db: MysqlDatabase;
  let log: ReturnType<typeof recordingLogger>;
  beforeEach(async () => {
    url = await mariadb().database();
    log = recordingLogger();
    db = await openTestDatabase(url, { log: log.logger, lockTimeout: 1, timeout: 3000 });
    await db.prepare([versions, items]);
  });
  afterEach(() => db.close());

  const unavailable = async (work: Promise<unknown>, message: RegExp) => {
    await assert.rejects(work, (error) => {
      assert.ok(error instanceof DatabaseUnavailable, String(error));
      assert.match(error.message, message);
      assert.ok(error.retryAfter >= 1);
      assertSecret(error);
      return true;
    });
  };
  const killAll = async () => {
    const ids = await mariadb().sql(
      "SELECT id FROM information_schema.processlist WHERE user = 'rollcall' AND command <> 'Killed'",
    );
    for (const [id] of ids)
      await mariadb()
        .sql(`KILL ${id}`)
        .catch(() => {});
  };

  it('connections that were killed while nobody used them are replaced before anybody notices', async () => {
    for (let i = 0; i < 5; i++) {
      await db.select([{ table: items, where: {} }]);
      await killAll();
      assert.equal(await db.commit(guarded('alice', i, `t${i}`)), 'committed');
    }
    assert.equal((await tagsOf(db, 'alice')).length, 5);
    assert.deepEqual(log.lines, []);
  });

  it('a stream of commits whose connection is killed again and again stores each change once or refuses it', async () => {
    let running = true;
    const killer = (async () => {
      while (running) {
        await killAll();
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
    })();
    const stored = new Map<string, number>();
    const writer = async (name: string) => {
      let version = 0;
      let inDoubt = false;
      const look = async (): Promise<number> => {
        const rows = await db.select([{ table: versions, where: { name } }]).catch(() => undefined);
        return rows === undefined ? look() : Number(rows[0]?.[0]?.[1] ?? 0);
      };
      for (let i = 0; i < 60; i++) {
        try {
          const outcome = await db.commit(guarded(name, version, `t${version + 1}`));
          // MySQL may finish the COMMIT of a killed connection after others have looked.
          assert.ok(outcome === 'committed' || inDoubt, outcome);
          version = outcome === 'committed' ? version + 1 : await look();
          inDoubt = false;
          stored.set(name, version);
        } catch (error) {
          assert.ok(error instanceof DatabaseUnavailable, String(error));
          // As the contract says: look before trying again.
          const found = await look();
          assert.ok(found === version || found === version + 1, `${name}: ${version}, found ${found}`);
          inDoubt = found === version;
          version = found;
        }
      }
      stored.set(name, inDoubt ? await look() : version);
    };
    const names = ['alice', 'bob', 'carol'];
    await Promise.all(names.map(writer));
    running = false;
    await killer;
    for (const name of names) {
      // Every version put one row: none is missing, none is there without its version.
      assert.equal((await tagsOf(db, name)).length, stored.get(name));
    }
  });

  it('a COMMIT whose answer is lost is refused and not tried again; what it stored is there', async () => {
    const cutter = await Cutter.start(mariadb().port);
    const through = await openTestDatabase(url.replace(`:${mariadb().port}/`, `:${cutter.port}/`), { timeout: 3000 });
    await through.prepare([versions, items]);
    assert.equal(await through.commit(guarded('alice', 0, 'before')), 'committed');
    cutter.cutAnswerTo('COMMIT');
    await unavailable(through.commit(guarded('alice', 1, 'unknown')), /while a commit was under way/);
    // MySQL may still be at it.
    while ((await tagsOf(db, 'alice')).length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(await tagsOf(db, 'alice'), ['before', 'unknown']);
    assert.equal(await through.commit(guarded('alice', 1, 'again')), 'stale');
    assert.equal(await through.commit(guarded('alice', 2, 'after')), 'committed');
    await through.close();
    await cutter.stop();
  });

  it('a connection lost before the COMMIT is tried again on another one', async () => {
    const cutter = await Cutter.start(mariadb().port);
    const through = await openTestDatabase(url.replace(`:${mariadb().port}/`, `:${cutter.port}/`), { timeout: 3000 });
    await through.prepare([versions, items]);
    cutter.cutAnswerTo('START TRANSACTION');
    assert.equal(await through.commit(guarded('alice', 0, 'a')), 'committed');
    assert.deepEqual(await tagsOf(db, 'alice'), ['a']);
    await through.close();
    await cutter.stop();
  });

  it('a server that does not answer any more is given up after the time-out', async () => {
    const cutter = await Cutter.start(mariadb().port);
    const through = await openTestDatabase(url.replace(`:${mariadb().port}/`, `:${cutter.port}/`), { timeout: 2000 });
    await through.prepare([versions, items]);
    cutter.freeze();
    await unavailable(through.commit(guarded('alice', 0, 'a')), /connection|answers/);
    await unavailable(through.select([{ table: items, where: {} }]), /connection|answers/);
    cutter.thaw();
    // The address is asked again a second after it refused.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal(await through.commit(guarded('alice', 0, 'b')), 'committed');
    await through.close();
    await cutter.stop();
  });

  it('a server that turns read-only refuses changes, not reads, and takes them again by itself', async () => {
    // The user must not be one that may write all the same.
    await mariadb().sql(`DROP USER IF EXISTS plain@'127.0.0.1'; CREATE USER plain@'127.0.0.1' IDENTIFIED BY 'x';
      GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON *.* TO plain@'127.0.0.1'`);
    const plain = await openTestDatabase(url.replace(/\/\/.*@/, '//plain:x@'), { log: log.logger });
    await plain.prepare([versions, items]);
    await mariadb().sql('SET GLOBAL read_only = 1');
    for (let i = 0; i < 3; i++) await unavailable(plain.commit(guarded('alice', 0, 'a')), /read-only/);
    assert.deepEqual(await tagsOf(plain, 'alice'), []);
    await mariadb().sql('SET GLOBAL read_only = 0');
    assert.equal(await plain.commit(guarded('alice', 0, 'a')), 'committed');
    assert.deepEqual(
      log.lines.map(({ level, text }) => `${level} ${text}`),
      [
        'error the database cannot store changes; requests that need it are refused',
        'info the database stores changes again',
      ],
    );
    for (const line of log.lines) assertSecret(line);
    await plain.close();
  });

  it('a row that somebody has locked makes a commit wait, then refuse, then go on', async () => {
    await db.commit(guarded('alice', 0));
    const somebody = await mariadb().connect(new URL(url).pathname.slice(1));
    await somebody.query("START TRANSACTION; SELECT * FROM suite_versions WHERE name = 'alice' FOR UPDATE");
    await unavailable(db.commit(guarded('alice', 1, 'a')), /came first/);
    await somebody.end();
    assert.equal(await db.commit(guarded('alice', 1, 'a')), 'committed');
  });

  it('too many connections: refused, then served', async () => {
    await mariadb().sql('SET GLOBAL max_connections = 10');
    const others = await Promise.all(Array.from({ length: 12 }, () => openTestDatabase(url).catch((error) => error)));
    const refused = others.filter((other) => other instanceof Error);
    assert.ok(refused.length > 0);
    for (const error of refused) {
      assert.ok(error instanceof DatabaseUnavailable);
      assert.match(error.message, /too many connections/);
    }
    await mariadb()
      .sql('SET GLOBAL max_connections = 151')
      .catch(() => {});
    for (const other of others) if (!(other instanceof Error)) await other.close();
    await mariadb().sql('SET GLOBAL max_connections = 151');
    assert.equal(await db.commit(guarded('alice', 0, 'a')), 'committed');
  });

  it('a row longer than a packet may be is refused alone', async () => {
    await mariadb().sql('SET GLOBAL max_allowed_packet = 1048576');
    const small = await openTestDatabase(url);
    await small.prepare([versions, items]);
    const attempts = await Promise.allSettled([
      small.commit({ writes: [put('a', '1')] }),
      small.commit({ writes: [put('a', '2', { body: Buffer.alloc(2 << 20, 'x') })] }),
      small.commit({ writes: [put('a', '3', { body: Buffer.alloc(900_000, "'") })] }),
      ...Array.from({ length: 8 }, (_, i) =>
        small.commit({ writes: [put('b', `${i}`, { body: Buffer.alloc(300_000, 'x') })] }),
      ),
    ]);
    const outcomes = attempts.map((attempt) => (attempt.status === 'fulfilled' ? attempt.value : attempt.reason.name));
    assert.deepEqual(outcomes, [
      'committed',
      'ConstraintViolated',
      'ConstraintViolated',
      ...Array(8).fill('committed'),
    ]);
    await small.close();
    await mariadb().sql('SET GLOBAL max_allowed_packet = 16777216');
  });

  it('a table that is gone says what to do', async () => {
    await mariadb().sql('DROP TABLE suite_versions', new URL(url).pathname.slice(1));
    await unavailable(db.commit(guarded('alice', 0)), /missing/);
  });
});

describe('a start', { skip: mariadbMissing }, () => {
  const mariadb = mariadbForThisFile();
  type Refusal = readonly [what: string, change: (url: string) => string, message: RegExp, forEver: boolean];
  const tlsAtNone: Refusal = [
    'with TLS at a server that has none',
    (url) => `${url}?ssl=required`,
    /TLS did not succeed/,
    true,
  ];
  const refusals: readonly Refusal[] = [
    ['with a wrong password', (url) => url.replace(/:[^:@]*@/, ':wrong@'), /does not let us in/, true],
    ['on a database that is not there', (url) => url.replace(/test\d+$/, 'nowhere'), /no such database/, true],
    ['at a port where nobody listens', (url) => url.replace(/:\d+\//, ':1/'), /nobody answers/, false],
    ['at a socket that is not there', (url) => `${url}?socket=/nowhere/socket`, /nobody answers/, false],
    // MySQL makes itself a certificate.
    ...(isMysql ? [] : [tlsAtNone]),
  ];
  for (const [what, change, message, forEver] of refusals) {
    it(`${what} is refused with a hint and without the password`, async () => {
      const url = change(await mariadb().database());
      await assert.rejects(openTestDatabase(url, { timeout: 2000 }), (error) => {
        assert.ok(error instanceof RollcallError);
        assert.equal(error instanceof DatabaseUnavailable, !forEver);
        assert.match(error.message, message);
        assert.ok((error.hint ?? '') !== '');
        assertSecret(error);
        return true;
      });
    });
  }

  it('over the unix socket works', async () => {
    const url = await mariadb().database(`?socket=${mariadb().socket}`);
    await mariadb().sql(
      `CREATE USER rollcall@localhost IDENTIFIED BY '${password}'; GRANT ALL ON *.* TO rollcall@localhost`,
    );
    const db = await openTestDatabase(url);
    await db.prepare([versions, items]);
    assert.equal(await db.commit(guarded('alice', 0)), 'committed');
    await db.close();
  });
});

describe('a server that is restarted', { skip: mariadbMissing }, () => {
  it('is found again by itself, and what was acknowledged is there', async () => {
    const server = await Mariadb.start();
    const db = await openTestDatabase(await server.database());
    await db.prepare([versions, items]);
    await db.commit(guarded('alice', 0, 'a'));
    await server.terminate();
    await assert.rejects(db.commit(guarded('alice', 1, 'b')), DatabaseUnavailable);
    await assert.rejects(db.select([{ table: items, where: {} }]), DatabaseUnavailable);
    await server.start();
    // The address is asked again a second after it refused.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal(await db.commit(guarded('alice', 1, 'b')), 'committed');
    assert.deepEqual(await tagsOf(db, 'alice'), ['a', 'b']);
    await db.close();
    await server.stop();
  });
});
