// Owns the proof that replies copy what they must, as it came, and tell the client where it was seen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildReply, type ReplyOptions } from '../../../core/sip/reply';
import { parse, publish, request, response, withLine } from './sample';

function reply(text: string, options?: ReplyOptions, status = 200, reason = 'OK') {
  const r = request(text);
  r.source = { address: '203.0.113.9', port: 40001 };
  return buildReply(r, status, reason, options).toString('latin1');
}

test('a reply has the five headers as received, the tag in To, and no body', () => {
  assert.equal(
    reply(publish, { toTag: '10.abc', headers: 'Expires: 60\r\nSIP-ETag: x\r\n' }),
    [
      'SIP/2.0 200 OK',
      'Via: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bKPj1f2b3c4d;received=203.0.113.9;rport=40001',
      'From: "Alice Liddell" <sip:alice@example.com>;tag=8a7b6c5d',
      'To: <sip:alice@example.com>;tag=10.abc',
      'Call-ID: 5f0c2e1a-77aa-4c8f',
      'CSeq: 1001098391 PUBLISH',
      'Expires: 60',
      'SIP-ETag: x',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n'),
  );
});

test('received and rport are ours, whether the request has them or not, and the other parameters stay as they are', () => {
  const top = (via: string) => /Via: (.*)/.exec(reply(withLine(publish, 'Via', `Via: ${via}`)))?.[1];
  const stamp = ';received=203.0.113.9;rport=40001';
  assert.equal(top('SIP/2.0/UDP h;branch=1'), `SIP/2.0/UDP h;branch=1${stamp}`);
  assert.equal(top('SIP/2.0/UDP h;RPORT;branch=1'), `SIP/2.0/UDP h;branch=1${stamp}`);
  assert.equal(top('SIP/2.0/UDP h;rport=1;received=evil;branch=1'), `SIP/2.0/UDP h;branch=1${stamp}`);
  assert.equal(top('SIP/2.0/UDP h ; rport = 1 ; branch=1'), `SIP/2.0/UDP h ; branch=1${stamp}`);
  assert.equal(top('SIP/2.0/UDP h;x=";rport,";branch=1'), `SIP/2.0/UDP h;x=";rport,";branch=1${stamp}`);
  assert.equal(
    top('SIP/2.0/UDP h;branch=1, SIP/2.0/TCP i;rport'),
    `SIP/2.0/UDP h;branch=1${stamp}, SIP/2.0/TCP i;rport`,
  );
  assert.equal(top('SIP/2.0/UDP h;rportx=1'), `SIP/2.0/UDP h;rportx=1${stamp}`);
});

test('every Via goes back in its order, folded ones on one line', () => {
  const text = reply(withLine(publish, 'Via', 'v: SIP/2.0/UDP a;branch=1\r\nVia:\r\n SIP/2.0/UDP b\r\n ;branch=2'));
  assert.ok(text.includes(';rport=40001\r\nVia: SIP/2.0/UDP b ;branch=2\r\nFrom:'), text);
});

test('a request without a known source goes back without a stamp', () => {
  assert.ok(buildReply(request(publish), 200, 'OK').includes('Via: SIP/2.0/UDP 192.0.2.17:5062;rport;branch='));
});

test('a To that has a tag keeps it, and one without brackets gets it as a header parameter', () => {
  assert.ok(
    reply(withLine(publish, 'To', 'To: <sip:a@b>;tag=old'), { toTag: 'new' }).includes('To: <sip:a@b>;tag=old\r\n'),
  );
  assert.ok(reply(withLine(publish, 'To', 'To: sip:a@b'), { toTag: 'new' }).includes('To: sip:a@b;tag=new\r\n'));
});

test('a body goes out with its type and its length in bytes', () => {
  const body = Buffer.from('Zoë');
  const r = response(reply(publish, { contentType: 'text/plain', body }));
  assert.equal(r.contentType?.type, 'text/plain');
  assert.deepEqual(r.body, body);
});

test('UTF-8 in a header goes back byte for byte', () => {
  const from = '"\xd0\x90" <sip:a@b>;tag=1';
  assert.ok(reply(withLine(publish, 'From', `From: ${from}`)).includes(`From: ${from}\r\n`));
});

test('a reason phrase is one line of bytes whatever a script puts into it', () => {
  const text = reply(publish, {}, 400, 'Bad\r\nVia: evil\u{10a}\u{20ac}');
  const first = text.slice(0, text.indexOf('\r\n'));
  assert.equal(Buffer.from(first, 'latin1').toString('utf8'), 'SIP/2.0 400 Bad  Via: evil\u{10a}\u{20ac}');
});

test('a bad message is answered with what it has', () => {
  const parsed = parse(withLine(withLine(publish, 'To', 'To: "unclosed <sip:a@b>'), 'From', 'X: y'));
  assert.ok(parsed.kind === 'bad' && parsed.replyTo);
  const text = buildReply(parsed.replyTo, parsed.status, parsed.reason, { toTag: 't' }).toString('latin1');
  assert.ok(text.startsWith('SIP/2.0 400 Missing From\r\nVia: SIP/2.0/UDP 192.0.2.17:5062'));
  assert.ok(text.includes('\r\nTo: "unclosed <sip:a@b>\r\nCall-ID: '));
  assert.ok(!text.includes('From: \r\n'));
});
