// Checks what scripts can ask of a request, and that modules see the headers as edited.
import assert from 'node:assert/strict';
import test from 'node:test';
import textops from '../../../modules/textops';
import { call, openModule } from '../../support/functions';

const line = 'SUBSCRIBE sip:alice@example.com SIP/2.0';

test('is_method knows one or several methods, in their exact spelling', async () => {
  const { invoke } = await openModule(textops);
  const { routed } = call(line);
  const ask = (methods: string) => invoke('is_method', routed, methods);
  assert.deepEqual([ask('SUBSCRIBE'), ask('PUBLISH|SUBSCRIBE'), ask('PUBLISH | SUBSCRIBE')], [true, true, true]);
  assert.deepEqual([ask('PUBLISH'), ask('subscribe'), ask(''), ask('SUB')], [false, false, false, false]);
});

test('has_totag tells a request inside a dialog', async () => {
  const { invoke } = await openModule(textops);
  assert.equal(invoke('has_totag', call(line).routed), false);
  assert.equal(invoke('has_totag', call(line, { To: '<sip:a@example.com>;tag=1' }).routed), true);
});

test('has_body looks at the size and at the type', async () => {
  const { invoke } = await openModule(textops);
  const { routed } = call(line, { 'Content-Type': 'application/PIDF+xml;charset=utf-8' }, '<x/>');
  assert.equal(invoke('has_body', call(line).routed), false);
  assert.equal(invoke('has_body', routed), true);
  assert.equal(invoke('has_body', routed, 'application/pidf+xml'), true);
  assert.equal(invoke('has_body', routed, 'text/plain'), false);
});

test('headers are found by long and compact name', async () => {
  const { invoke } = await openModule(textops);
  const { routed } = call(line, { o: 'presence', 'X-Mine': '' });
  assert.equal(invoke('is_present_hf', routed, 'Event'), true);
  assert.equal(invoke('is_present_hf', routed, 'x-mine'), true);
  assert.equal(invoke('is_present_hf', routed, 'X-Yours'), false);
});

test('headers are added in front and behind, and taken out, and the request says so', async () => {
  const { invoke } = await openModule(textops);
  const { routed, message } = call(line, { Event: 'presence' });
  assert.equal(message.event?.package, 'presence');
  invoke('append_hf', routed, 'X-A: 1\r\nX-B: 2\r\n');
  invoke('insert_hf', routed, 'X-C: 3\r\nX-D: 4');
  assert.equal(invoke('remove_hf', routed, 'event'), true);
  assert.equal(invoke('remove_hf', routed, 'event'), false);
  assert.equal(message.event, undefined);
  assert.match(message.head, /^SUBSCRIBE [^\r]+\r\nX-C: 3\r\nX-D: 4\r\nVia: /);
  assert.match(message.head, /\r\nX-A: 1\r\nX-B: 2\r\n$/);
});

test('headers of the answer are collected, whoever answers', async () => {
  const { invoke } = await openModule(textops);
  const subscribe = call(line);
  invoke('append_to_reply', subscribe.routed, 'Allow: PUBLISH\r\n');
  invoke('append_to_reply', subscribe.routed, 'X-A: 1');
  subscribe.routed.reply(405, 'Method Not Allowed');
  assert.match(subscribe.answers[0] ?? '', /\r\nAllow: PUBLISH\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n$/);
});

test('what is not a header line is refused, and so is what a reply makes itself', async () => {
  const { invoke } = await openModule(textops);
  const { routed, message } = call(line);
  const before = message.head;
  for (const text of ['', 'no colon', ': no name', 'a b: c', 'X: 1\nY: 2', 'X: 1\r\n\r\nY: 2']) {
    assert.throws(() => invoke('append_hf', routed, text), /header/);
    assert.throws(() => invoke('append_to_reply', routed, text), /header/);
  }
  for (const text of ['To: x', 'l: 5', 'X: 1\r\nVia: y']) {
    assert.throws(() => invoke('append_to_reply', routed, text), /is made by the server/);
  }
  assert.equal(message.head, before);
  assert.equal(routed.replyHeaders, '');
});
