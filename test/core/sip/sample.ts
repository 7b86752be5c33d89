// Owns the messages that the parser's tests start from, and short ways to parse them.
import assert from 'node:assert/strict';
import { parseMessage, type SipRequest, type SipResponse } from '../../../core/sip/message';

/** A PUBLISH as pjsua sends it. */
export const publish = message(
  'PUBLISH sip:alice@example.com SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.17:5062;rport;branch=z9hG4bKPj1f2b3c4d',
  'Max-Forwards: 70',
  'From: "Alice Liddell" <sip:alice@example.com>;tag=8a7b6c5d',
  'To: <sip:alice@example.com>',
  'Call-ID: 5f0c2e1a-77aa-4c8f',
  'CSeq: 1001098391 PUBLISH',
  'Event: presence',
  'Content-Type: application/pidf+xml',
  'Content-Length:  11',
  '',
  '<presence/>',
);

/** A SUBSCRIBE as pjsua sends it: addresses without brackets. */
export const subscribe = message(
  'SUBSCRIBE sip:bob@example.com SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.17:5062;rport;branch=z9hG4bKPj5',
  'Max-Forwards: 70',
  'From: sip:alice@example.com;tag=abc',
  'To: sip:bob@example.com',
  'Contact: <sip:alice@192.0.2.17:5062;ob>;expires=300;+sip.instance="<urn:uuid:1>";methods="MESSAGE, NOTIFY"',
  'Call-ID: c1',
  'CSeq: 7 SUBSCRIBE',
  'Event: presence;id=7',
  'Expires: 600',
  'Accept: application/pidf+xml, application/xpidf+xml',
  'Accept: application/cpim-pidf+xml;q=0.5',
  'Supported: replaces, 100rel',
  'k: timer',
  'Route: <sip:proxy.example.com;lr>, <sip:[2001:db8::1]:5070;lr>',
  'Content-Length: 0',
  '',
  '',
);

export function message(...lines: string[]): string {
  return lines.join('\r\n');
}

/** `text` with one line, found by its start, replaced. */
export function withLine(text: string, start: string, line: string): string {
  const lines = text.split('\r\n');
  const k = lines.findIndex((candidate) => candidate.startsWith(start));
  assert.notEqual(k, -1, `no line starts with ${start}`);
  lines[k] = line;
  return lines.join('\r\n');
}

export function parse(text: string) {
  return parseMessage(Buffer.from(text, 'latin1'));
}

export function request(text: string): SipRequest {
  const parsed = parse(text);
  assert.equal(parsed.kind, 'request', JSON.stringify(parsed.kind === 'bad' ? parsed.reason : parsed.kind));
  return (parsed as { message: SipRequest }).message;
}

export function response(text: string): SipResponse {
  const parsed = parse(text);
  assert.equal(parsed.kind, 'response', JSON.stringify(parsed.kind === 'bad' ? parsed.reason : parsed.kind));
  return (parsed as { message: SipResponse }).message;
}

/** The verdict on a message that has to be refused: `status reason`. */
export function refusal(text: string): string {
  const parsed = parse(text);
  assert.equal(parsed.kind, 'bad');
  return parsed.kind === 'bad' ? `${parsed.status} ${parsed.reason}` : '';
}
