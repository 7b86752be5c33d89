// Owns the proof of the header grammars: addresses, Via, Event, Accept, Content-Type, lists.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatNameAddr,
  parseAccept,
  parseContact,
  parseContentType,
  parseEvent,
  parseNameAddr,
  parseNameAddrs,
  parseVia,
  splitCommas,
} from '../../../core/sip/headers';

test('an address in every shape of RFC 3261 and of the field', () => {
  const cases: [string, string, string, [string, string][]][] = [
    ['<sip:a@b>', '', 'sip:a@b', []],
    ['sip:a@b;tag=1', '', 'sip:a@b', [['tag', '1']]],
    ['sip:a@b ; tag = 1', '', 'sip:a@b', [['tag', '1']]],
    ['<sip:a@b;x=1>;Tag=1', '', 'sip:a@b;x=1', [['tag', '1']]],
    ['Alice<sip:a@b>', 'Alice', 'sip:a@b', []],
    ['Alice B. Liddell   <sip:a@b>', 'Alice B. Liddell', 'sip:a@b', []],
    ['"A, \\"B\\" \\\\ <x>" <sip:a@b>', 'A, "B" \\ <x>', 'sip:a@b', []],
    ['"" <sip:a@b>', '', 'sip:a@b', []],
    ['\xc3\xab <sip:a@b>', '\xc3\xab', 'sip:a@b', []],
    ['< sip:a@b >;lr', '', 'sip:a@b', [['lr', '']]],
    ['<tel:+1>', '', 'tel:+1', []],
    ['<sip:127.0.0.1>', '', 'sip:127.0.0.1', []],
    [
      '<sip:a@b>;x="q;,\\"";y',
      '',
      'sip:a@b',
      [
        ['x', 'q;,"'],
        ['y', ''],
      ],
    ],
    ['<sip:a@b?Route=%3Csip:c%3E>', '', 'sip:a@b?Route=%3Csip:c%3E', []],
  ];
  for (const [text, display, uri, params] of cases) {
    const address = parseNameAddr(text);
    assert.ok(address, text);
    assert.deepEqual([address.display, address.uri, [...address.params]], [display, uri, params], text);
  }
});

test('what is no address is undefined', () => {
  const bad = [
    '',
    'alice',
    '<sip:a@b',
    '"Alice <sip:a@b>',
    '"Alice" sip:a@b',
    '<>',
    '<alice>',
    '<sip:a@b> trailing',
    '<sip:a@b>;',
    '<sip:a@b>;;x',
    '<sip:a@b>;=x',
    '<sip:a@b>;x="unclosed',
    '<sip:a@b>, <sip:c@d>',
    'Bell, Alexander <sip:a@b>',
    'sip:a@b?x=y',
    'sip:a@b <sip:c@d>',
    'sip:',
    '<sip:a b@c>',
    '<<sip:a@b>>',
    'A: B <sip:a@b>',
  ];
  for (const text of bad) assert.equal(parseNameAddr(text), undefined, JSON.stringify(text));
});

test('an address goes together again', () => {
  const text = '"A \\"B\\"" <sip:a@b>;tag=1;lr;x="y z"';
  const address = parseNameAddr(text);
  assert.ok(address);
  assert.equal(formatNameAddr(address), text);
});

test('a list of addresses splits at commas that are not quoted, and knows the star', () => {
  const list = parseContact('"A, B" <sip:a@b>;methods="X, Y" , <sip:c,d@e>,sip:f@g;q=1');
  assert.deepEqual(
    list?.map((address) => address.uri),
    ['sip:a@b', 'sip:c,d@e', 'sip:f@g'],
  );
  assert.equal(parseContact('*')?.[0]?.uri, '*');
  assert.equal(parseContact('<sip:a@b>,'), undefined);
  assert.equal(parseContact(',<sip:a@b>'), undefined);
  assert.equal(parseNameAddrs('<sip:a;lr>,<sip:b;lr>')?.length, 2);
});

test('a Via in every shape', () => {
  const via = parseVia('SIP/2.0/UDP 192.0.2.1:5062;rport;branch=z9hG4bK1;received=2001:db8::1');
  assert.deepEqual([via?.protocol, via?.host, via?.port, via?.branch], ['UDP', '192.0.2.1', 5062, 'z9hG4bK1']);
  assert.equal(via?.params.get('rport'), '');
  assert.equal(via?.params.get('received'), '2001:db8::1');
  assert.equal(parseVia('SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255]')?.host, '[2001:db8::9:1]');
  assert.equal(parseVia(' sip / 2.0 / tcp  h : 5060 ; branch = x')?.port, 5060);
  assert.equal(parseVia('sip/2.0/tcp h')?.protocol, 'TCP');
  assert.equal(parseVia('SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK56sdasks')?.protocol, 'WSS');
  assert.equal(parseVia('SIP/2.0/TCP h;alias;branch=1')?.params.get('alias'), '');
  assert.equal(parseVia('SIP/2.0/UDP a;branch=1,SIP/2.0/UDP b;branch=2')?.branch, '1');
});

test('what is no Via is undefined', () => {
  const bad = [
    '',
    'SIP/2.0/UDP',
    'SIP/2.0 UDP h',
    'SIP/3.0/UDP h',
    'HTTP/2.0/UDP h',
    'SIP/2.0/UDP :5060',
    'SIP/2.0/UDP h:',
    'SIP/2.0/UDP h:99999',
    'SIP/2.0/UDP h;;x',
    'SIP/2.0/UDP h;branch="x',
    'SIP/2.0/UDP h x',
    'SIP/2.0/UDP [::1',
  ];
  for (const text of bad) assert.equal(parseVia(text), undefined, JSON.stringify(text));
});

test('Event, Content-Type and Accept are compared in lower case', () => {
  const event = parseEvent('Presence.WinFo ;id=7;x="y"');
  assert.deepEqual([event?.package, event?.id, event?.params.get('x')], ['presence.winfo', '7', 'y']);
  assert.equal(parseEvent('presence')?.id, undefined);
  for (const text of ['', ';id=1', 'presence id', 'presence, dialog']) assert.equal(parseEvent(text), undefined, text);
  assert.equal(parseContentType('Application / PIDF+XML;charset="UTF-8"')?.type, 'application/pidf+xml');
  assert.equal(parseContentType('multipart/mixed;boundary=x')?.params.get('boundary'), 'x');
  for (const text of ['', 'text', 'text/', '/plain', 'a/b, c/d']) assert.equal(parseContentType(text), undefined, text);
  assert.deepEqual(
    parseAccept('application/pidf+xml;q=0.5, */*')?.map((range) => [range.type, range.params.get('q')]),
    [
      ['application/pidf+xml', '0.5'],
      ['*/*', undefined],
    ],
  );
  assert.deepEqual(parseAccept(''), []);
  assert.equal(parseAccept('text'), undefined);
});

test('a plain list splits at commas outside quotes and brackets, without empty items', () => {
  assert.deepEqual(splitCommas(' a ,b,, "c,d" ,<e,f>,'), ['a', 'b', '"c,d"', '<e,f>']);
  assert.deepEqual(splitCommas(''), []);
  assert.deepEqual(splitCommas('a,"b,c'), ['a', '"b,c']);
});
