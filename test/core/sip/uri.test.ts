// Owns the proof that URIs come apart and together as RFC 3261 §19.1 says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOfRecord, formatUri, parseUri } from '../../../core/sip/uri';

function aor(text: string): string | undefined {
  const uri = parseUri(text);
  return uri && addressOfRecord(uri);
}

test('a full SIP URI comes apart and goes together again', () => {
  const text = 'sips:alice:secret@Example.com:5061;transport=tcp;lr?subject=x&to=a%40b';
  const uri = parseUri(text);
  assert.ok(uri);
  assert.equal(uri.scheme, 'sips');
  assert.equal(uri.user, 'alice');
  assert.equal(uri.password, 'secret');
  assert.equal(uri.host, 'Example.com');
  assert.equal(uri.port, 5061);
  assert.deepEqual(
    [...uri.params],
    [
      ['transport', 'tcp'],
      ['lr', ''],
    ],
  );
  assert.equal(uri.headers, 'subject=x&to=a%40b');
  assert.equal(formatUri(uri), text);
});

test('URIs of the field: no user, IPv6, a semicolon or a question mark in the user, a flag parameter', () => {
  assert.equal(parseUri('sip:127.0.0.1')?.host, '127.0.0.1');
  assert.equal(parseUri('sip:127.0.0.1:26102;ob')?.params.get('ob'), '');
  assert.equal(parseUri('sip:a@[2001:db8::1]:5070;lr')?.host, '[2001:db8::1]');
  assert.equal(parseUri('sip:a@[2001:db8::1]:5070;lr')?.port, 5070);
  assert.equal(parseUri('sip:[::ffff:192.0.2.1]')?.host, '[::ffff:192.0.2.1]');
  assert.equal(parseUri('sip:user;par=u%40example.net@example.com')?.user, 'user;par=u%40example.net');
  assert.equal(parseUri('sip:a?b/c@example.com')?.user, 'a?b/c');
  assert.equal(parseUri('SIP:x@y.invalid;transport=ws')?.scheme, 'sip');
  assert.equal(parseUri('sip:bob@dom;gr=urn:uuid:1')?.params.get('gr'), 'urn:uuid:1');
});

test('schemes without hosts keep what follows the colon', () => {
  assert.equal(parseUri('tel:+1-555;phone-context=example.com')?.user, '+1-555');
  assert.equal(parseUri('tel:+1-555;phone-context=example.com')?.params.get('phone-context'), 'example.com');
  assert.equal(parseUri('urn:uuid:1')?.user, 'uuid:1');
  assert.equal(parseUri('pres:alice@example.com')?.host, 'example.com');
});

test('what is no URI is undefined', () => {
  const bad = [
    '',
    'sip',
    'sip:',
    ':a@b',
    '1sip:a@b',
    'sip:@b',
    'sip:a@',
    'sip::pw@b',
    'sip:a@b:',
    'sip:a@b:65536',
    'sip:a@b:x',
    'sip:a@b@c',
    'sip:a b@c',
    'sip:a@b;',
    'sip:a@b;=x',
    'sip:%4@b',
    'sip:%zz@b',
    'sip:a@2001:db8::1',
    'sip:a@[2001:db8::1',
    'sip:a@[]',
    'sip:<a@b>',
    'sip:a@b\r\n',
    'sip:a@b\0',
    'sip:a@b/c',
    'tel:',
    'alice@example.com',
  ];
  for (const text of bad) assert.equal(parseUri(text), undefined, JSON.stringify(text));
});

test('the address of record is sip:user@host whatever else a URI says', () => {
  assert.equal(aor('sips:alice:pw@EXAMPLE.com:5061;transport=tls?x=y'), 'sip:alice@example.com');
  assert.equal(aor('pres:alice@example.com'), 'sip:alice@example.com');
  assert.equal(aor('sip:Alice@example.com'), 'sip:Alice@example.com');
  assert.equal(aor('sip:127.0.0.1:5060'), 'sip:127.0.0.1');
  assert.equal(aor('tel:+1555'), 'tel:+1555');
});

test('equal escapes give equal addresses of record, and reserved ones stay escaped', () => {
  assert.equal(aor('sip:%61lice@example.com'), 'sip:alice@example.com');
  assert.equal(aor('sip:a%6Cice@example.com'), 'sip:alice@example.com');
  assert.equal(aor('sip:%28x%29%27@b'), "sip:(x)'@b");
  assert.equal(aor('sip:a%2fb@c'), 'sip:a%2Fb@c');
  assert.equal(aor('sip:a%40b@c'), 'sip:a%40b@c');
  assert.equal(aor('sip:a%00b@c'), 'sip:a%00b@c');
  assert.notEqual(aor('sip:a%2Bb@c'), aor('sip:a+b@c'));
  assert.equal(aor('sip:\xc3\xab@c'), 'sip:%C3%AB@c');
  assert.equal(aor('sip:\xc3\xab@c'), aor('sip:%c3%ab@c'));
});

test('of a parameter given twice the first holds, and no name reaches a prototype', () => {
  const uri = parseUri('sip:a@b;x=1;X=2;__proto__=3;constructor');
  assert.equal(uri?.params.get('x'), '1');
  assert.equal(uri?.params.get('__proto__'), '3');
  assert.equal(uri?.params.get('toString'), undefined);
});
