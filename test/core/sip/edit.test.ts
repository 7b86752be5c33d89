// Owns the proof that what a routing script does to headers is what modules then see.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RollcallError, SipError } from '../../../core/base/errors';
import { buildReply } from '../../../core/sip/reply';
import { publish, request, subscribe } from './sample';

test('an appended header is seen by name and by typed getter', () => {
  const r = request(publish);
  assert.equal(r.expires, undefined);
  r.appendHeader('Expires', '60');
  r.appendHeader('X-Trace', '1');
  assert.equal(r.expires, 60);
  assert.equal(r.header('x-trace'), '1');
  assert.ok(r.head.endsWith('Expires: 60\r\nX-Trace: 1\r\n'));
  assert.equal(r.body.toString(), '<presence/>');
});

test('a removed header is gone, every line of it, and a kept typed value does not survive it', () => {
  const r = request(subscribe);
  assert.equal(r.event?.id, '7');
  assert.equal(r.removeHeader('Accept'), 2);
  assert.equal(r.removeHeader('o'), 1);
  assert.equal(r.removeHeader('X-None'), 0);
  assert.equal(r.accept, undefined);
  assert.equal(r.event, undefined);
  r.removeHeader('From');
  assert.throws(() => r.from, new SipError(400, 'Missing From'));
});

test('an inserted header stands before the others of its name', () => {
  const r = request(subscribe);
  r.insertHeader('Route', '<sip:first.example.com;lr>');
  assert.equal(r.routes[0]?.uri, 'sip:first.example.com;lr');
  assert.equal(r.routes.length, 3);
  assert.ok(r.head.startsWith('SUBSCRIBE sip:bob@example.com SIP/2.0\r\nRoute: <sip:first'));
});

test('a replaced value is what every reader sees, and what later edits keep', () => {
  const r = request(publish);
  assert.equal(r.maxForwards, 70);
  assert.equal(r.event?.package, 'presence');
  assert.equal(r.replaceHeader('max-forwards', '69'), true);
  assert.equal(r.maxForwards, 69);
  assert.equal(r.header('Max-Forwards'), '69');
  assert.equal(r.replaceHeader('o', 'dialog'), true);
  assert.equal(r.event?.package, 'dialog');
  assert.ok(r.head.includes('\r\nMax-Forwards: 69\r\n'));
  assert.ok(r.head.includes('\r\nEvent: dialog\r\n'));
  assert.ok(r.head.startsWith('PUBLISH '));
  r.removeHeader('Event');
  r.insertHeader('X-First', '1');
  r.appendHeader('X-Last', '2');
  assert.equal(r.maxForwards, 69);
  assert.equal(r.header('X-First'), '1');
  assert.equal(r.event, undefined);
  assert.equal(r.replaceHeader('X-None', '1'), false);
  assert.throws(() => r.replaceHeader('X-Last', 'a\nb'), RollcallError);
});

test('a message that came without a last line end can be appended to', () => {
  const r = request(subscribe.slice(0, -4));
  r.appendHeader('X-Trace', '1');
  assert.equal(r.header('X-Trace'), '1');
  assert.equal(r.header('Content-Length'), '0');
});

test('a folded header is removed with its folds', () => {
  const r = request(publish.replace('Event: presence', 'X-Long: a\r\n b\r\n c'));
  assert.equal(r.removeHeader('X-Long'), 1);
  assert.ok(!r.head.includes('\r\n b'));
  assert.equal(r.header('Content-Type'), 'application/pidf+xml');
});

test('the reply to an edited request is built from what it is now', () => {
  const r = request(publish);
  r.removeHeader('Call-ID');
  r.appendHeader('Call-ID', 'other');
  assert.ok(buildReply(r, 200, 'OK').includes('\r\nCall-ID: other\r\n'));
});

test('a name that is no token and a value with a line break are refused, and nothing has changed', () => {
  const r = request(publish);
  const before = r.head;
  assert.throws(() => r.appendHeader('Bad Name', 'x'), RollcallError);
  assert.throws(() => r.appendHeader('', 'x'), RollcallError);
  assert.throws(() => r.appendHeader('X', 'a\r\nVia: evil'), RollcallError);
  assert.throws(() => r.appendHeader('X', 'y'.repeat(300_000)), RollcallError);
  assert.equal(r.head, before);
});

test('a value with characters above Latin-1 goes in as UTF-8 and cannot become a line break', () => {
  const r = request(publish);
  r.appendHeader('X-Name', 'Zoë \u{10a}\u{20ac}');
  const value = r.header('X-Name') ?? '';
  assert.equal(Buffer.from(value, 'latin1').toString('utf8'), 'Zoë \u{10a}\u{20ac}');
  assert.ok(!/[\r\n]/.test(r.head.slice(r.head.indexOf('X-Name'), -2)));
});
