// Tests the server against SIPp, which knows nothing of presence: the scenarios of test/sipp, over UDP and TCP.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startRollcall, type TestServer } from '../support/rollcall';
import { Scratch } from '../support/scratch';
import { filesBelow, root } from '../support/tree';

const missing = spawnSync('sipp', ['-v'], { stdio: 'ignore' }).error !== undefined;
const skip = missing && 'SIPp is not installed (Debian and Ubuntu have it as the package sip-tester)';

const modes = { udp: 'u1', tcp: 't1' } as const;
const calls = 50;

function sipp(args: readonly string[], folder: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn('sipp', args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TERM: 'xterm' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('close', (code) => resolve({ code, output }));
  });
}

describe('SIPp', { skip }, () => {
  let server: TestServer;
  const scratch = new Scratch();
  before(async () => {
    server = await startRollcall();
  });
  after(async () => {
    await server.stop();
    scratch.remove();
  });

  for (const scenario of filesBelow('test/sipp', /\.xml$/)) {
    for (const transport of ['udp', 'tcp'] as const) {
      test(`${scenario} over ${transport}: ${calls} calls without a failure`, async () => {
        const { address, port } = server.at(transport);
        const limits = [
          '-m',
          String(calls),
          '-r',
          '100',
          '-l',
          '20',
          '-timeout',
          '30s',
          '-timeout_error',
          '-recv_timeout',
          '10000',
        ];
        const args = [
          `${address}:${port}`,
          '-sf',
          join(root, scenario),
          '-t',
          modes[transport],
          '-i',
          '127.0.0.1',
          '-nostdin',
          '-trace_err',
        ];
        const { code, output } = await sipp([...args, ...limits], scratch.folder);
        assert.equal(code, 0, output.slice(-3000));
      });
    }
  }
});
