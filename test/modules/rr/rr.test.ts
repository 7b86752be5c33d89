// Checks loose routing: which routes are ours, what is left of them, and what loose_route says about it.
import assert from 'node:assert/strict';
import test from 'node:test';
import rr from '../../../modules/rr';
import { takeOwnRoutes } from '../../../modules/rr/route';
import { call, flowFrom, openModule } from '../../support/functions';

const line = 'SUBSCRIBE sip:alice@example.com SIP/2.0';
const point = { protocol: 'udp' as const, address: '127.0.0.1', port: 5060, close: async () => {} };
const names = { points: [point], aliases: new Set(['sip.example.com', 'other.example.com:5080']) };
const inside = { To: '<sip:alice@example.com>;tag=1' };

function route(headers: Record<string, string>, known = names, flow = flowFrom()): [boolean, string | undefined] {
  const { message } = call(line, headers);
  return [takeOwnRoutes(message, flow, known), message.header('Route')];
}

test('a request without routes is not routed', () => {
  assert.deepEqual(route(inside), [false, undefined]);
});

test('our route is taken off, and inside a dialog that is true', () => {
  assert.deepEqual(route({ ...inside, Route: '<sip:127.0.0.1:5060;lr>' }), [true, undefined]);
  assert.deepEqual(route({ ...inside, Route: '<sip:127.0.0.1;lr>' }), [true, undefined]);
});

test('a route to us alone outside a dialog is taken off, and the request is ours to serve', () => {
  assert.deepEqual(route({ Route: '<sip:127.0.0.1;lr>' }), [false, undefined]);
});

test('what is left of the routes stays, in order and with parameters', () => {
  const rest = '<sip:10.0.0.1;lr>;x=1, "Next" <sip:10.0.0.2:5070;lr>';
  assert.deepEqual(route({ Route: `<sip:127.0.0.1;lr>, ${rest}` }), [true, rest]);
});

test('two of ours on top of each other are both taken off', () => {
  assert.deepEqual(route({ ...inside, Route: '<sip:127.0.0.1;lr>,<sip:sip.example.com;transport=tcp;lr>' }), [
    true,
    undefined,
  ]);
});

test('a route to somebody else is left alone', () => {
  for (const uri of ['sip:10.0.0.1;lr', 'sip:127.0.0.1:5061;lr', 'sips:127.0.0.1;lr', 'sip:example.com;lr', 'tel:1']) {
    assert.deepEqual(route({ ...inside, Route: `<${uri}>` }), [false, `<${uri}>`]);
  }
});

test('aliases are names of the server, with a port only at that port', () => {
  assert.equal(route({ ...inside, Route: '<sip:SIP.example.com;lr>' })[0], true);
  assert.equal(route({ ...inside, Route: '<sip:other.example.com:5080;lr>' })[0], true);
  assert.equal(route({ ...inside, Route: '<sip:other.example.com;lr>' })[0], false);
});

test('a socket on every address is known by the address at which the request came', () => {
  const everywhere = { ...names, points: [{ ...point, address: '0.0.0.0' }] };
  assert.equal(
    route({ ...inside, Route: '<sip:192.0.2.9;lr>' }, everywhere, flowFrom('192.0.2.1', '192.0.2.9'))[0],
    true,
  );
  assert.equal(
    route({ ...inside, Route: '<sip:192.0.2.8;lr>' }, everywhere, flowFrom('192.0.2.1', '192.0.2.9'))[0],
    false,
  );
  const six = { ...names, points: [{ ...point, address: '::1' }] };
  assert.equal(route({ ...inside, Route: '<sip:[::1]:5060;lr>' }, six)[0], true);
});

test('a Route that cannot be read is the request’s fault', () => {
  assert.throws(() => route({ Route: '<sip:127.0.0.1' }), /400 Bad Route/);
});

test('record_route puts the receiving socket into the answer of what makes a dialog', async () => {
  const { invoke, host } = await openModule(rr);
  const first = call(line);
  assert.equal(invoke('record_route', first.routed), true);
  first.routed.reply(202, 'Accepted');
  assert.match(first.answers[0] ?? '', /\r\nRecord-Route: <sip:127\.0\.0\.1:5060;lr>\r\n/);
  assert.equal(invoke('record_route', call(line, inside).routed), false);
  assert.equal(invoke('record_route', call('PUBLISH sip:a@b SIP/2.0').routed), false);
  await host.stop();
});

test('enable_full_lr gives lr a value', async () => {
  const { invoke } = await openModule(rr, { enable_full_lr: true });
  const { routed } = call(line);
  invoke('record_route', routed);
  assert.match(routed.replyHeaders, /;lr=on>\r\n$/);
});
