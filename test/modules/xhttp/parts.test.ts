// Checks the parts of xhttp that decide without a socket: the address, the route of a request, and who comes in.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isLoopback, parseAddress } from '../../../modules/xhttp/address';
import type { HttpRoute } from '../../../modules/xhttp/api';
import { Guard } from '../../../modules/xhttp/guard';
import { findRoute } from '../../../modules/xhttp/routes';

function route(summary: string, access: HttpRoute['access'] = 'token'): HttpRoute {
  return { summary, access, handle: () => ({ status: 200 }) };
}

describe('the address of xhttp', () => {
  test('a port alone is one of this machine', () => {
    assert.deepEqual(parseAddress('8080'), { address: '127.0.0.1', port: 8080 });
  });

  test('IPv4 and IPv6 with a port', () => {
    assert.deepEqual(parseAddress('0.0.0.0:80'), { address: '0.0.0.0', port: 80 });
    assert.deepEqual(parseAddress('[::1]:8080'), { address: '::1', port: 8080 });
  });

  test('a name, a missing or wrong port and bare IPv6 are refused', () => {
    for (const text of ['localhost:80', '127.0.0.1', '127.0.0.1:65536', '::1:80', '[::1]', '[127.0.0.1]:80', '', ':80'])
      assert.equal(typeof parseAddress(text), 'string', text);
  });

  test('what is of this machine', () => {
    assert.deepEqual(
      ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '192.0.2.1', '::', '0.0.0.0'].map(isLoopback),
      [true, true, true, true, false, false, false],
    );
  });
});

describe('the route of a request', () => {
  const routes = new Map([
    ['GET /metrics', route('metrics')],
    ['GET /xcap-root/*', route('documents')],
    ['PUT /xcap-root/*', route('storing')],
    ['GET /xcap-root/global/*', route('global')],
  ]);
  const summary = (method: string, path: string) => {
    const found = findRoute(routes, method, path);
    if (found === undefined) return 'none';
    return 'route' in found ? found.route.summary : `allow ${found.allow.join(' ')}`;
  };

  test('is the one of its path, else the one with the longest beginning', () => {
    assert.equal(summary('GET', '/metrics'), 'metrics');
    assert.equal(summary('GET', '/xcap-root/a/b'), 'documents');
    assert.equal(summary('GET', '/xcap-root/global/index'), 'global');
    assert.equal(summary('PUT', '/xcap-root/a'), 'storing');
  });

  test('HEAD is answered by GET', () => {
    assert.equal(summary('HEAD', '/metrics'), 'metrics');
  });

  test('another method is told which there are', () => {
    assert.equal(summary('DELETE', '/xcap-root/a'), 'allow GET PUT');
    assert.equal(summary('POST', '/metrics'), 'allow GET');
  });

  test('there is none for other paths, however long or deep', () => {
    assert.equal(summary('GET', '/'), 'none');
    assert.equal(summary('GET', '/metrics/'), 'none');
    assert.equal(summary('GET', '/xcap-rootless'), 'none');
    assert.equal(summary('GET', `/${'a'.repeat(5000)}`), 'none');
    assert.equal(summary('GET', '/'.repeat(4000)), 'none');
    assert.equal(summary('GET', `/xcap-root${'/a'.repeat(40)}`), 'none', 'deeper than any route');
  });
});

describe('who comes in', () => {
  const token = 'a-token-of-some-length';

  test('everybody to an open route', () => {
    assert.equal(new Guard(token).admits(route('', 'open'), undefined, '192.0.2.1'), true);
  });

  test('who shows the token', () => {
    const guard = new Guard(token);
    assert.equal(guard.admits(route(''), `Bearer ${token}`, '192.0.2.1'), true);
    assert.equal(guard.admits(route(''), `bearer  ${token} `, '192.0.2.1'), true);
    const wrong = [undefined, '', 'Bearer', `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`, token];
    for (const header of wrong) assert.equal(guard.admits(route(''), header, '127.0.0.1'), false, header);
  });

  test('without a token who is on this machine', () => {
    const guard = new Guard(undefined);
    assert.equal(guard.admits(route(''), undefined, '127.0.0.1'), true);
    assert.equal(guard.admits(route(''), undefined, '192.0.2.1'), false);
  });
});
