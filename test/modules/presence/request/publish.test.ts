// Holds the reading of a PUBLISH: what is taken from the message, and every fault of its structure.
import assert from 'node:assert/strict';
import test from 'node:test';
import { SipError } from '../../../../core/base/errors';
import { parseMessage, type SipRequest } from '../../../../core/sip/message';
import { readPublish } from '../../../../modules/presence/request/publish';
import { fakePackage, fakeWinfo, flowOf } from '../engine';
import { type PublishSpec, publishText } from '../requests';

const packages = {
  events: new Map([['presence', fakePackage]]),
  watcherinfo: new Map([[fakeWinfo.type, fakeWinfo]]),
};
const bounds = { minExpires: 0, maxExpires: 3600, maxBody: 100, serverAddress: undefined };
const flow = flowOf('udp:127.0.0.1:5060>127.0.0.1:5070');

function message(text: string): SipRequest {
  const parsed = parseMessage(Buffer.from(text, 'latin1'));
  assert.ok(parsed.kind === 'request', JSON.stringify(parsed));
  return parsed.message;
}

const read = (spec: PublishSpec, more: Partial<typeof bounds> = {}, sender = '') =>
  readPublish(message(publishText(spec)), flow, sender, packages, { ...bounds, ...more });

/** The status, reason and headers of a fault, thrown or kept for later. */
function faultOf(spec: PublishSpec, more: Partial<typeof bounds> = {}): string {
  try {
    const { fault } = read(spec, more);
    return fault ? `later ${fault.status} ${fault.reason} ${fault.headers.trim()}`.trim() : 'none';
  } catch (error) {
    assert.ok(error instanceof SipError);
    return `${error.status} ${error.reason} ${error.headers.trim()}`.trim();
  }
}

test('the presentity is the Request-URI as user@host; scheme, port, password and parameters do not matter', () => {
  for (const to of [
    'sip:alice@example.com',
    'sips:alice@EXAMPLE.com:5061',
    'sip:alice:secret@example.com;transport=tcp',
    'pres:alice@example.com',
    'sip:%61lice@example.com',
  ]) {
    assert.equal(read({ to, body: '<a/>' }).key.id, 'sip:alice@example.com presence', to);
  }
  assert.equal(read({ to: 'sip:example.com', body: '<a/>' }).key.uri, 'sip:example.com');
  assert.equal(faultOf({ to: 'tel:+15551234', body: '<a/>' }), '400 Bad Request-URI');
});

test('Expires is the default when absent, reduced to the ceiling, and refused below the floor', () => {
  const expires = (value: number | undefined, more = {}) =>
    read(value === undefined ? { body: '<a/>' } : { body: '<a/>', expires: value }, more).expires;
  assert.equal(expires(undefined), 3600);
  assert.equal(expires(undefined, { maxExpires: 600 }), 600);
  assert.equal(expires(4_294_967_295), 3600);
  assert.equal(expires(0, { minExpires: 60 }), 0);
  assert.equal(
    faultOf({ body: '<a/>', expires: 59 }, { minExpires: 60 }),
    'later 423 Interval Too Brief Min-Expires: 60',
  );
  assert.equal(faultOf({ body: '<a/>', expires: 'soon' }), 'later 400 Bad Expires');
});

test('an Event that is missing, doubled, unknown or a watcherinfo is 489 with what there is', () => {
  const bad = '489 Bad Event Allow-Events: presence, presence.winfo';
  assert.equal(faultOf({ event: 'dialog', body: '<a/>' }), bad);
  assert.equal(faultOf({ event: '', body: '<a/>' }), bad);
  assert.equal(faultOf({ event: 'presence.winfo', body: '<a/>' }), bad);
  assert.equal(faultOf({ event: '__proto__', body: '<a/>' }), bad);
  assert.equal(faultOf({ more: 'Event: presence\r\n', body: '<a/>' }), bad);
  assert.equal(faultOf({ event: 'Presence;id=1', body: '<a/>' }), 'none');
});

test('SIP-If-Match is one value', () => {
  assert.equal(read({ ifMatch: 'abc' }).ifMatch, 'abc');
  assert.equal(faultOf({ ifMatch: 'abc' }), 'none');
  for (const more of ['SIP-If-Match: a\r\nSIP-If-Match: b\r\n', 'SIP-If-Match: a, b\r\n', 'SIP-If-Match: \r\n']) {
    assert.equal(faultOf({ more, body: '<a/>' }), '400 Bad SIP-If-Match');
  }
});

test('a body is needed without SIP-If-Match, and must be of the package’s type, size and form', () => {
  assert.equal(faultOf({}), 'later 400 Missing Body');
  assert.equal(
    faultOf({ body: '<a/>', type: 'application/xpidf+xml' }),
    'later 415 Unsupported Media Type Accept: application/pidf+xml',
  );
  assert.equal(faultOf({ body: '<a/>', type: ';;' }), 'later 415 Unsupported Media Type Accept: application/pidf+xml');
  assert.match(
    faultOf({ body: '<a/>', more: 'Content-Encoding: gzip\r\n' }),
    /^later 415 .*Accept-Encoding: identity$/s,
  );
  assert.equal(faultOf({ body: 'x'.repeat(100) }), 'none');
  assert.equal(faultOf({ body: 'x'.repeat(101) }), 'later 413 Request Entity Too Large');
  assert.equal(faultOf({ body: 'bad' }), 'later 400 Bad Document');
  assert.equal(faultOf({ body: '<a/>', type: 'APPLICATION/PIDF+XML;charset="UTF-8"' }), 'none');
});

test('the body is a copy: the datagram may go', () => {
  const request = message(publishText({ body: '<a/>' }));
  const { body } = readPublish(request, flow, '', packages, bounds);
  assert.equal(body?.toString(), '<a/>');
  assert.notEqual(body?.buffer, request.body.buffer);
});

test('an address that has no room in its columns is refused before anything is decided', () => {
  const long = 'u'.repeat(65);
  assert.equal(faultOf({ to: `sip:${long}@example.com`, body: '<a/>' }), '400 Request-URI Too Long');
  assert.equal(faultOf({ to: `sip:alice@${long}.example`, body: '<a/>' }), '400 Request-URI Too Long');
  assert.equal(faultOf({ to: `sip:${'%41'.repeat(64)}@example.com`, body: '<a/>' }), 'none');
  assert.equal(faultOf({ to: `sip:${'é'.repeat(22)}@example.com`, body: '<a/>' }), '400 Request-URI Too Long');
  assert.equal(read({ body: '<a/>' }, {}, `sip:${'x'.repeat(300)}@h`).sender, '');
});

test('our Contact is the socket that the request came to, or server_address', () => {
  assert.equal(read({ body: '<a/>' }).localContact, '<sip:127.0.0.1:5060>');
  const tcp = readPublish(
    message(publishText({ body: '<a/>' })),
    flowOf('tcp:[::1]:5060>[::1]:40000'),
    '',
    packages,
    bounds,
  );
  assert.equal(tcp.localContact, '<sip:[::1]:5060;transport=tcp>');
  const named = readPublish(message(publishText({ body: '<a/>' })), flow, '', packages, {
    ...bounds,
    serverAddress: 'sip:presence.example.org',
  });
  assert.equal(named.localContact, '<sip:presence.example.org>');
});
