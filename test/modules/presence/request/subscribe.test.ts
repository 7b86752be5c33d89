// Holds the reading of a SUBSCRIBE: what is taken from the message, and every fault of its structure.
import assert from 'node:assert/strict';
import test from 'node:test';
import { SipError } from '../../../../core/base/errors';
import { parseMessage } from '../../../../core/sip/message';
import type { Flow } from '../../../../core/sip/transport/flow';
import { readSubscribe, type SubscribeRequest } from '../../../../modules/presence/request/subscribe';
import { fakePackage, fakeWinfo, flowOf } from '../engine';
import { type SubscribeSpec, subscribeText } from '../requests';

const packages = {
  events: new Map([['presence', fakePackage]]),
  watcherinfo: new Map([[fakeWinfo.type, fakeWinfo]]),
};
const bounds = { minExpires: 0, maxExpires: 3600, serverAddress: undefined, subsRespond200: false };
const udp = flowOf('udp:127.0.0.1:5060>127.0.0.1:5070');

interface How {
  watcher?: string;
  flow?: Flow;
  packages?: typeof packages;
  bounds?: Partial<typeof bounds>;
}

const given = { tag: () => 'new', flowRoute: () => '' };

function read(spec: SubscribeSpec, how: How = {}): SubscribeRequest {
  const parsed = parseMessage(Buffer.from(subscribeText(spec), 'latin1'));
  assert.ok(parsed.kind === 'request', JSON.stringify(parsed));
  const all = { ...bounds, ...how.bounds };
  return readSubscribe(parsed.message, how.flow ?? udp, how.watcher, how.packages ?? packages, all, given);
}

function faultOf(spec: SubscribeSpec, how: How = {}): string {
  try {
    const { fault } = read(spec, how);
    return fault ? `later ${fault.status} ${fault.headers.trim()}`.trim() : 'none';
  } catch (error) {
    assert.ok(error instanceof SipError, String(error));
    return `${error.status} ${error.reason} ${error.headers.trim()}`.trim();
  }
}

test('a new dialog is of the Request-URI and gets our tag; inside one the To header leads to the presentity', () => {
  const fresh = read({});
  assert.deepEqual([fresh.inDialog, fresh.toTag, fresh.key.uri], [false, 'new', 'sip:alice@example.com']);
  const inside = read({ toTag: 'ours', requestUri: 'sip:127.0.0.1:5060' });
  assert.deepEqual([inside.inDialog, inside.toTag, inside.key.uri], [true, 'ours', 'sip:alice@example.com']);
  assert.equal(read({ toTag: 'ours', to: 'tel:+1555', requestUri: 'sip:127.0.0.1:5060' }).key.uri, 'sip:127.0.0.1');
});

test('presence and its watcherinfo have their codes, types and resource; without a format there is no watcherinfo', () => {
  const winfo = read({ event: 'presence.winfo' });
  assert.deepEqual(
    [winfo.winfo, winfo.successStatus, winfo.defaultType, winfo.key.event],
    [true, 200, 'application/watcherinfo+xml', 'presence'],
  );
  assert.deepEqual([read({}).winfo, read({}).successStatus], [false, 202]);
  assert.equal(read({}, { bounds: { subsRespond200: true } }).successStatus, 200);
  const without = { events: packages.events, watcherinfo: new Map() };
  assert.equal(faultOf({ event: 'presence.winfo' }, { packages: without }), '489 Bad Event Allow-Events: presence');
  assert.match(faultOf({ event: 'presence.winfo.winfo' }), /^489/);
  assert.match(faultOf({ event: 'dialog.winfo' }), /^489/);
});

test('a Contact that cannot be notified is refused', () => {
  const contact = (value: string) => faultOf({ contact: `Contact: ${value}\r\n` });
  assert.equal(faultOf({ contact: '' }), '400 Missing Contact');
  assert.equal(contact('*'), '400 Bad Contact');
  assert.equal(contact('<sip:a@h>, <sip:b@h>'), '400 Repeated Contact');
  assert.equal(contact('<tel:+1555>'), '400 Bad Contact');
  assert.equal(contact('<mailto:a@h>'), '400 Bad Contact');
  assert.match(contact('"Bob'), /^400/);
  assert.equal(contact(`<sip:${'x'.repeat(252)}@h>`), '400 Contact Too Long');
  assert.equal(contact('<sip:127.0.0.1:26102;ob>;expires=300;+sip.instance="<urn:uuid:1>";methods="A, B"'), 'none');
  assert.equal(read({ contact: 'Contact: <sip:b@h:1;ob?Subject=x>\r\n' }).contact, 'sip:b@h:1;ob');
});

test('the watcher is the From as sip:user@host, or whom the script names; other URIs stay whole', () => {
  const watcher = (from: string) => read({ from }).watcher;
  assert.equal(watcher('sips:bob:pw@EXAMPLE.com:5061;user=phone'), 'sip:bob@example.com');
  assert.equal(watcher('sip:127.0.0.1'), 'sip:127.0.0.1');
  assert.equal(watcher('tel:+15551234;phone-context=x'), 'tel:+15551234');
  assert.equal(read({}, { watcher: 'sip:carol@h;x=y' }).watcher, 'sip:carol@h');
  for (const asserted of [
    '<sip:carol@h>',
    '"Carol, C." <sip:carol@H;x=y>;p=q',
    'Carol <sip:carol@h>, <tel:+15551234>',
    'sip:carol@h, <tel:+15551234>',
  ]) {
    assert.equal(read({}, { watcher: asserted }).watcher, 'sip:carol@h', asserted);
  }
  for (const none of ['carol', '', '<>', '<carol>', '<sip:carol@h', ',']) {
    assert.equal(faultOf({}, { watcher: none }), '400 Bad From', none);
  }
});

test('Accept chooses a type; the most specific range decides; none at all means the default', () => {
  const accept = (value: string) => ({ more: `Accept: ${value}\r\n` });
  assert.equal(read({}).contentType, undefined);
  for (const value of [
    'application/pidf+xml',
    '*/*',
    'application/*',
    'application/xpidf+xml, application/pidf+xml;q=0.1',
  ])
    assert.equal(read(accept(value)).contentType, 'application/pidf+xml', value);
  const refused = '406 Not Acceptable Accept: application/pidf+xml';
  for (const value of ['text/plain', '', 'application/pidf+xml;q=0', 'application/pidf+xml;q=0.0, */*'])
    assert.equal(faultOf(accept(value)), refused, value);
  assert.equal(
    read({ more: 'Accept: text/plain\r\nAccept: application/pidf+xml\r\n' }).contentType,
    'application/pidf+xml',
  );
});

test('the route set is the Record-Route in order, and goes back in the answer line by line', () => {
  const more = 'Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nRecord-Route: <sip:p3;lr>\r\n';
  const { routes, recordRoutes } = read({ more });
  assert.equal(routes, '<sip:p1;lr>, <sip:p2;lr>, <sip:p3;lr>');
  assert.equal(recordRoutes, more);
  for (const bad of ['sip', '<tel:+1>', '<sip:p', '<sip:>'])
    assert.equal(faultOf({ more: `Record-Route: ${bad}\r\n` }), '400 Bad Record-Route', bad);
});

test('the source is kept when the watcher itself is there, not when a proxy is between', () => {
  assert.equal(read({}).source, 'udp:127.0.0.1:5060>127.0.0.1:5070');
  assert.equal(read({}).socket, 'udp:127.0.0.1:5060');
  assert.equal(read({ more: 'Via: SIP/2.0/UDP h2;branch=z9hG4bK2\r\n' }).source, '');
});

test('what would overflow a column is refused by name', () => {
  const long = 'x'.repeat(300);
  assert.equal(faultOf({ callId: long }), '400 Call-ID Too Long');
  assert.equal(faultOf({ fromTag: long }), '400 From Tag Too Long');
  assert.equal(faultOf({ toTag: long }), '400 To Tag Too Long');
  assert.equal(faultOf({ event: `presence;id=${long}` }), '400 Event Id Too Long');
  assert.equal(faultOf({ from: `sip:bob@h;x=${long}` }), '400 From Too Long');
  assert.equal(faultOf({ to: `sip:alice@h;x=${long}` }), '400 To Too Long');
  assert.equal(faultOf({ from: `sip:${'u'.repeat(65)}@h` }), '400 From Too Long');
  assert.equal(faultOf({ from: `tel:${'1'.repeat(65)}` }), '400 From Too Long');
});

test('a tag or an Event id that could not be written without quotes is refused: it goes back in every NOTIFY', () => {
  assert.equal(faultOf({ fromTag: '"a b"' }), '400 Bad From Tag');
  assert.equal(faultOf({ toTag: '"a;b"' }), '400 Bad To Tag');
  assert.equal(faultOf({ event: 'presence;id="a b"' }), '400 Bad Event Id');
  assert.equal(faultOf({ event: 'presence;id=a:b@c' }), 'none');
  assert.match(faultOf({ fromTag: '' }), /^400 Missing From Tag/);
});

test('a display name is text, cut to its column between characters', () => {
  const readDisplay = (display: string) => {
    const text = subscribeText({}).replace('From: <', `From: "${display}" <`);
    const parsed = parseMessage(Buffer.from(text, 'latin1'));
    assert.ok(parsed.kind === 'request');
    return readSubscribe(parsed.message, udp, undefined, packages, bounds, given).displayName;
  };
  assert.equal(readDisplay('Bob'), 'Bob');
  assert.equal(readDisplay(Buffer.from('Zoë 🎈').toString('latin1')), 'Zoë 🎈');
  const cut = readDisplay(Buffer.from(`${'x'.repeat(254)}🎈`).toString('latin1'));
  assert.equal(cut, 'x'.repeat(254));
});

test('Expires of a SUBSCRIBE is bounded like that of a PUBLISH, its fault waits for the dialog', () => {
  assert.equal(read({}).expires, 3600);
  assert.equal(read({ expires: 7200 }).expires, 3600);
  assert.equal(faultOf({ expires: 10 }, { bounds: { minExpires: 60 } }), 'later 423 Min-Expires: 60');
  assert.equal(faultOf({ expires: 0 }, { bounds: { minExpires: 60 } }), 'none');
});
