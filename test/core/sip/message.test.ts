// Owns the proof that messages are read as RFC 3261 and the clients in the field want it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../../../core/base/errors';
import { parseMessage } from '../../../core/sip/message';
import { decodeUtf8 } from '../../../core/sip/text';
import { message, parse, publish, refusal, request, response, subscribe, withLine } from './sample';

test('a PUBLISH gives its start line, its typed headers and its body', () => {
  const r = request(publish);
  assert.equal(r.method, 'PUBLISH');
  assert.equal(r.uri, 'sip:alice@example.com');
  assert.equal(r.requestUri.user, 'alice');
  assert.equal(r.version, 'SIP/2.0');
  assert.equal(r.from.display, 'Alice Liddell');
  assert.equal(r.fromTag, '8a7b6c5d');
  assert.equal(r.to.uri, 'sip:alice@example.com');
  assert.equal(r.toTag, undefined);
  assert.equal(r.callId, '5f0c2e1a-77aa-4c8f');
  assert.deepEqual(r.cseq, { number: 1001098391, method: 'PUBLISH' });
  assert.equal(r.via.host, '192.0.2.17');
  assert.equal(r.via.port, 5062);
  assert.equal(r.via.branch, 'z9hG4bKPj1f2b3c4d');
  assert.equal(r.event?.package, 'presence');
  assert.equal(r.maxForwards, 70);
  assert.equal(r.contentType?.type, 'application/pidf+xml');
  assert.equal(r.expires, undefined);
  assert.equal(r.body.toString(), '<presence/>');
});

test('a SUBSCRIBE without angle brackets has its tag as a header parameter', () => {
  const r = request(subscribe);
  assert.equal(r.from.uri, 'sip:alice@example.com');
  assert.equal(r.fromTag, 'abc');
  assert.equal(r.event?.id, '7');
  assert.equal(r.expires, 600);
  assert.equal(r.contact.uri, 'sip:alice@192.0.2.17:5062;ob');
  assert.equal(r.contact.params.get('+sip.instance'), '<urn:uuid:1>');
  assert.equal(r.contact.params.get('methods'), 'MESSAGE, NOTIFY');
  assert.deepEqual(
    r.accept?.map((range) => range.type),
    ['application/pidf+xml', 'application/xpidf+xml', 'application/cpim-pidf+xml'],
  );
  assert.deepEqual(r.items('Supported'), ['replaces', '100rel', 'timer']);
  assert.deepEqual(
    r.routes.map((route) => route.uri),
    ['sip:proxy.example.com;lr', 'sip:[2001:db8::1]:5070;lr'],
  );
});

test('header names match in any case, in compact form and with blanks before the colon', () => {
  const r = request(withLine(withLine(publish, 'Call-ID', 'i \t: compact'), 'Event', 'o: presence'));
  assert.equal(r.callId, 'compact');
  assert.equal(r.header('CALL-ID'), 'compact');
  assert.equal(r.header('i'), 'compact');
  assert.equal(r.event?.package, 'presence');
  assert.equal(r.header('X-None'), undefined);
  assert.deepEqual(r.headers('x-none'), []);
});

test('every compact form of the registry is its long name', () => {
  const forms: [string, string][] = [
    ['a', 'Accept-Contact'],
    ['b', 'Referred-By'],
    ['c', 'Content-Type'],
    ['d', 'Request-Disposition'],
    ['e', 'Content-Encoding'],
    ['j', 'Reject-Contact'],
    ['k', 'Supported'],
    ['m', 'Contact'],
    ['n', 'Identity-Info'],
    ['o', 'Event'],
    ['r', 'Refer-To'],
    ['s', 'Subject'],
    ['u', 'Allow-Events'],
    ['x', 'Session-Expires'],
    ['y', 'Identity'],
  ];
  const text = withLine(publish, 'Event', forms.map(([compact]) => `${compact}: value-${compact}`).join('\r\n'));
  const r = request(withLine(text, 'Content-Type', 'X-Other: 1'));
  for (const [compact, long] of forms) assert.equal(r.header(long), `value-${compact}`, long);
});

test('a header that nobody knows is found by its name, every line of it in order', () => {
  const r = request(withLine(publish, 'Event', 'X-Trace: 1\r\nx-trace:2\r\nX-TRACE-ID: 3'));
  assert.deepEqual(r.headers('X-Trace'), ['1', '2']);
  assert.equal(r.header('x-trace-id'), '3');
});

test('names like __proto__ and constructor are names like any other', () => {
  const r = request(
    withLine(
      withLine(publish, 'Via', 'Via: SIP/2.0/UDP h;__proto__=1;constructor=2;branch=z9hG4bK1'),
      'Event',
      '__proto__: polluted\r\nconstructor: 1\r\nContact: <sip:a@b;__proto__=x>;__proto__=y',
    ),
  );
  assert.equal(r.header('__proto__'), 'polluted');
  assert.equal(r.via.params.get('__proto__'), '1');
  assert.equal(r.via.params.get('constructor'), '2');
  assert.equal(r.contact.params.get('__proto__'), 'y');
  assert.equal(r.header('toString'), undefined);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test('a folded value reads as one line, and bare LF line ends are taken', () => {
  const folded = request(withLine(publish, 'To', 'To:\r\n "A\r\n\t B"  \r\n  <sip:a@b>\r\n ;tag=1'));
  assert.equal(folded.to.display, 'A B');
  assert.equal(folded.toTag, '1');
  assert.equal(folded.header('To'), '"A B" <sip:a@b> ;tag=1');
  assert.equal(request(publish.replaceAll('\r\n', '\n')).body.toString(), '<presence/>');
});

test('a display name in UTF-8 is kept byte for byte', () => {
  const bytes = Buffer.from(withLine(publish, 'From', 'From: "Алиса" <sip:alice@example.com>;tag=1'), 'utf8');
  const parsed = parseMessage(bytes);
  assert.ok(parsed.kind === 'request');
  assert.equal(decodeUtf8(parsed.message.from.display), 'Алиса');
  assert.ok(bytes.includes(Buffer.from(parsed.message.header('From') ?? '', 'latin1')));
});

test('over UDP no Content-Length means all that came, and what is beyond Content-Length is ignored', () => {
  assert.equal(request(withLine(publish, 'Content-Length', 'X: y')).body.toString(), '<presence/>');
  assert.equal(request(withLine(subscribe, 'Content-Length', 'X: y')).body.length, 0);
  assert.equal(request(`${publish}trailing`).body.toString(), '<presence/>');
  assert.equal(request(withLine(publish, 'Content-Length', 'l: 5')).body.toString(), '<pres');
  assert.equal(request(withLine(publish, 'Content-Length', 'l: 11\r\nContent-Length: 11')).body.length, 11);
});

test('a message that ends without its empty line is still read', () => {
  const r = request(subscribe.slice(0, -4));
  assert.equal(r.callId, 'c1');
  assert.equal(r.body.length, 0);
});

test('nothing but CR, LF and NUL is noise, and before a message it is skipped', () => {
  for (const noise of ['', '\r\n', '\r\n\r\n', '\0', '\n']) assert.deepEqual(parse(noise), { kind: 'noise' });
  assert.equal(request(`\r\n\r\n${publish}`).callId, '5f0c2e1a-77aa-4c8f');
});

test('a response gives its status, its reason and its headers', () => {
  const r = response(
    message(
      'SIP/2.0 481 Call/Transaction Does Not Exist',
      'Via: SIP/2.0/UDP h;branch=z9hG4bK1',
      'From: <sip:a@b>;tag=1',
      'To: <sip:c@d>;tag=2',
      'Call-ID: x',
      'CSeq: 2 NOTIFY',
      '',
      '',
    ),
  );
  assert.equal(r.status, 481);
  assert.equal(r.reason, 'Call/Transaction Does Not Exist');
  assert.equal(r.toTag, '2');
  assert.equal(r.cseq.method, 'NOTIFY');
});

test('CSeq goes up to 2^31 - 1 and no further', () => {
  assert.equal(request(withLine(publish, 'CSeq', 'CSeq: 2147483647 PUBLISH')).cseq.number, 2147483647);
  assert.equal(refusal(withLine(publish, 'CSeq', 'CSeq: 2147483648 PUBLISH')), '400 Bad CSeq');
  assert.equal(refusal(withLine(publish, 'CSeq', 'CSeq: PUBLISH')), '400 Bad CSeq');
  assert.equal(refusal(withLine(publish, 'CSeq', 'CSeq: -1 PUBLISH')), '400 Bad CSeq');
});

test('what contradicts itself is refused with a reason that says what', () => {
  assert.equal(refusal(withLine(publish, 'From', 'From: <sip:a@b>;tag=1\r\nf: <sip:a@b>;tag=1')), '400 Repeated From');
  assert.equal(refusal(withLine(publish, 'To', 'To: <sip:a@b>\r\nTo: <sip:a@c>')), '400 Repeated To');
  assert.equal(refusal(withLine(publish, 'CSeq', 'CSeq: 1 PUBLISH\r\nCSeq: 2 PUBLISH')), '400 Repeated CSeq');
  assert.equal(refusal(withLine(publish, 'Call-ID', 'Call-ID: 1\r\nCall-ID: 2')), '400 Repeated Call-ID');
  assert.equal(refusal(withLine(publish, 'CSeq', 'CSeq: 1 SUBSCRIBE')), '400 CSeq Method Does Not Match');
  assert.equal(
    refusal(withLine(publish, 'Content-Length', 'Content-Length: 4\r\nl: 5')),
    '400 Contradictory Content-Length',
  );
  assert.equal(
    refusal(withLine(publish, 'Content-Length', 'Content-Length: 12')),
    '400 Content-Length Exceeds Message',
  );
  assert.equal(refusal(withLine(publish, 'Content-Length', 'Content-Length: 1x')), '400 Bad Content-Length');
});

test('a request without one of the five headers is refused by name', () => {
  const names: [string, string][] = [
    ['Via', 'Missing Via'],
    ['From', 'Missing From'],
    ['To', 'Missing To'],
    ['Call-ID', 'Missing Call-ID'],
    ['CSeq', 'Missing CSeq'],
  ];
  for (const [name, reason] of names) assert.equal(refusal(withLine(publish, name, 'X: y')), `400 ${reason}`);
});

test('a start line that is none is refused, another version with 505, another scheme with 416', () => {
  const start = (line: string) => refusal(withLine(publish, 'PUBLISH', line));
  assert.equal(start('PUBLISH sip:a@b SIP/7.0'), '505 Version Not Supported');
  assert.equal(start('PUBLISH sip:a@b HTTP/1.1'), '400 Bad Request Line');
  assert.equal(start('PUBLISH sip:a@b'), '400 Bad Request-URI');
  assert.equal(start('PUBLISH'), '400 Bad Request Line');
  assert.equal(start('{PUBLISH} sip:a@b SIP/2.0'), '400 Bad Request Line');
  assert.equal(start('PUBLISH alice SIP/2.0'), '400 Bad Request-URI');
  assert.equal(start('PUBLISH sip:a@b@c SIP/2.0'), '400 Bad Request-URI');
  assert.equal(start('PUBLISH http://example.com SIP/2.0'), '416 Unsupported URI Scheme');
  assert.equal(request(withLine(publish, 'PUBLISH', 'PUBLISH sip:a@b sip/2.0')).version, 'SIP/2.0');
});

test('a bad message can be answered whenever it has Via and CSeq, unless it is an ACK or a response', () => {
  const replyTo = (text: string) => {
    const parsed = parse(text);
    assert.ok(parsed.kind === 'bad');
    return parsed.replyTo;
  };
  assert.equal(replyTo(withLine(publish, 'From', 'From: <<'))?.header('From'), '<<');
  assert.ok(replyTo(withLine(publish, 'From', 'X: y')));
  assert.equal(replyTo(withLine(publish, 'Via', 'X: y')), undefined);
  assert.equal(replyTo(withLine(publish, 'CSeq', 'X: y')), undefined);
  assert.equal(replyTo(withLine(publish, 'PUBLISH', 'ACK sip:a@b SIP/7.0')), undefined);
  assert.equal(replyTo(withLine(publish, 'PUBLISH', 'SIP/2.0 99 Odd')), undefined);
  assert.equal(replyTo('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), undefined);
});

test('a line that is no header, a bare CR, too many lines and too many bytes are refused', () => {
  assert.equal(refusal(withLine(publish, 'Event', 'no colon here')), '400 Bad Header Line');
  assert.equal(refusal(withLine(publish, 'Event', ': no name')), '400 Bad Header Line');
  assert.equal(refusal(withLine(publish, 'Event', 'X: a\rVia: SIP/2.0/UDP evil')), '400 Bad Header Line');
  assert.equal(refusal(withLine(publish, 'Via', ' starts with a fold')), '400 Bad Header Line');
  assert.equal(refusal(withLine(publish, 'Event', 'X: y\r\n'.repeat(300).trimEnd())), '400 Too Many Headers');
  assert.equal(refusal(withLine(publish, 'Event', `X: ${'y'.repeat(40_000)}`)), '513 Headers Too Large');
  const limits = { maxHeaders: 9, maxHeadBytes: 1000 };
  assert.equal(parseMessage(Buffer.from(publish), limits).kind, 'request');
  assert.equal(parseMessage(Buffer.from(publish), { ...limits, maxHeaders: 8 }).kind, 'bad');
  assert.equal(parseMessage(Buffer.from(publish), { ...limits, maxHeadBytes: 300 }).kind, 'bad');
});

test('typed getters throw a SipError that names the header, again at every call', () => {
  const r = request(
    withLine(
      withLine(subscribe, 'Event', 'Event: presence\r\nEvent: dialog'),
      'Contact',
      'Contact: <sip:a@b>, <sip:c@d>\r\nContent-Type: nonsense',
    ).replace('Expires: 600', 'Expires: soon'),
  );
  for (let turn = 0; turn < 2; turn++) {
    assert.throws(() => r.event, new SipError(400, 'Repeated Event'));
    assert.throws(() => r.contact, new SipError(400, 'Repeated Contact'));
    assert.throws(() => r.contentType, new SipError(400, 'Bad Content-Type'));
    assert.throws(() => r.expires, new SipError(400, 'Bad Expires'));
  }
  assert.equal(r.contacts.length, 2);
  const star = request(withLine(subscribe, 'Contact', 'Contact: *'));
  assert.equal(star.contacts[0]?.uri, '*');
  assert.throws(() => star.contact, new SipError(400, 'Bad Contact'));
  assert.throws(() => request(publish).contact, new SipError(400, 'Missing Contact'));
});

test('an Expires beyond 32 bits stands for the largest there is', () => {
  assert.equal(request(withLine(subscribe, 'Expires', `Expires: 1${'0'.repeat(400)}`)).expires, 2 ** 32 - 1);
});

test('an empty Accept admits nothing, and a missing one says nothing', () => {
  const empty = request(withLine(withLine(subscribe, 'Accept', 'Accept:'), 'Accept: application/cpim', 'X: y'));
  assert.deepEqual(empty.accept, []);
  assert.equal(request(publish).accept, undefined);
});
