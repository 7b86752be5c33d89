// Owns the proof that database URLs are read as operators write them, and never shown with a password.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDatabaseUrl, type ServerUrl } from '../../../core/db/url';

const parse = (text: string) => parseDatabaseUrl(text, '/etc/rollcall');

function server(text: string): ServerUrl {
  const parsed = parse(text);
  assert.ok(parsed.ok && parsed.url.scheme === 'mysql', text);
  return parsed.url;
}

function problem(text: string): string {
  const parsed = parse(text);
  assert.ok(!parsed.ok, text);
  return parsed.problem;
}

describe('a sqlite URL', () => {
  const paths: readonly (readonly [string, string])[] = [
    ['sqlite:../var/rollcall.db', '/etc/var/rollcall.db'],
    ['sqlite:rollcall.db', '/etc/rollcall/rollcall.db'],
    ['sqlite:/var/lib/rollcall.db', '/var/lib/rollcall.db'],
    ['sqlite:///var/lib/rollcall.db', '/var/lib/rollcall.db'],
    ['SQLITE:a b%20?.db', '/etc/rollcall/a b%20?.db'],
  ];
  for (const [text, path] of paths) {
    it(`${text} is the file ${path}`, () => {
      assert.deepEqual(parse(text), { ok: true, url: { scheme: 'sqlite', path, safe: `sqlite:${path}` } });
    });
  }

  it('needs a file and cannot be in memory', () => {
    assert.match(problem('sqlite:'), /names no file/);
    assert.match(problem('sqlite::memory:'), /leave db_url out/);
    assert.match(problem('sqlite:a\0b'), /NUL/);
  });
});

describe('a mysql URL', () => {
  it('has user, password, host and database; the port is 3306', () => {
    assert.deepEqual(server('mysql://rollcall:secret@db.example.com/presence'), {
      scheme: 'mysql',
      user: 'rollcall',
      password: 'secret',
      host: 'db.example.com',
      port: 3306,
      database: 'presence',
      options: new Map(),
      safe: 'mysql://rollcall@db.example.com:3306/presence',
    });
  });

  it('takes a port, an IPv6 address, options and percent-encoding', () => {
    const url = server('mysql://us%40er:p%3Aw%2F%C3%A9@[::1]:3307/my%20db?ssl=on&name=a%26b');
    assert.deepEqual(
      [url.user, url.password, url.host, url.port, url.database],
      ['us@er', 'p:w/é', '::1', 3307, 'my db'],
    );
    assert.deepEqual(
      [...url.options],
      [
        ['ssl', 'on'],
        ['name', 'a&b'],
      ],
    );
    assert.equal(url.safe, 'mysql://us%40er@[::1]:3307/my%20db');
  });

  it('lets a password hold : @ and / undecoded', () => {
    const url = server('mysql://u:a:b@c/d@host/db');
    assert.deepEqual([url.user, url.password, url.host, url.database], ['u', 'a:b@c/d', 'host', 'db']);
  });

  it('without a password has an empty one', () => {
    assert.equal(server('mysql://u@host/db').password, '');
  });

  const bad: readonly (readonly [string, RegExp])[] = [
    ['mysql:host/db', /must look like/],
    ['mysql://host/db', /names no user/],
    ['mysql://:pw@host/db', /names no user/],
    ['mysql://u:topsecret@/db', /names no host/],
    ['mysql://u:topsecret@host', /name of one database/],
    ['mysql://u:topsecret@host/a/b', /name of one database/],
    ['mysql://u:topsecret@host:0/db', /port from 1 to 65535/],
    ['mysql://u:topsecret@host:99999/db', /port from 1 to 65535/],
    ['mysql://u:topsecret@::1/db', /brackets/],
    ['mysql://u:topsecret@[::1/db', /without its '\]'/],
    ['mysql://u:topsecret%zz@host/db', /%25/],
    ['mysql://u:topsecret@host/db?=x', /name=value/],
    ['mysql://u:topsecret@host/db?a=1&a=2', /twice/],
    ['postgres://u:topsecret@host/db', /must start with/],
    ['rollcall.db', /must start with/],
    ['', /must start with/],
  ];
  for (const [text, message] of bad) {
    it(`refuses '${text}' without telling the password`, () => {
      assert.match(problem(text), message);
      assert.ok(!problem(text).includes('topsecret'));
    });
  }
});
