// Owns the proof that URL options are read, refused by name, and never shown with the password.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { RollcallError } from '../../../core/base/errors';
import { readTls } from '../../../modules/db_mysql/options';
import { temporaryFolder } from '../db_sqlite/help';
import { target } from './help';

const url = (options: string) => `mysql://u:topsecret@db.example.com/presence${options}`;

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof RollcallError);
    const shown = `${error.message}, ${error.hint}`;
    assert.ok(!shown.includes('topsecret'), shown);
    return shown;
  }
  throw new Error('it was taken');
}

describe('URL options', () => {
  it('are all optional', () => {
    const { socket, tls, pool } = target(url(''));
    assert.deepEqual({ socket, tls, pool }, { socket: undefined, tls: undefined, pool: 4 });
  });

  it('name a socket, the size of the pool, and TLS', () => {
    const { socket, tls, pool } = target(url('?socket=run/mysqld.sock&pool=16&ssl=verify_identity&ssl_ca=/etc/ca.pem'));
    assert.deepEqual(
      { socket, tls, pool },
      {
        socket: '/run/mysqld.sock',
        pool: 16,
        tls: { mode: 'verify_identity', ca: '/etc/ca.pem', cert: undefined, key: undefined },
      },
    );
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['?sslca=x', /no option 'sslca', the options are socket, pool, ssl,/],
    ['?pool=0', /pool is '0', .* from 1 to 100/],
    ['?pool=many', /pool is 'many'/],
    ['?pool=101', /pool is '101'/],
    ['?socket=', /the option socket is empty/],
    ['?ssl=on', /ssl is 'on', it is one of disabled, required, verify_ca, verify_identity/],
    ['?ssl_ca=ca.pem', /TLS files are named, and ssl is disabled/],
    ['?ssl=required&ssl_key=k.pem', /one of ssl_cert and ssl_key is missing/],
  ];
  for (const [options, message] of wrong) {
    it(`${options} is refused`, () =>
      assert.match(
        refusal(() => target(url(options))),
        message,
      ));
  }

  it('ssl=verify_identity with an address is refused', () => {
    const address = 'mysql://u:topsecret@[2001:db8::1]/presence?ssl=verify_identity';
    assert.match(
      refusal(() => target(address)),
      /needs a name .* ssl=verify_ca/,
    );
  });
});

describe('TLS files', () => {
  const folder = temporaryFolder();

  it('are read, and what is verified follows from ssl', () => {
    const file = join(folder, 'ca.pem');
    writeFileSync(file, 'certificate');
    const modes = ['required', 'verify_ca', 'verify_identity'].map((mode) => {
      const tls = readTls(target(url(`?ssl=${mode}&ssl_ca=${encodeURIComponent(file)}`)));
      assert.equal(tls?.ca, 'certificate');
      return [tls?.rejectUnauthorized, tls?.verifyIdentity];
    });
    assert.deepEqual(modes, [
      [false, false],
      [true, false],
      [true, true],
    ]);
    assert.equal(readTls(target(url(''))), undefined);
  });

  it('that cannot be read are named', () => {
    const message = refusal(() => readTls(target(url('?ssl=verify_ca&ssl_ca=/nowhere/ca.pem'))));
    assert.match(message, /\/nowhere\/ca.pem cannot be read \(ENOENT\)/);
  });
});
