// Holds that a flow token names its connection, and that nobody without the secret can make one.
import assert from 'node:assert/strict';
import test from 'node:test';
import { FlowRoutes } from '../../../../modules/presence/flow/routes';
import { flowToken, keyOfToken } from '../../../../modules/presence/flow/token';

const secret = 'known to the nodes alone';
const key = 'tcp:10.0.0.1:5060>192.0.2.7:40012';

test('a token is its flow key again for who knows the secret, and nothing for others', () => {
  const token = flowToken(secret, key);
  assert.match(token, /^[A-Za-z0-9_-]+$/);
  assert.equal(keyOfToken(secret, token), key);
  assert.equal(keyOfToken('another secret of nodes', token), undefined);
});

test('a token that was changed, cut or made up is none', () => {
  const bytes = Buffer.from(flowToken(secret, key), 'base64url');
  for (let i = 0; i < bytes.length; i++) {
    const changed = Buffer.from(bytes);
    changed[i] = (changed[i] ?? 0) ^ 1;
    assert.equal(keyOfToken(secret, changed.toString('base64url')), undefined, `byte ${i}`);
    assert.equal(keyOfToken(secret, bytes.subarray(0, i).toString('base64url')), undefined, `cut at ${i}`);
  }
  for (const text of ['', 'bob', '%', 'ä', 'A'.repeat(64_000)]) assert.equal(keyOfToken(secret, text), undefined);
  assert.equal(keyOfToken(secret, flowToken(secret, 'no flow key')), undefined);
});

test('a flow has a route, and one that has no room in its column is left out', () => {
  const routes = new FlowRoutes(secret, 'sip:10.0.0.1:5060;transport=tcp');
  assert.match(routes.of(key), /^<sip:[A-Za-z0-9_-]+@10\.0\.0\.1:5060;transport=tcp;lr>$/);
  const long = `tls:[fe80::1234:5678:9abc:def0%${'e'.repeat(100)}]:5060>[2001:db8::1]:40012`;
  assert.equal(routes.of(long), '');
});
