// Checks that sl answers at once and leaves nothing behind.
import assert from 'node:assert/strict';
import test from 'node:test';
import sl from '../../../modules/sl';
import { call, openModule } from '../../support/functions';

test('a reply has the given status and reason and is not kept', async () => {
  const { invoke } = await openModule(sl);
  const options = call('OPTIONS sip:example.com SIP/2.0');
  assert.equal(invoke('sl_send_reply', options.routed, 483, 'Too Many Hops'), true);
  assert.equal(options.status, '483 Too Many Hops');
  assert.deepEqual(options.kept, [false]);
});

test('a second reply is false', async () => {
  const { invoke } = await openModule(sl);
  const options = call();
  assert.equal(invoke('sl_send_reply', options.routed, 200, 'OK'), true);
  assert.equal(invoke('sl_send_reply', options.routed, 200, 'OK'), false);
  assert.equal(options.answers.length, 1);
});

test('a code that SIP does not have is refused', async () => {
  const { invoke } = await openModule(sl);
  for (const code of [0, 99, 700, 200.5]) {
    assert.throws(() => invoke('sl_send_reply', call().routed, code, 'x'), /code must be an integer from 100 to 699/);
  }
});

test('a reason cannot add lines to the reply', async () => {
  const { invoke } = await openModule(sl);
  const options = call();
  invoke('sl_send_reply', options.routed, 200, 'OK\r\nX-Evil: 1');
  assert.doesNotMatch(options.answers[0] ?? '', /^X-Evil/m);
});

test('sl_reply_error answers 500', async () => {
  const { invoke } = await openModule(sl);
  const publish = call();
  assert.equal(invoke('sl_reply_error', publish.routed), true);
  assert.equal(publish.status, '500 Server Internal Error');
});
