// Tests the whole server in process: start in order, answers over both transports, refusals, and a stop that loses nothing.
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import { overloadLimits } from '../../core/admin/config';
import { createLogging } from '../../core/base/logging';
import { paramValues } from '../../core/base/params';
import { ProblemsError } from '../../core/base/problem';
import { coreSettings } from '../../core/config/settings';
import { type RunningServer, type ServerOptions, startServer, transportLimits } from '../../core/server';
import { defaultOverloadLimits } from '../../core/sip/transaction/overload';
import { defaultTimers } from '../../core/sip/transaction/timers';
import { defaultTransportLimits } from '../../core/sip/transport/limits';
import { RawPeer } from '../support/raw-peer';
import { SmallServer } from '../support/small-server';
import { requestText } from '../support/wire';

const small = new SmallServer();
const silent = createLogging({ level: 'silent', format: 'json' });
const shared = globalThis as { testGate?: Promise<void>; testEvents?: string[] };
after(() => {
  small.remove();
  silent.close();
});
const running: RunningServer[] = [];
afterEach(async () => {
  // Also those of a test that failed half way: an open socket would keep this process alive.
  for (const server of running.splice(0)) await server.stop();
  delete shared.testGate;
  delete shared.testEvents;
});

async function start(options: Partial<ServerOptions> = {}): Promise<RunningServer> {
  const server = await startServer({ file: small.file, logging: silent, ...options });
  running.push(server);
  return server;
}

function config(listen: string, more = ''): string {
  return `listen: [${listen}]\nscript: script.ts\nmodule_path: [modules]\nloadmodule: [small]\n${more}`;
}

for (const transport of ['udp', 'tcp'] as const) {
  test(`a request over ${transport} goes through the script to the module and is answered`, async () => {
    const server = await start();
    const point = server.points.find((candidate) => candidate.protocol === transport);
    assert.ok(point !== undefined);
    const peer = await RawPeer.open(transport, { address: point.address, port: point.port });
    const reply = await peer.ask({ method: 'OPTIONS', uri: 'sip:a@localhost' });
    assert.equal(reply.startLine, 'SIP/2.0 200 Done');
    peer.close();
    await server.stop();
  });
}

test('modules are set up before the sockets open, told when they are open, and stopped at the end', async () => {
  const events: string[] = [];
  shared.testEvents = events;
  const server = await start();
  assert.deepEqual(events, ['setup', 'listening']);
  await server.stop();
  assert.deepEqual(events, ['setup', 'listening', 'stopping']);
  assert.deepEqual(server.points, []);
});

test('every problem of the config refuses the start, before any module acts', async () => {
  const events: string[] = [];
  shared.testEvents = events;
  const text = config('"udp:127.0.0.1:0"', 'modparam: [[small, delay, 11], [small, dealy, 1]]\ncore: {sip_t1: 0}\n');
  await assert.rejects(start({ text }), (error) => {
    assert.ok(error instanceof ProblemsError);
    assert.equal(
      error.message,
      [
        `${small.file}:5:27: small delay must be from 0 to 10 s, not 11`,
        `${small.file}:5:40: small has no parameter "dealy" (did you mean "delay"?)`,
        `${small.file}:6:16: sip_t1 must be from 10 to 10000 ms, not 0`,
      ].join('\n'),
    );
    return true;
  });
  assert.deepEqual(events, []);
});

test('a script with a fault refuses the start, and what was set up is stopped', async () => {
  const events: string[] = [];
  shared.testEvents = events;
  small.write('wrong.ts', "import { anser } from 'small';\nexport async function request_route() { anser(); }\n");
  const text = config('"udp:127.0.0.1:0"').replace('script.ts', 'wrong.ts');
  await assert.rejects(start({ text }), (error) => {
    assert.ok(error instanceof ProblemsError);
    assert.match(error.message, /wrong\.ts:1:10: .*"answer"/);
    return true;
  });
  assert.deepEqual(events, ['setup', 'stopping']);
});

test('a port in use refuses the start, says what to do, and closes the sockets that were open', async () => {
  const first = await start({ text: config('"tcp:127.0.0.1:0"') });
  const port = first.points[0]?.port ?? 0;
  const events: string[] = [];
  shared.testEvents = events;
  await assert.rejects(start({ text: config(`"udp:127.0.0.1:0", "tcp:127.0.0.1:${port}"`) }), {
    message: `cannot listen on tcp:127.0.0.1:${port}: the address is in use`,
    hint:
      `another program has tcp:127.0.0.1:${port} (\`ss -lunpt 'sport = :${port}'\` shows it): ` +
      `stop it, or change \`listen\` in ${small.file}`,
  });
  assert.deepEqual(events, ['setup', 'stopping']);
  await first.stop();
  const second = await start({ text: config(`"tcp:127.0.0.1:${port}"`) });
  await second.stop();
});

test('a stop lets the requests in flight finish, and takes no more', async () => {
  let open = () => {};
  shared.testGate = new Promise((resolve) => {
    open = resolve;
  });
  const events: string[] = [];
  shared.testEvents = events;
  const server = await start();
  const point = server.points[0];
  assert.ok(point !== undefined);
  const peer = await RawPeer.open('udp', { address: point.address, port: point.port });
  const asked = peer.ask({ method: 'OPTIONS', uri: 'sip:a@localhost' });
  while (!events.includes('called')) await new Promise((resolve) => setImmediate(resolve));
  const stopped = server.stop();
  assert.equal(server.stop(), stopped);
  peer.send(requestText({ via: peer.via, method: 'OPTIONS', uri: 'sip:late@localhost' }));
  while (server.sip.transports.stats.received < 2) await new Promise((resolve) => setImmediate(resolve));
  open();
  assert.equal((await asked).status, 200);
  await stopped;
  assert.deepEqual(events, ['setup', 'listening', 'called', 'stopping']);
  peer.close();
});

test('a request that never ends does not keep the server from stopping', async () => {
  shared.testGate = new Promise(() => {});
  const events: string[] = [];
  shared.testEvents = events;
  const server = await start({ drainLimit: 30 });
  const point = server.points[0];
  assert.ok(point !== undefined);
  const peer = await RawPeer.open('udp', { address: point.address, port: point.port });
  peer.send(requestText({ via: peer.via, method: 'OPTIONS', uri: 'sip:a@localhost' }));
  while (!events.includes('called')) await new Promise((resolve) => setImmediate(resolve));
  await server.stop();
  assert.equal(events.at(-1), 'stopping');
  peer.close();
});

test('the defaults of the settings are those of the SIP floor', () => {
  const core = paramValues(coreSettings);
  assert.deepEqual(transportLimits(core), defaultTransportLimits);
  assert.deepEqual(overloadLimits(core), defaultOverloadLimits);
  assert.deepEqual({ t1: core.sipT1, t2: core.sipT2 }, defaultTimers);
});
