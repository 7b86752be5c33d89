// Tests the durable server under the load of the benchmark for a few seconds: what it may never do, never how long it takes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, presload, presloadMissing } from '../../bench/presload';
import { patient } from '../support/checkout';
import { RollcallProcess } from '../support/rollcall';

/** Waits that a busy machine does not outlast, in s: for the NOTIFYs of a fan-out, and for the last message of a phase. */
const waits = ['--op-timeout', '60', '--drain', '60'];

test('under load nothing is lost, late in its dialog, refused or stale', { skip: presloadMissing }, async () => {
  const server = await RollcallProcess.start({ db: 'sqlite', core: { ...patient, log_level: 'warn' } });
  try {
    const target = { name: 'ours', port: server.port, processes: { server: server.pid } };
    const small = ['--presentities', '100', '--watchers', '5', '--seconds', '1', '--window', '16', ...waits];
    const phases = await presload(target, ['suite', ...small]);
    assert.deepEqual(
      phases.map(({ phase }) => phase),
      ['publish-initial', 'publish-refresh', 'publish-modify', 'subscribe', 'fanout', 'refresh', 'mixed'],
    );
    for (const phase of phases) {
      assert.deepEqual(faultsOf(phase), [], phase.phase);
      assert.ok(phase.ok > 0, phase.phase);
    }
    assert.doesNotMatch(server.log, /\b(warn|error|fatal)\b/i);
  } finally {
    await server.stop();
  }
});
