// Checks what sanity refuses, and with which answer.
import assert from 'node:assert/strict';
import test from 'node:test';
import sanity from '../../../modules/sanity';
import { type Call, call, openModule } from '../../support/functions';

const line = 'PUBLISH sip:alice@example.com SIP/2.0';
/** Set up once for all cases. */
const opened = openModule(sanity);
const invoke = async (name: string, ...args: unknown[]) => (await opened).invoke(name, ...args);

const faults: readonly (readonly [string, Call, string])[] = [
  [
    'a Request-URI of a scheme that nobody knows',
    call('PUBLISH nobody:a@example.com SIP/2.0'),
    '416 Unsupported URI Scheme',
  ],
  ['a Via that is broken below the top', call(line, { v: 'SIP/2.0/UDP' }), '400 Bad Via'],
  [
    'a Via of a transport that does not exist',
    call(line, { Via: 'SIP/2.0/SMOKE 192.0.2.1;branch=z9hG4bKs' }),
    '400 Bad Via Protocol',
  ],
  ['a CSeq of another method', call(line, { CSeq: '1 INVITE' }), '400 CSeq Method Does Not Match'],
  ['a CSeq that is no number below 2^31', call(line, { CSeq: '4294967296 PUBLISH' }), '400 Bad CSeq'],
  ['an Expires that is no number', call(line, { Expires: 'soon' }), '400 Bad Expires'],
  ['a Request-URI that is none', call('PUBLISH sip:alice@ SIP/2.0'), '400 Bad Request-URI'],
  ['a From that is no URI', call(line, { From: '<sip:@>;tag=1' }), '400 Bad From URI'],
  ['a To that is no URI', call(line, { To: '<sip:a@b:99999>' }), '400 Bad To URI'],
];

for (const [name, request, answer] of faults) {
  test(`answers ${answer} to ${name}`, async () => {
    assert.equal(await invoke('sanity_check', request.routed), false);
    assert.equal(request.status, answer);
    assert.deepEqual(request.kept, [false]);
  });
}

test('a good request passes and is not answered', async () => {
  for (const uri of ['sip:alice@example.com', 'pres:alice@example.com', 'tel:+15551234']) {
    const request = call(`PUBLISH ${uri} SIP/2.0`, {
      Expires: '60',
      Contact: '<sip:a@192.0.2.1>',
      'Content-Length': '0',
    });
    assert.equal(await invoke('sanity_check', request.routed), true);
    assert.equal(request.status, undefined);
  }
});

test('Proxy-Require of what is not supported is answered 420 and named', async () => {
  const request = call(line, { 'Proxy-Require': 'sec-agree, foo' });
  assert.equal(await invoke('sanity_check', request.routed), false);
  assert.equal(request.status, '420 Bad Extension');
  assert.match(request.answers[0] ?? '', /\r\nUnsupported: sec-agree, foo\r\n/);
  const other = await openModule(sanity, { proxy_require: 'foo, Sec-Agree' });
  assert.equal(other.invoke('sanity_check', call(line, { 'Proxy-Require': 'sec-agree, foo' }).routed), true);
});

test('only the checks that are asked for are made', async () => {
  const broken = () => call(line, { Expires: 'soon', Contact: '<sip:@>' });
  assert.equal(await invoke('sanity_check', broken().routed, 2047 - 256), true);
  assert.equal(await invoke('sanity_check', broken().routed, 256), false);
  assert.equal(await invoke('sanity_check', broken().routed, 1024, 15), false);
  assert.equal(await invoke('sanity_check', broken().routed, 0), true);
});

test('a Contact of * is a URI as far as check 8 goes', async () => {
  assert.equal(await invoke('sanity_check', call(line, { Contact: '*' }).routed, 1024, 15), true);
});
