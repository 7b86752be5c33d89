// Tests the control socket and its client: who may open it, what it refuses, values ahead of a result, its end.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { RollcallError } from '../../../core/base/errors';
import { silentLogger } from '../../../core/base/logger';
import { callControl } from '../../../core/control/client';
import type { ControlCommand } from '../../../core/control/command';
import { ControlSocket } from '../../../core/control/socket';

const folder = mkdtempSync(join(tmpdir(), 'rollcall-control-'));
const path = join(folder, 'run', 'rollcall.sock');
after(() => rmSync(folder, { recursive: true, force: true }));

let gone = 0;
const commands = new Map<string, ControlCommand>([
  ['echo', { summary: 'Echoes.', args: [{ name: 'text', optional: true }], run: ([text]) => text }],
  [
    'count',
    {
      summary: 'Counts until the caller leaves.',
      args: [],
      run: (_, call) => {
        call.notify(1);
        call.notify({ two: 2 });
        return new Promise((resolve) => {
          call.gone.addEventListener('abort', () => {
            gone++;
            resolve('left');
          });
        });
      },
    },
  ],
]);

const open: ControlSocket[] = [];
afterEach(async () => {
  for (const socket of open.splice(0)) await socket.close();
});

async function start(): Promise<ControlSocket> {
  const socket = await ControlSocket.open({ path, log: silentLogger, commands: () => commands });
  open.push(socket);
  return socket;
}

/** Sends bytes, closes its side, and gives what came back until the server closed. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path, allowHalfOpen: true });
    let text = '';
    socket.setEncoding('utf8').on('data', (data: string) => {
      text += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
    socket.end(bytes);
  });
}

test('only its owner may open it, and it leaves nothing behind', async () => {
  const socket = await start();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(await callControl({ socket: path, command: 'echo', args: ['hi'] }), 'hi');
  await socket.close();
  assert.equal(existsSync(path), false);
});

test('a socket left behind by a dead server is replaced, that of a living one and a plain file are not', async () => {
  await start();
  await assert.rejects(start(), /another server has the control socket/);
  await open.pop()?.close();
  writeFileSync(path, 'precious');
  await assert.rejects(start(), /is there and is no socket/);
  rmSync(path);
});

test('values come ahead of the result, and a caller who leaves ends the command', async () => {
  await start();
  const values: unknown[] = [];
  const leave = new AbortController();
  gone = 0;
  const result = await callControl({
    socket: path,
    command: 'count',
    args: [],
    onValue: (value) => {
      values.push(value);
      if (values.length === 2) leave.abort();
    },
    signal: leave.signal,
  });
  assert.equal(result, undefined);
  assert.deepEqual(values, [1, { two: 2 }]);
  while (gone === 0) await new Promise((resolve) => setImmediate(resolve));
});

test('a caller who closes its side still gets its answers, in order', async () => {
  await start();
  const ask = (id: number) => `${JSON.stringify({ jsonrpc: '2.0', id, method: 'echo', params: [`n${id}`] })}\n`;
  const lines = (await raw(`\r\n${ask(1)}${ask(2)}`)).trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).result),
    ['n1', 'n2'],
  );
});

test('a line without end is cut off', async () => {
  await start();
  assert.equal(await raw('x'.repeat(70_000)), '');
  assert.equal(await callControl({ socket: path, command: 'echo', args: ['still here'] }), 'still here');
});

test('the client says why there is no answer', async () => {
  const refusal = (pattern: RegExp) => (error: unknown) => {
    assert.ok(error instanceof RollcallError);
    assert.match(`${error.message} ${error.hint}`, pattern);
    return true;
  };
  await assert.rejects(
    callControl({ socket: path, command: 'echo', args: [] }),
    refusal(/no server answers.*control:/),
  );
  await start();
  await assert.rejects(callControl({ socket: path, command: 'eco', args: [] }), refusal(/did you mean "echo".*`help`/));
});
