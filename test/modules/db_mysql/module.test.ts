// Owns the proof that the module db_mysql provides the driver for mysql: URLs, and that `rollcall db migrate` makes its tables.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { RollcallError } from '../../../core/base/errors';
import { db as dbCommand } from '../../../core/cli/db';
import { mariadbMissing } from '../../support/mariadb';
import { ScriptedTerminal } from '../../support/terminal';
import { root } from '../../support/tree';
import { temporaryFolder } from '../db_sqlite/help';
import { mariadbForThisFile, openTestDatabase } from './help';

const folder = temporaryFolder();

function configWith(url: string): string {
  const file = join(folder, 'rollcall.yaml');
  const config = {
    listen: ['udp:127.0.0.1:0'],
    script: join(root, 'scripts/presence.ts'),
    loadmodule: ['sl', 'maxfwd', 'sanity', 'textops', 'xlog', 'rr', 'pike', 'presence', 'presence_xml', 'db_mysql'],
    modparam: [
      ['presence', 'db_url', url],
      ['db_mysql', 'db_auto_migrate', 0],
    ],
  };
  writeFileSync(file, stringify(config));
  return file;
}

async function migrate(url: string): Promise<{ code: number; out: string }> {
  const terminal = new ScriptedTerminal();
  const code = await dbCommand(['migrate', '-f', configWith(url)], terminal);
  return { code, out: terminal.lines.join('\n') };
}

describe('rollcall db migrate', { skip: mariadbMissing }, () => {
  const mariadb = mariadbForThisFile();

  it('makes the tables, says so, and the next time says that they are there', async () => {
    const url = await mariadb().database();
    const first = await migrate(url);
    assert.equal(first.code, 0, first.out);
    assert.match(first.out, /^mysql:\/\/rollcall@127\.0\.0\.1:\d+\/test\d+: table presentity was made, version \d+$/m);
    assert.match(first.out, /table active_watchers was made/);
    const second = await migrate(url);
    assert.match(second.out, /table presentity has version \d+ already/);
    assert.doesNotMatch(second.out, /was made/);
  });

  it('refuses a foreign table by name, with a hint', async () => {
    const url = await mariadb().database();
    await mariadb().sql('CREATE TABLE presentity (id INT)', new URL(url).pathname.slice(1));
    await assert.rejects(migrate(url), (error) => {
      assert.ok(error instanceof RollcallError);
      assert.match(error.message, /'presentity' in mysql:.* is not listed in the table 'version'/);
      assert.match(error.hint ?? '', /database of its own/);
      return true;
    });
  });

  it('works with the user of the server only where that user may make tables', async () => {
    const url = await mariadb().database();
    await mariadb().sql(
      "CREATE USER poor@'127.0.0.1'; GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO poor@'127.0.0.1'",
    );
    const poor = url.replace(/\/\/.*@/, '//poor@');
    await assert.rejects(migrate(poor), (error) => {
      assert.ok(error instanceof RollcallError);
      assert.match(error.message, /the user may not do this/);
      return true;
    });
    assert.equal((await migrate(url)).code, 0);
    assert.equal((await migrate(poor)).code, 0);
    const db = await openTestDatabase(poor, { autoMigrate: false });
    await db.close();
  });
});
