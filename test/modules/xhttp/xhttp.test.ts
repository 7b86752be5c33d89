// Checks xhttp over real sockets: its own routes, those of other modules, what is refused, and a reload.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { afterEach, test } from 'node:test';
import { MetricRegistry } from '../../../core/base/metrics';
import type { RunningServer } from '../../../core/server';
import { httpRoutes } from '../../../modules/xhttp/api';
import { freePort } from '../../support/ports';
import { startRollcall, type TestServer } from '../../support/rollcall';
import type { ServerSpec } from '../../support/scratch';

const token = 'a-token-of-some-length';
const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

interface Asking {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
  /** A connection for each request when not given. */
  agent?: Agent;
}

function ask(port: number, { method = 'GET', path, headers = {}, body, agent }: Asking): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method, path, headers, agent: agent ?? false }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A server with xhttp; its port answers when this has returned. */
async function open(spec: ServerSpec = {}, more: [string, string | number][] = [['token', token]]) {
  const port = await freePort();
  const server = await startRollcall({
    ...spec,
    loadmodule: ['xhttp', ...(spec.loadmodule ?? [])],
    modparam: [['xhttp', 'listen', port], ...more.map(([name, value]) => ['xhttp', name, value] as const)],
  });
  servers.push(server);
  await answers(port);
  return { running: server.running, port };
}

async function answers(port: number): Promise<void> {
  for (;;) {
    const reply = await ask(port, { path: '/healthz' }).catch(() => undefined);
    if (reply !== undefined) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** As a module would. */
function provide(running: RunningServer, key: string, handle: () => { status: number; body?: string }) {
  return running.host.registry.provide('test', httpRoutes, key, { summary: '', access: 'open', handle });
}

test('the server is alive and ready, and anybody may ask', async () => {
  const { port } = await open({ db: 'sqlite' });
  assert.deepEqual((await ask(port, { path: '/healthz' })).body, 'alive\n');
  const ready = await ask(port, { path: '/readyz?verbose' });
  assert.deepEqual([ready.status, ready.body], [200, 'ready\n']);
});

test('a database that does not answer is in the way of being ready', async () => {
  const { running, port } = await open();
  running.host.silentDatabases = async () => ['mysql://db.example/rollcall'];
  const { status, body } = await ask(port, { path: '/readyz' });
  assert.deepEqual([status, body], [503, 'mysql://db.example/rollcall does not answer\n']);
});

test('control commands are served to who shows the token', async () => {
  const { port } = await open();
  const call = { method: 'POST', path: '/rpc', body: '{"jsonrpc":"2.0","id":1,"method":"modules","params":["xhttp"]}' };
  assert.equal((await ask(port, call)).status, 401);
  const authorization = `Bearer ${token}`;
  const { status, body, headers } = await ask(port, { ...call, headers: { authorization } });
  assert.equal(status, 200);
  assert.match(String(headers['content-type']), /^application\/json/);
  const { result } = JSON.parse(body) as { result: { parameter: string; value: unknown }[] };
  assert.equal(result.find(({ parameter }) => parameter === 'token')?.value, 'hidden');
  const notification = { ...call, body: '{"jsonrpc":"2.0","method":"status"}', headers: { authorization } };
  assert.equal((await ask(port, notification)).status, 204);
  assert.match((await ask(port, { ...call, body: 'no JSON', headers: { authorization } })).body, /-32700/);
});

test('without a token there are no control commands', async () => {
  const { port } = await open({}, []);
  assert.equal((await ask(port, { method: 'POST', path: '/rpc', body: '{}' })).status, 404);
});

test('routes of other modules come and go with them', async () => {
  const { running, port } = await open();
  assert.equal((await ask(port, { path: '/hello' })).status, 404);
  const undo = provide(running, 'GET /hello', () => ({ status: 200, body: 'hello' }));
  assert.equal((await ask(port, { path: '/hello' })).body, 'hello');
  const head = await ask(port, { method: 'HEAD', path: '/hello' });
  assert.deepEqual([head.status, head.body], [200, '']);
  const wrong = await ask(port, { method: 'PUT', path: '/hello', body: 'x' });
  assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'GET']);
  undo();
  assert.equal((await ask(port, { path: '/hello' })).status, 404);
});

test('a route that throws is answered 500 and says nothing of why', async () => {
  const { running, port } = await open();
  provide(running, 'GET /broken', () => {
    throw new Error('secret');
  });
  const { status, body } = await ask(port, { path: '/broken' });
  assert.deepEqual([status, body], [500, 'internal error\n']);
});

test('a body beyond max_body is answered 413, a path that is none 400 or 404', async () => {
  const { running, port } = await open({}, [['max_body', 1024]]);
  provide(running, 'POST /take', () => ({ status: 200 }));
  assert.equal((await ask(port, { method: 'POST', path: '/take', body: 'x'.repeat(1024) })).status, 200);
  assert.equal((await ask(port, { method: 'POST', path: '/take', body: 'x'.repeat(1025) })).status, 413);
  assert.ok([400, 404].includes((await ask(port, { path: '/%zz' })).status));
});

test('a reload leaves the socket and its connections open, and what is offered there stays', async () => {
  const { running, port } = await open();
  provide(running, 'GET /hello', () => ({ status: 200, body: 'hello' }));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set<unknown>();
  agent.on('free', (socket) => sockets.add(socket));
  const xhttp = () => {
    const planned = running.host.modules.find(({ definition }) => definition.name === 'xhttp');
    assert.ok(planned);
    return planned;
  };
  for (let i = 0; i < 3; i++) {
    const before = ask(port, { path: '/readyz', agent });
    const exchanged = running.host.exchange(xhttp());
    const during = ask(port, { path: '/hello', agent });
    assert.deepEqual([(await before).status, (await during).body], [200, 'hello']);
    await exchanged;
    assert.equal((await ask(port, { path: '/hello', agent })).body, 'hello');
  }
  assert.equal(sockets.size, 1);
  const elsewhere = await freePort();
  await running.host.exchange({ ...xhttp(), values: new Map([['listen', String(elsewhere)]]) });
  await answers(elsewhere);
  await assert.rejects(ask(port, { path: '/hello' }), { code: 'ECONNREFUSED' });
  agent.destroy();
});

test('a new life that is refused leaves the old one serving', async () => {
  const { running, port } = await open();
  const planned = running.host.modules.find(({ definition }) => definition.name === 'xhttp');
  assert.ok(planned);
  const { definition, values } = planned;
  const setup = () => Promise.reject(new Error('not today'));
  const refused = assert.rejects(running.host.exchange({ definition: { ...definition, setup }, values }), /not today/);
  assert.equal((await ask(port, { path: '/healthz' })).status, 200);
  await refused;
  assert.equal((await ask(port, { path: '/healthz' })).status, 200);
});

test('an unloaded xhttp serves nothing', async () => {
  const { running, port } = await open();
  await running.host.remove('xhttp');
  await assert.rejects(ask(port, { path: '/healthz' }), { code: 'ECONNREFUSED' });
});

test('without `listen` nothing listens, and the server starts', async () => {
  const server = await startRollcall({ loadmodule: ['xhttp'] });
  servers.push(server);
  assert.ok(server.running.host.metrics instanceof MetricRegistry);
});
