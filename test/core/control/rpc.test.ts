// Tests JSON-RPC 2.0 over commands: answers, errors by their numbers, arguments by position and by name, batches.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RollcallError } from '../../../core/base/errors';
import { type ControlCommand, helpLines, helpOf } from '../../../core/control/command';
import { serveText } from '../../../core/control/rpc';

const faults: unknown[] = [];
const commands = new Map<string, ControlCommand>([
  [
    'add',
    {
      summary: 'Adds.',
      args: [
        { name: 'a', doc: 'the first' },
        { name: 'b', optional: true },
      ],
      run: ([a, b = '0']) => Number(a) + Number(b),
    },
  ],
  ['refuse', { summary: 'Refuses.', args: [], run: () => Promise.reject(new RollcallError('no', { hint: 'ask' })) }],
  ['break', { summary: 'Breaks.', args: [], run: () => Promise.reject(new TypeError('secret')) }],
  ['nothing', { summary: 'Does it.', args: [], run: () => undefined }],
  ['small.count', { summary: 'Counts.', args: [], run: () => [1] }],
]);

async function serve(message: unknown): Promise<unknown> {
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  const call = { notify: () => {}, gone: new AbortController().signal };
  const answer = await serveText(text, commands, call, (error) => faults.push(error));
  return answer === undefined ? undefined : JSON.parse(answer);
}

const ask = (method: string, params?: unknown) => serve({ jsonrpc: '2.0', id: 7, method, params });
const result = (value: unknown) => ({ jsonrpc: '2.0', id: 7, result: value });
const error = (code: number, message: string, data?: object) => ({
  jsonrpc: '2.0',
  id: 7,
  error: { code, message, ...(data && { data }) },
});

test('a command is called with its arguments by position or by name', async () => {
  assert.deepEqual(await ask('add', ['1', '2']), result(3));
  assert.deepEqual(await ask('add', [1]), result(1));
  assert.deepEqual(await ask('add', { b: 2, a: 1 }), result(3));
  assert.deepEqual(await ask('nothing'), result(null));
});

test('arguments that do not fit are refused with the usage', async () => {
  const wrong = (message: string) => error(-32602, message);
  assert.deepEqual(await ask('add'), wrong('a is missing; usage: add A [B]'));
  assert.deepEqual(await ask('add', [1, 2, 3]), wrong('too many arguments; usage: add A [B]'));
  assert.deepEqual(await ask('add', [{}]), wrong('a must be text; usage: add A [B]'));
  assert.deepEqual(await ask('add', { c: 1 }), wrong('there is no argument "c"; usage: add A [B]'));
  assert.deepEqual(await ask('add', 'x'), wrong('params must be a list or an object; usage: add A [B]'));
  assert.deepEqual(await ask('nothing', [1]), wrong('nothing takes no arguments'));
});

test('an unknown command is answered with the nearest one', async () => {
  const hint = { hint: '`help` lists them' };
  assert.deepEqual(await ask('refuze'), error(-32601, 'there is no command "refuze" (did you mean "refuse"?)', hint));
  assert.deepEqual(await ask('__proto__'), error(-32601, 'there is no command "__proto__"', hint));
});

test('a refusal is told with its hint, a fault of the server only to its log', async () => {
  assert.deepEqual(await ask('refuse'), error(-32000, 'no', { hint: 'ask' }));
  assert.deepEqual(await ask('break'), error(-32603, 'internal error: the log of the server says more'));
  assert.match(String(faults), /secret/);
});

test('what is no JSON-RPC request is answered as the specification says', async () => {
  const answer = (code: number, message: string) => ({ jsonrpc: '2.0', id: null, error: { code, message } });
  assert.deepEqual(await serve('{'), answer(-32700, 'not JSON'));
  assert.deepEqual(await serve('1'), answer(-32600, 'not a JSON-RPC 2.0 request'));
  assert.deepEqual(
    await serve({ jsonrpc: '1.0', id: null, method: 'add' }),
    answer(-32600, 'not a JSON-RPC 2.0 request'),
  );
  assert.deepEqual(await serve([]), answer(-32600, 'a batch holds 1 to 50 requests'));
  assert.deepEqual(await serve(new Array(51).fill(1)), answer(-32600, 'a batch holds 1 to 50 requests'));
});

test('a notification has no answer, a batch one answer for each request that wants one', async () => {
  assert.equal(await serve({ jsonrpc: '2.0', method: 'add', params: [1] }), undefined);
  const batch = [
    { jsonrpc: '2.0', id: 'x', method: 'add', params: [1, 1] },
    { jsonrpc: '2.0', method: 'nothing' },
  ];
  assert.deepEqual(await serve(batch), [{ jsonrpc: '2.0', id: 'x', result: 2 }]);
  assert.equal(await serve([{ jsonrpc: '2.0', method: 'nothing' }]), undefined);
});

test('help lists the commands of the core, then those of modules, with their arguments', () => {
  assert.deepEqual(
    helpLines(commands).map(({ command }) => command),
    ['add A [B]', 'break', 'nothing', 'refuse', 'small.count'],
  );
  const add = commands.get('add');
  assert.ok(add);
  assert.deepEqual(helpOf('add', add), {
    command: 'add A [B]',
    summary: 'Adds.',
    arguments: [
      { argument: 'A', meaning: 'the first' },
      { argument: 'B', meaning: '(may be left out)' },
    ],
  });
});
