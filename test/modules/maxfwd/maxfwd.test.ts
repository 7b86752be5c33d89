// Checks the counting of hops.
import assert from 'node:assert/strict';
import test from 'node:test';
import maxfwd from '../../../modules/maxfwd';
import { call, openModule } from '../../support/functions';

const line = 'PUBLISH sip:alice@example.com SIP/2.0';

test('one hop is taken off, down to none, and then the request must not go on', async () => {
  const { invoke } = await openModule(maxfwd);
  const { routed, message } = call(line, { 'Max-Forwards': '2' });
  const process = () => invoke('mf_process_maxfwd_header', routed, 10);
  assert.equal(process(), true);
  assert.equal(message.header('Max-Forwards'), '1');
  assert.equal(process(), true);
  assert.equal(message.header('Max-Forwards'), '0');
  assert.equal(process(), false);
  assert.equal(message.header('Max-Forwards'), '0');
});

test('a request without the header gets it', async () => {
  const { invoke } = await openModule(maxfwd);
  const { routed, message } = call(line, { 'Max-Forwards': undefined });
  assert.equal(invoke('mf_process_maxfwd_header', routed, 10), true);
  assert.equal(message.header('Max-Forwards'), '10');
});

test('more hops than max_limit are taken down to it', async () => {
  const { invoke } = await openModule(maxfwd, { max_limit: 30 });
  const { routed, message } = call(line, { 'Max-Forwards': '200' });
  assert.equal(invoke('mf_process_maxfwd_header', routed, 10), true);
  assert.equal(message.header('Max-Forwards'), '30');
});

test('a header that is no number is the request’s fault', async () => {
  const { invoke } = await openModule(maxfwd);
  for (const value of ['many', '-1', '256', '']) {
    const { routed } = call(line, { 'Max-Forwards': value });
    assert.throws(() => invoke('mf_process_maxfwd_header', routed, 10), /400 Bad Max-Forwards/);
  }
});

test('a value that no script can mean is refused', async () => {
  const { invoke } = await openModule(maxfwd);
  for (const value of [0, 256, 1.5]) {
    assert.throws(() => invoke('mf_process_maxfwd_header', call().routed, value), /max_value must be an integer/);
  }
});

test('is_maxfwd_lt compares, and a missing header is below nothing', async () => {
  const { invoke } = await openModule(maxfwd);
  const ask = (value: string | undefined) => invoke('is_maxfwd_lt', call(line, { 'Max-Forwards': value }).routed, 10);
  assert.deepEqual([ask('9'), ask('10'), ask(undefined)], [true, false, false]);
});
