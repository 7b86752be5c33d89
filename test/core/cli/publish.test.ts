// Tests `rollcall publish` against a toy server, over UDP and TCP.
import assert from 'node:assert/strict';
import test from 'node:test';
import * as sip from 'sip';
import { readPidf } from '../../../core/cli/pidf';
import { publish } from '../../../core/cli/publish';
import { FakeServer } from '../../support/fake-server';
import { freePort } from '../../support/ports';
import { ScriptedTerminal } from '../../support/terminal';

function accept(request: sip.Request, etag: string, expires = request.headers.expires): sip.Response {
  return sip.makeResponse(request, 200, 'OK', { headers: { expires, 'sip-etag': etag } });
}

for (const transport of ['udp', 'tcp'] as const) {
  test(`publish over ${transport} puts a document up, and Ctrl-C removes it under its entity-tag`, async () => {
    const server = await FakeServer.start(transport, (request) => accept(request, 'tag1'));
    const terminal = new ScriptedTerminal();
    const args = [
      'sip:alice@localhost',
      '--note',
      'at "work" & <here>',
      '--activity',
      'away',
      '--transport',
      transport,
    ];
    const running = publish([...args, '--server', `127.0.0.1:${server.port}`], terminal);
    await terminal.until((line) => line.startsWith('Refreshing'));
    terminal.interrupt();
    assert.equal(await running, 0);
    await server.close();

    const [first, last] = server.requests;
    assert.equal(first?.uri, 'sip:alice@localhost');
    assert.equal(first?.headers.event, 'presence');
    assert.equal(first?.headers.expires, '3600');
    assert.equal(first?.headers['content-type'], 'application/pidf+xml');
    assert.equal(first?.headers['sip-if-match'], undefined);
    assert.equal(readPidf(first?.content ?? ''), 'open  "at "work" & <here>"  away');
    assert.equal(last?.headers.expires, '0');
    assert.equal(last?.headers['sip-if-match'], 'tag1');
    assert.equal(last?.content, '');
    assert.deepEqual(terminal.lines, [
      '200 OK: kept for 3600 s under the entity-tag tag1',
      'Refreshing it until Ctrl-C.',
      'Removed.',
    ]);
  });
}

test('publish --once leaves the publication behind', async () => {
  const server = await FakeServer.start('udp', (request) => accept(request, 'tag1', '60'));
  const terminal = new ScriptedTerminal();
  const code = await publish(['alice@localhost', '--once', '--server', `127.0.0.1:${server.port}`], terminal);
  await server.close();
  assert.equal(code, 0);
  assert.equal(server.requests.length, 1);
  assert.deepEqual(terminal.lines, ['200 OK: kept for 60 s under the entity-tag tag1']);
});

test('publish refreshes without a body before the time granted is over, and publishes afresh after a 412', async () => {
  let refreshes = 0;
  const server = await FakeServer.start('udp', (request) => {
    if (request.headers['sip-if-match'] === undefined) return accept(request, `initial${refreshes}`, '1');
    refreshes += 1;
    return refreshes === 2 ? sip.makeResponse(request, 412, 'Gone') : accept(request, `tag${refreshes}`, '1');
  });
  const terminal = new ScriptedTerminal();
  const running = publish(['sip:alice@localhost', '--server', `127.0.0.1:${server.port}`], terminal);
  await server.until(() => server.requests.length === 4);
  terminal.interrupt();
  await running;
  await server.close();
  const matches = server.requests.map((request) => request.headers['sip-if-match']);
  assert.deepEqual(matches.slice(0, 4), [undefined, 'initial0', 'tag1', undefined]);
  assert.equal(server.requests[1]?.content, '');
  assert.notEqual(server.requests[3]?.content, '');
});

test('publish over a connection that drops goes on over a new one', async () => {
  const server = await FakeServer.start('tcp', (request) => {
    if (server.requests.length === 1) setImmediate(() => server.dropConnections());
    return accept(request, `tag${server.requests.length}`, '1');
  });
  const terminal = new ScriptedTerminal();
  const args = ['sip:alice@localhost', '--transport', 'tcp', '--server', `127.0.0.1:${server.port}`];
  const running = publish(args, terminal);
  await server.until(() => server.requests.length === 2);
  terminal.interrupt();
  assert.equal(await running, 0);
  await server.close();
  assert.equal(server.requests[1]?.headers['sip-if-match'], 'tag1');
  const ports = server.requests.map(({ headers }) => headers.via[0]?.port);
  assert.notEqual(ports[1], ports[0]);
});

test('a publication that ended meanwhile need not be removed', async () => {
  const server = await FakeServer.start('udp', (request) =>
    request.headers.expires === '0' ? sip.makeResponse(request, 412, 'Gone') : accept(request, 'tag1'),
  );
  const terminal = new ScriptedTerminal();
  const running = publish(['sip:alice@localhost', '--server', `127.0.0.1:${server.port}`], terminal);
  await terminal.until((line) => line.startsWith('Refreshing'));
  terminal.interrupt();
  assert.equal(await running, 0);
  await server.close();
  assert.equal(terminal.lines.at(-1), 'It had ended already.');
});

test('publish asks for the Min-Expires that a 423 names', async () => {
  const server = await FakeServer.start('udp', (request) =>
    Number(request.headers.expires) < 60
      ? sip.makeResponse(request, 423, 'Interval Too Brief', { headers: { 'min-expires': '60' } })
      : accept(request, 'tag1'),
  );
  const terminal = new ScriptedTerminal();
  const args = ['sip:alice@localhost', '--once', '--expires', '5', '--server', `127.0.0.1:${server.port}`];
  assert.equal(await publish(args, terminal), 0);
  await server.close();
  assert.deepEqual(terminal.lines, ['200 OK: kept for 60 s under the entity-tag tag1']);
});

test('an error answer is printed and gives exit code 1', async () => {
  const server = await FakeServer.start('udp', (request) => sip.makeResponse(request, 489, 'Bad Event'));
  const terminal = new ScriptedTerminal();
  const code = await publish(['sip:alice@localhost', '--server', `127.0.0.1:${server.port}`], terminal);
  await server.close();
  assert.equal(code, 1);
  assert.deepEqual(terminal.lines, ['489 Bad Event']);
});

for (const transport of ['udp', 'tcp'] as const) {
  test(`where nothing listens, publish over ${transport} says so at once`, async () => {
    const port = await freePort();
    const args = ['sip:alice@localhost', '--transport', transport, '--server', `127.0.0.1:${port}`];
    await assert.rejects(publish(args, new ScriptedTerminal()), (error: Error & { hint?: string }) => {
      assert.match(error.message, new RegExp(`^nothing answers on ${transport}:127\\.0\\.0\\.1:${port} `));
      assert.match(error.hint ?? '', /npm start/);
      return true;
    });
  });
}

test('what a command line gets wrong is named', async () => {
  const wrong: [string[], RegExp][] = [
    [[], /no URI given/],
    [['sip:a@b', 'sip:c@d'], /one URI, please/],
    [['sip:@'], /not a SIP address/],
    [['sip:a@b', '--status', 'away'], /open or closed, not 'away'/],
    [['sip:a@b', '--transport', 'sctp'], /udp or tcp, not 'sctp'/],
    [['sip:a@b', '--expires', '-1x'], /seconds|ambiguous/],
    [['sip:a@b', '--server', 'host:99999'], /HOST:PORT/],
    [['sip:a@b', '--colour'], /--colour/],
  ];
  for (const [args, message] of wrong) await assert.rejects(publish(args, new ScriptedTerminal()), { message });
});
