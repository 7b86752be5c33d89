// Tests `rollcall watch` against a toy server, over UDP and TCP.
import assert from 'node:assert/strict';
import test from 'node:test';
import * as sip from 'sip';
import { writePidf } from '../../../core/cli/pidf';
import { watch } from '../../../core/cli/watch';
import { FakeServer, notifyFor } from '../../support/fake-server';
import { ScriptedTerminal } from '../../support/terminal';

const open = writePidf({
  entity: 'sip:alice@localhost',
  id: 't1',
  status: 'open',
  note: 'Grüße',
  timestamp: new Date(0),
});

function accept(request: sip.Request, tag: string, expires = request.headers.expires): sip.Response {
  const to = { ...request.headers.to, params: { tag } };
  return sip.makeResponse(request, 202, 'Accepted', {
    headers: { to, expires, contact: [{ uri: 'sip:presence@127.0.0.1', params: {} }] },
  });
}

/** Answers like a presence server: a NOTIFY after each SUBSCRIBE, a last one after Expires 0. */
function presenceServer(transport: 'udp' | 'tcp', body = open) {
  let cseq = 0;
  return FakeServer.start(transport, (request, send) => {
    cseq += 1;
    const state = request.headers.expires === '0' ? 'terminated;reason=timeout' : 'active;expires=3600';
    setImmediate(() => send(notifyFor(request, 'srv', cseq, state, body)));
    return accept(request, 'srv');
  });
}

for (const transport of ['udp', 'tcp'] as const) {
  test(`watch over ${transport} prints each NOTIFY as words, and Ctrl-C waits for the last one`, async () => {
    const server = await presenceServer(transport);
    const terminal = new ScriptedTerminal();
    const args = ['sip:alice@localhost', '--as', 'sip:bob@localhost', '--transport', transport];
    const running = watch([...args, '--server', `127.0.0.1:${server.port}`], terminal);
    await terminal.until((line) => line.includes('active'));
    terminal.interrupt();
    assert.equal(await running, 0);
    await server.until(() => server.responses.length === 2);
    await server.close();

    const [first, last] = server.requests;
    assert.equal(first?.headers.accept, 'application/pidf+xml');
    assert.equal(first?.headers.from.uri, 'sip:bob@localhost');
    assert.equal(last?.uri, 'sip:presence@127.0.0.1', 'the remote target is the Contact of the 2xx');
    assert.equal(last?.headers.to.params.tag, 'srv');
    assert.equal(last?.headers.cseq.seq, 2);
    assert.deepEqual(
      server.responses.map((response) => response.status),
      [200, 200],
    );
    assert.equal(terminal.lines[0], 'Watching sip:alice@localhost as sip:bob@localhost. Ctrl-C ends.');
    assert.match(terminal.lines[1] ?? '', /^\d\d:\d\d:\d\d {2}active {2}open {2}"Grüße"$/);
    assert.match(terminal.lines[2] ?? '', /terminated \(timeout\) {2}open/);
  });
}

test('watch --winfo subscribes as the presentity and lists the watchers', async () => {
  const body = `<?xml version="1.0"?><watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="0" state="full">
    <watcher-list resource="sip:alice@localhost" package="presence">
    <watcher id="w1" status="active" event="subscribe">sip:bob@localhost</watcher></watcher-list></watcherinfo>`;
  const server = await presenceServer('udp', body);
  const terminal = new ScriptedTerminal();
  const running = watch(['alice@localhost', '--winfo', '--server', `127.0.0.1:${server.port}`], terminal);
  await terminal.until((line) => line.includes('sip:bob'));
  terminal.interrupt();
  assert.equal(await running, 0);
  await server.close();
  assert.equal(server.requests[0]?.headers.event, 'presence.winfo');
  assert.equal(server.requests[0]?.headers.from.uri, 'sip:alice@localhost');
  assert.match(terminal.lines[1] ?? '', /active {2}full list, version 0$/);
  assert.equal(terminal.lines[2], '          sip:bob@localhost  active (subscribe)');
});

test('a NOTIFY whose CSeq does not rise is refused with 500, one of another dialog with 481', async () => {
  const server = await FakeServer.start('udp', (request, send) => {
    if (request.headers.expires === '0') {
      setImmediate(() => send(notifyFor(request, 'srv', 7, 'terminated;reason=timeout')));
      return accept(request, 'srv');
    }
    setImmediate(() => {
      send(notifyFor(request, 'srv', 5, 'active', open));
      send(notifyFor(request, 'srv', 4, 'active', open));
      send(notifyFor(request, 'other', 6, 'active', open));
    });
    return accept(request, 'srv');
  });
  const terminal = new ScriptedTerminal();
  const running = watch(['alice@localhost', '--server', `127.0.0.1:${server.port}`], terminal);
  await server.until(() => server.responses.length === 3);
  const statuses = server.responses.map((response) => response.status);
  terminal.interrupt();
  assert.equal(await running, 0);
  await server.close();
  assert.deepEqual(statuses, [200, 500, 481]);
  assert.equal(terminal.lines.filter((line) => line.includes('active')).length, 1);
});

test('a subscription that the server deactivates or has forgotten is made anew in a new dialog', async () => {
  let seen = 0;
  const server = await FakeServer.start('udp', (request, send) => {
    seen += 1;
    if (seen === 1) setImmediate(() => send(notifyFor(request, 'tag1', 1, 'terminated;reason=deactivated')));
    if (request.headers.expires === '0') setImmediate(() => send(notifyFor(request, 'tag4', 1, 'terminated')));
    if (seen === 3) return sip.makeResponse(request, 481, 'Subscription Does Not Exist');
    return accept(request, `tag${Math.min(seen, 4)}`, seen === 2 ? '1' : '60');
  });
  const terminal = new ScriptedTerminal();
  const running = watch(['alice@localhost', '--server', `127.0.0.1:${server.port}`], terminal);
  await server.until(() => server.requests.length === 4);
  const dialogs = server.requests.map((request) => request.headers['call-id']);
  assert.notEqual(dialogs[1], dialogs[0]);
  assert.equal(dialogs[2], dialogs[1], 'the refresh stays in its dialog');
  assert.notEqual(dialogs[3], dialogs[2]);
  terminal.interrupt();
  await running;
  await server.close();
});

test('watch over a connection that drops subscribes anew over another one', async () => {
  const server = await FakeServer.start('tcp', (request, send) => {
    const state = request.headers.expires === '0' ? 'terminated' : 'active';
    const cseq = server.requests.length;
    setImmediate(() => (cseq === 1 ? server.dropConnections() : send(notifyFor(request, 'srv', cseq, state, open))));
    return accept(request, 'srv');
  });
  const terminal = new ScriptedTerminal();
  const running = watch(['a@localhost', '--transport', 'tcp', '--server', `127.0.0.1:${server.port}`], terminal);
  await terminal.until((line) => line.includes('active'));
  terminal.interrupt();
  assert.equal(await running, 0);
  await server.close();
  const [first, second] = server.requests;
  assert.notEqual(second?.headers['call-id'], first?.headers['call-id']);
  assert.notEqual(second?.headers.via[0]?.port, first?.headers.via[0]?.port);
});

test('a rejected subscription and an error answer end the watch with exit code 1', async () => {
  const rejecting = await FakeServer.start('udp', (request, send) => {
    setImmediate(() => send(notifyFor(request, 'srv', 1, 'terminated;reason=rejected')));
    return accept(request, 'srv');
  });
  assert.equal(await watch(['a@localhost', '--server', `127.0.0.1:${rejecting.port}`], new ScriptedTerminal()), 1);
  await rejecting.close();
  const refusing = await FakeServer.start('udp', (request) => sip.makeResponse(request, 403, 'Forbidden'));
  const terminal = new ScriptedTerminal();
  assert.equal(await watch(['a@localhost', '--server', `127.0.0.1:${refusing.port}`], terminal), 1);
  await refusing.close();
  assert.equal(terminal.lines.at(-1), '! 403 Forbidden');
});

test('--expires 0 asks once and ends with the NOTIFY', async () => {
  const server = await presenceServer('udp');
  const terminal = new ScriptedTerminal();
  const args = ['a@localhost', '--expires', '0', '--server', `127.0.0.1:${server.port}`];
  assert.equal(await watch(args, terminal), 0);
  await server.close();
  assert.equal(server.requests.length, 1);
  assert.match(terminal.lines.at(-1) ?? '', /terminated \(timeout\) {2}open/);
});
