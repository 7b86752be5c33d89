// Owns the proof that TLS to the server is encrypted, and that verify_ca and verify_identity refuse a server that proves nothing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { RollcallError } from '../../../core/base/errors';
import { items, put, tagsOf } from '../../core/db/sample';
import { Mariadb, mariadbMissing } from '../../support/mariadb';
import { temporaryFolder } from '../db_sqlite/help';
import { openTestDatabase } from './help';

const noOpenssl = spawnSync('openssl', ['version'], { stdio: 'ignore' }).error !== undefined;

describe('TLS', { skip: mariadbMissing || (noOpenssl && 'openssl is not installed: no certificates') }, () => {
  const folder = temporaryFolder();
  const file = (name: string) => join(folder, name);
  let server: Mariadb;

  before(async () => {
    makeCertificate('ours', 'DNS:localhost');
    makeCertificate('others', 'DNS:localhost');
    makeCertificate('named', 'DNS:db.example.com');
    server = await startWith('ours');
  });
  after(() => server.stop());

  /** Signed by itself: its own authority. */
  function makeCertificate(name: string, alternative: string): void {
    const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${alternative}`];
    const files = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)];
    const made = spawnSync('openssl', ['req', '-x509', ...options, ...names, ...files], { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
    // Read by mariadbd, which has an account of its own.
    for (const readable of [folder, file(`${name}.key`)]) chmodSync(readable, 0o755);
  }

  function startWith(name: string): Promise<Mariadb> {
    return Mariadb.start([
      `--ssl-cert=${file(`${name}.pem`)}`,
      `--ssl-key=${file(`${name}.key`)}`,
      '--require-secure-transport=0',
    ]);
  }

  async function works(url: string): Promise<void> {
    const db = await openTestDatabase(url);
    await db.prepare([items]);
    await db.commit({ writes: [put('alice', 'a')] });
    assert.deepEqual(await tagsOf(db, 'alice'), ['a']);
    await db.close();
  }

  it('is used when it is asked for: a user who must have it is let in', async () => {
    await server.sql("CREATE USER safe@'%' IDENTIFIED BY 'x' REQUIRE SSL; GRANT ALL ON *.* TO safe@'%'");
    const url = (await server.database()).replace(/\/\/.*@127.0.0.1/, '//safe:x@localhost');
    await assert.rejects(openTestDatabase(url), /does not let us in/);
    for (const options of [
      '?ssl=required',
      `?ssl=verify_ca&ssl_ca=${file('ours.pem')}`,
      `?ssl=verify_identity&ssl_ca=${file('ours.pem')}`,
    ]) {
      await works(`${url}${options}`);
    }
  });

  const refused = async (url: string) => {
    await assert.rejects(openTestDatabase(url), (error) => {
      assert.ok(error instanceof RollcallError);
      assert.match(error.message, /TLS did not succeed/);
      assert.match(error.hint ?? '', /ssl_ca/);
      return true;
    });
  };

  it('of another authority is refused by verify_ca, and taken by required', async () => {
    const url = await server.database();
    await refused(`${url}?ssl=verify_ca&ssl_ca=${file('others.pem')}`);
    await refused(`${url}?ssl=verify_ca`);
    await works(`${url}?ssl=required&ssl_ca=${file('others.pem')}`);
  });

  it('of another name is refused by verify_identity, and taken by verify_ca', async () => {
    const named = await startWith('named');
    const url = (await named.database()).replace('127.0.0.1', 'localhost');
    await refused(`${url}?ssl=verify_identity&ssl_ca=${file('named.pem')}`);
    const db = await openTestDatabase(`${url}?ssl=verify_ca&ssl_ca=${file('named.pem')}`);
    await db.close();
    await named.stop();
  });
});
