// Tests the load generator against a toy server that commits one fault at a time: it has to notice each, and see none where there is none.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { faultsOf, presload, presloadMissing } from '../../bench/presload';
import { type FaultKind, FaultyServer, faultKinds } from '../support/faulty-server';

/** The field that tells of a fault. */
const signs: Readonly<Record<FaultKind, string | undefined>> = {
  none: undefined,
  loss: 'retransmits',
  'lost-notify': 'errors',
  'reuse-cseq': 'cseq_dup',
  'lower-cseq': 'cseq_lower',
  'wrong-body': 'wrong_body',
  'stale-body': 'stale_body',
  'no-etag': 'no_etag',
  error: 'non2xx',
  forget: 'non2xx',
};

describe('presload', { skip: presloadMissing }, () => {
  for (const fault of faultKinds) {
    const sign = signs[fault];
    test(
      sign === undefined ? 'finds nothing wrong with a server that is right' : `sees ${fault} as ${sign}`,
      async () => {
        const server = await FaultyServer.start(fault);
        try {
          const target = { name: fault, port: server.port, processes: {} };
          const small = ['--presentities', '50', '--watchers', '4', '--seconds', '1', '--window', '4', '--drain', '2'];
          const [phase] = await presload(target, ['mixed', ...small]);
          assert.ok(phase && phase.ok > 100, `only ${phase?.ok} operations`);
          if (sign !== undefined) assert.ok(Number(phase[sign]) > 0, `${sign} is ${phase[sign]}`);
          // What was lost on the way and sent again is no fault of the server.
          if (sign === undefined || sign === 'retransmits') assert.deepEqual(faultsOf(phase), []);
          else assert.notDeepEqual(faultsOf(phase), []);
        } finally {
          await server.close();
        }
      },
    );
  }
});
