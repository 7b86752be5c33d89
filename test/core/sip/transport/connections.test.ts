// Owns what SIP over TCP promises about connections: their limits, their ends, who finds and opens them.
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, it } from 'node:test';
import { connected, harness, message, streamServer, until } from './harness';

describe('tcp transport, the connections', () => {
  it('closes a connection whose message is not complete in time', async (t) => {
    const { h, peer } = await connected(t, { messageTimeout: 10_000 });
    peer.send(message(peer.via));
    await h.arrival(0);
    const text = message(peer.via, { body: 'body' });
    peer.send(text.slice(0, 50));
    await until(() => h.wheel.size === 2, 'the timer of the message');
    h.clock.advance(9000);
    peer.send(text.slice(50, 60));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    h.clock.advance(990);
    assert.equal(h.transports.stats.connections, 1);
    h.clock.advance(20);
    await peer.closed;
    assert.equal(h.transports.stats.dropped, 1);
  });

  it('gives every message its own time', async (t) => {
    const { h, peer } = await connected(t, { messageTimeout: 10_000 });
    for (let i = 0; i < 4; i++) {
      const text = message(peer.via, { body: 'body' });
      peer.send(text.slice(0, 50));
      await until(() => h.wheel.size === 2, 'the timer of the message');
      h.clock.advance(6000);
      // the end of this one and the start of the next in one segment
      peer.send(text.slice(50));
      await h.arrival(i);
    }
    assert.equal(h.transports.stats.connections, 1);
  });

  it('closes an accepted connection that never says anything, keep-alives or not', async (t) => {
    const { h, peer } = await connected(t, { messageTimeout: 10_000 });
    h.clock.advance(5000);
    peer.send('\r\n\r\n');
    await until(() => peer.chunks.length === 1, 'the pong');
    h.clock.advance(5010);
    await peer.closed;
  });

  it('closes a connection that is idle for too long, and not one that is used', async (t) => {
    const { h, point, peer } = await connected(t, { idleTimeout: 60_000, messageTimeout: 1_000_000 });
    const quiet = await h.peer(point);
    await until(() => h.transports.stats.connections === 2, 'both connections');
    peer.send(message(peer.via));
    quiet.send(message(quiet.via));
    await h.arrival(1);
    h.clock.advance(50_000, 1000);
    peer.send(message(peer.via));
    const { flow } = await h.arrival(2);
    h.clock.advance(20_000, 1000);
    await quiet.closed;
    assert.equal(flow.open, true);
    flow.send(Buffer.from('\r\n'));
    h.clock.advance(50_000, 1000);
    assert.equal(flow.open, true, 'sending counts as use');
    h.clock.advance(20_000, 1000);
    await peer.closed;
  });

  it('refuses connections over the limit for one address and over the limit in all', async (t) => {
    for (const limits of [{ maxConnectionsPerAddress: 2 }, { maxConnections: 2 }]) {
      const { h, point, peer } = await connected(t, limits);
      await h.peer(point);
      const third = await h.peer(point);
      await third.closed;
      assert.equal(h.transports.stats.connections, 2);
      assert.equal(h.transports.stats.refused, 1);
      peer.close();
      await until(() => h.wheel.size === 3, 'the end of its side');
      h.clock.advance(2500);
      await until(() => h.transports.stats.connections === 1, 'room');
      await h.peer(point);
      await until(() => h.transports.stats.connections === 2, 'a connection in its place');
    }
  });

  it('drops a peer that does not read once too much waits for it, and says so', async (t) => {
    const h = harness(t, { maxQueuedBytes: 300_000 });
    const point = await h.listen('tcp');
    const socket = net.connect(point.port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(message('SIP/2.0/TCP 127.0.0.1:1'));
    const { flow } = await h.arrival(0);
    const errors: string[] = [];
    for (let i = 0; i < 2000 && flow.open; i++) flow.send(Buffer.alloc(50_000), (error) => errors.push(error.message));
    assert.equal(flow.open, false);
    await until(() => errors.includes('the peer does not read'), 'the error');
    assert.equal(h.transports.stats.connections, 0);
  });

  it('sends what is under way to a peer that has closed its side only, then closes', async (t) => {
    const h = harness(t);
    const point = await h.listen('tcp');
    const socket = net.connect({ port: point.port, host: '127.0.0.1', allowHalfOpen: true });
    t.after(() => socket.destroy());
    let text = '';
    let ended = false;
    socket.on('data', (bytes) => {
      text += bytes;
    });
    socket.on('end', () => {
      ended = true;
    });
    socket.end(message('SIP/2.0/TCP 127.0.0.1:1'));
    const { flow } = await h.arrival(0);
    await until(() => !flow.open, 'the end of its side');
    assert.equal(h.transports.findFlow(flow.key), undefined, 'nothing new is sent there');
    flow.send(Buffer.from('late reply'));
    await until(() => text === 'late reply', 'the reply');
    h.clock.advance(3000);
    await until(() => ended, 'the end');
    assert.equal(h.transports.stats.connections, 0);
  });

  it('survives resets, at any moment', async (t) => {
    const { h, point, peer } = await connected(t, { messageTimeout: 1e9, idleTimeout: 1e9 });
    for (let i = 0; i < 20; i++) {
      const socket = net.connect(point.port, '127.0.0.1');
      socket.on('error', () => undefined);
      await new Promise<void>((resolve) => socket.on('connect', resolve));
      if (i % 2 === 0) socket.write(message('SIP/2.0/TCP 127.0.0.1:1'));
      if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      socket.resetAndDestroy();
    }
    await until(() => {
      // some kernels show a reset as the end of the peer's side
      h.clock.advance(1000);
      return h.transports.stats.connections === 1;
    }, 'all resets');
    for (const { flow } of h.arrivals) flow.send(Buffer.alloc(1000));
    peer.send(message(peer.via));
    await until(() => h.arrivals.some(({ flow }) => flow.remote.port === peer.local.port), 'the message');
  });

  it('switches Nagle off, so that two messages leave in two segments', async (t) => {
    const noDelay = t.mock.method(net.Socket.prototype, 'setNoDelay');
    const { h } = await connected(t);
    const server = await streamServer(t);
    await h.transports.flowTo('tcp', { address: '127.0.0.1', port: server.port });
    const ours = noDelay.mock.calls.filter((call) => call.arguments[0] === true);
    // the peer's own, the accepted connection, the opened one
    assert.equal(ours.length, 3);
  });

  it('finds an open connection by key and by its remote end, and forgets it when it closes', async (t) => {
    const { h, peer } = await connected(t);
    peer.send(message(peer.via));
    const { flow } = await h.arrival(0);
    assert.equal(h.transports.findFlow(flow.key), flow);
    assert.equal(await h.transports.flowTo('tcp', peer.local), flow);
    let closed: unknown;
    h.transports.onFlowClosed((gone) => {
      closed = gone;
    });
    peer.close();
    await until(() => closed !== undefined, 'the close');
    assert.equal(closed, flow);
    assert.equal(flow.open, false);
    assert.equal(h.transports.findFlow(flow.key), undefined);
    h.clock.advance(2500);
    let error: Error | undefined;
    flow.send(Buffer.from('x'), (e) => {
      error = e;
    });
    await until(() => error !== undefined, 'the error');
  });

  it('opens a connection where none is, once for all who ask at the same time', async (t) => {
    const h = harness(t);
    const server = await streamServer(t);
    const remote = { address: '127.0.0.1', port: server.port };
    const [first, second] = await Promise.all([h.transports.flowTo('tcp', remote), h.transports.flowTo('tcp', remote)]);
    assert.equal(first, second);
    assert.equal(await h.transports.flowTo('tcp', remote), first);
    first?.send(Buffer.from('hello'));
    await until(() => server.chunks.join('') === 'hello', 'the bytes');
    assert.equal(server.sockets.length, 1);
    server.sockets[0]?.write(message('SIP/2.0/TCP 127.0.0.1:1'));
    assert.equal((await h.arrival(0)).flow, first);
  });

  it('rejects when nobody listens there, when nobody answers in time, and over the limit', async (t) => {
    const h = harness(t, { maxConnectionsPerAddress: 1 });
    const server = await streamServer(t);
    const point = await h.listen('tcp');
    await point.close();
    const closed = { address: '127.0.0.1', port: point.port };
    await assert.rejects(async () => h.transports.flowTo('tcp', closed), /ECONNREFUSED/);
    await h.transports.flowTo('tcp', { address: '127.0.0.1', port: server.port });
    await assert.rejects(async () => h.transports.flowTo('tcp', closed), /too many connections/);
    const silent = Promise.resolve(h.transports.flowTo('tcp', { address: '127.0.0.2', port: 1 })).catch((e) => e);
    h.clock.advance(6000);
    assert.ok((await silent) instanceof Error);
  });

  it('gives up a connection that is being opened when the layer closes, and opens none afterwards', async (t) => {
    const h = harness(t);
    const server = await streamServer(t);
    const remote = { address: '127.0.0.1', port: server.port };
    const opening = Promise.resolve(h.transports.flowTo('tcp', remote)).catch((error) => error);
    assert.equal(h.transports.stats.connections, 1, 'it counts from the beginning');
    await h.transports.close();
    assert.match((await opening).message, /closed at once/);
    await assert.rejects(async () => h.transports.flowTo('tcp', remote), /too many connections/);
    assert.equal(h.wheel.size, 0);
    assert.equal(h.transports.stats.connections, 0);
  });

  it('closes listening sockets and connections when the layer closes', async (t) => {
    const { h, point, peer } = await connected(t);
    await h.transports.close();
    await peer.closed;
    assert.deepEqual(h.transports.points, []);
    await assert.rejects(() => h.peer(point), /ECONNREFUSED/);
    assert.equal(h.wheel.size, 0);
  });
});
