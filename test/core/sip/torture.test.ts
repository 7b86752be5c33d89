// Owns the proof that the messages of RFC 4475 and RFC 5118 get the verdict that test/torture/expected.json gives them.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SipError } from '../../../core/base/errors';
import { parseMessage, type SipRequest, type SipResponse } from '../../../core/sip/message';
import { buildReply } from '../../../core/sip/reply';
import { addressOfRecord, parseUri } from '../../../core/sip/uri';
import { root } from '../../support/tree';
import { response } from './sample';
import { touchAll } from './touch';

interface Case {
  file: string;
  section: string;
  title: string;
  verdict: 'request' | 'response' | 'bad';
  /** The reason phrase of a refusal. */
  reason?: string;
  /** What a server with the script of etc/ answers: a status, or none. */
  answer: string;
  why: string;
}

const folder = join(root, 'test/torture');
const cases = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Case[];

function bytesOf(name: string): Buffer {
  return readFileSync(join(folder, `${name}.dat`));
}

function torture(name: string): SipRequest & SipResponse {
  const parsed = parseMessage(bytesOf(name));
  assert.ok(parsed.kind === 'request' || parsed.kind === 'response', name);
  return parsed.message as SipRequest & SipResponse;
}

for (const { file, section, title, verdict, reason, answer, why } of cases) {
  test(`${section} ${title}: ${reason ?? verdict} (${why})`, () => {
    const parsed = parseMessage(readFileSync(join(folder, file)));
    assert.equal(parsed.kind, verdict);
    touchAll(parsed);
    if (parsed.kind !== 'bad') return;
    assert.equal(parsed.reason, reason);
    if (answer === 'none') {
      assert.equal(parsed.replyTo, undefined);
      return;
    }
    assert.equal(String(parsed.status), answer);
    assert.ok(parsed.replyTo);
    assert.ok(buildReply(parsed.replyTo, parsed.status, parsed.reason).includes('\r\nCSeq: '));
  });
}

test('every file of test/torture is in the table, and every section of RFC 4475 is there', () => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.dat'));
  assert.deepEqual(files.sort(), cases.map((entry) => entry.file).sort());
  const sections = new Set(cases.map((entry) => entry.section));
  const count = { '3.1.1': 13, '3.1.2': 19, '3.2': 1, '3.3': 15, '3.4': 1 };
  for (const [section, last] of Object.entries(count)) {
    for (let k = 1; k <= last; k++) assert.ok(sections.has(`RFC 4475 ${section}.${k}`), `${section}.${k}`);
  }
});

test('wsinv reads as RFC 4475 §3.1.1.1 says, folds and all', () => {
  const r = torture('wsinv');
  assert.equal(r.requestUri.params.get('unknownparam'), '');
  assert.equal(r.to.uri, 'sip:vivekg@chair-dnrc.example.com');
  assert.equal(r.toTag, '1918181833n');
  assert.equal(r.from.display, 'J Rosenberg \\"');
  assert.equal(r.fromTag, '98asjd8');
  assert.equal(r.maxForwards, 68);
  assert.deepEqual(r.cseq, { number: 9, method: 'INVITE' });
  assert.deepEqual(
    r.vias.map((via) => [via.protocol, via.host, via.branch]),
    [
      ['UDP', '192.0.2.2', '390skdjuw'],
      ['TCP', 'spindle.example.com', 'z9hG4bK9ikj8'],
      ['UDP', '192.168.255.111', 'z9hG4bK30239'],
    ],
  );
  assert.equal(r.header('Subject'), '');
  assert.equal(r.header('NewFangledHeader'), 'newfangled value continued newfangled value');
  assert.equal(r.header('UnknownHeaderWithUnusualValue'), ';;,,;;,;');
  assert.equal(r.routes[0]?.uri, 'sip:services.example.com;lr;unknownwith=value;unknown-no-value');
  assert.equal(r.contact.display, 'Quoted string ""');
  assert.deepEqual(
    [...r.contact.params],
    [
      ['newparam', 'newvalue'],
      ['secondparam', ''],
      ['q', '0.33'],
    ],
  );
  assert.equal(r.body.length, 150);
});

test('the reply to wsinv can be read again and is the same transaction', () => {
  const r = torture('wsinv');
  r.source = { address: '192.0.2.99', port: 5060 };
  const reply = response(buildReply(r, 405, 'Method Not Allowed').toString('latin1'));
  assert.deepEqual(
    reply.vias.map((via) => via.branch),
    ['390skdjuw', 'z9hG4bK9ikj8', 'z9hG4bK30239'],
  );
  assert.equal(reply.via.params.get('received'), '192.0.2.99');
  assert.equal(reply.toTag, '1918181833n');
  assert.deepEqual(reply.cseq, r.cseq);
});

test('intmeth keeps every odd character where it belongs (§3.1.1.2)', () => {
  const r = torture('intmeth');
  assert.equal(r.method, "!interesting-Method0123456789_*+`.%indeed'~");
  assert.equal(r.requestUri.host, 'example.com');
  assert.equal(r.requestUri.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
  assert.equal(r.to.display, 'BEL:\x07 NUL:\0 DEL:\x7f');
  assert.equal(r.from.display, "token1~` token2'+_ token3*%!.-");
  assert.equal(r.fromTag, "_token~1'+`*%!-.");
  assert.equal(r.callId, 'intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{');
  assert.equal(r.maxForwards, 255);
});

test('escapes mean what §3.1.1.3 to §3.1.1.5 say', () => {
  const esc01 = torture('esc01');
  assert.equal(addressOfRecord(esc01.requestUri), 'sip:sips%3Auser%40example.com@example.net');
  const to = parseUri(esc01.to.uri);
  assert.equal(to && addressOfRecord(to), 'sip:user@example.com');
  assert.equal(torture('escnull').contacts[1]?.uri, 'sip:%00%00@host5.example.com');
  const esc02 = torture('esc02');
  assert.equal(esc02.method, 'RE%47IST%45R');
  assert.equal(esc02.contacts.length, 2);
  assert.equal(esc02.to.display, '%Z%45');
});

test('long values come whole, and 34 Via lines in their order (§3.1.1.7)', () => {
  const r = torture('longreq');
  assert.equal(r.vias.length, 34);
  assert.equal(r.via.host, 'sip33.example.com');
  assert.equal(r.vias[33]?.branch, `very${'long'.repeat(50)}branchvalue`);
  assert.equal(r.fromTag, `12${'982'.repeat(50)}424`);
});

test('bodies come byte for byte, and what follows them does not (§3.1.1.8, §3.1.1.11)', () => {
  assert.equal(torture('dblreq').body.length, 0);
  const { body } = torture('mpart01');
  assert.equal(body.length, 553);
  assert.ok(body.includes(0));
  assert.ok(body.subarray(-24).equals(Buffer.from('\r\n--7a9cbec02ceef655--\r\n')));
});

test('odd reason phrases are reason phrases (§3.1.1.12, §3.1.1.13)', () => {
  const { reason } = torture('unreason');
  assert.equal(Buffer.from(reason, 'latin1').toString(), '= 2**3 * 5**2 но сто девяносто девять - простое');
  assert.equal(torture('noreason').reason, '');
});

test('a Contact with a question mark needs its brackets (§3.1.2.13, §3.3.14)', () => {
  assert.throws(() => torture('regbadct').contacts, new SipError(400, 'Bad Contact'));
  assert.equal(parseUri(torture('regescrt').contact.uri)?.headers, 'Route=%3Csip:sip.example.com%3E');
});

test('without brackets a parameter is the header field, with them the URI (§3.3.12, §3.3.13)', () => {
  assert.equal(torture('cparam01').contact.params.get('unknownparam'), '');
  assert.equal(torture('cparam02').contact.params.size, 0);
  assert.equal(torture('cparam02').contact.uri, 'sip:+19725552222@gw1.example.net;unknownparam');
});

test('an IPv6 address may stand in received with and without brackets (RFC 5118 §4.5)', () => {
  assert.equal(torture('via-received-param-with-delim').via.params.get('received'), '[2001:db8::9:255]');
  assert.equal(torture('via-received-param-no-delim').via.params.get('received'), '2001:db8::9:255');
  assert.equal(torture('port-unambiguous').requestUri.port, 5070);
  assert.equal(torture('port-ambiguous').requestUri.port, undefined);
});
