// Owns what SIP over TCP promises about messages: cut out of the stream whatever its segments, refused where they cannot be.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildReply } from '../../../../core/sip/reply';
import { connected, type Harness, message, until } from './harness';

const bodyOf = (h: Harness, index: number) => {
  const received = h.arrivals[index]?.received;
  return received?.kind === 'request' ? received.message.body.toString() : undefined;
};

describe('tcp transport, the messages', () => {
  for (const address of ['127.0.0.1', '::1']) {
    it(`receives over ${address} and answers on the connection the request came on`, async (t) => {
      const { h, point, peer } = await connected(t, {}, address);
      peer.send(message(peer.via));
      const { flow, received } = await h.arrival(0);
      assert.deepEqual(flow.local, { address, port: point.port });
      assert.deepEqual(flow.remote, peer.local);
      assert.ok(received.kind === 'request');
      assert.deepEqual(received.message.source, peer.local);
      flow.send(buildReply(received.message, 200, 'OK'));
      assert.equal((await peer.next()).status, 200);
    });
  }

  it('takes many messages out of one segment', async (t) => {
    const { h, peer } = await connected(t);
    peer.send(['one', 'two', 'three'].map((body) => message(peer.via, { body })).join(''));
    await h.arrival(2);
    assert.deepEqual([bodyOf(h, 0), bodyOf(h, 1), bodyOf(h, 2)], ['one', 'two', 'three']);
  });

  it('puts one message together from as many segments as it has bytes', async (t) => {
    const { h, peer } = await connected(t);
    const text = message(peer.via, { body: 'the body' }) + message(peer.via, { body: 'another' });
    for (const byte of text) {
      peer.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await h.arrival(1);
    assert.deepEqual([bodyOf(h, 0), bodyOf(h, 1)], ['the body', 'another']);
  });

  it('leaves the rest of a segment for the next message, wherever it is cut', async (t) => {
    const { h, peer } = await connected(t);
    const text = message(peer.via, { body: 'first' }) + message(peer.via, { body: 'second' });
    let count = 0;
    for (let cut = 1; cut < text.length; cut += 29) {
      peer.send(text.slice(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      peer.send(text.slice(cut));
      await h.arrival(count + 1);
      assert.deepEqual([bodyOf(h, count), bodyOf(h, count + 1)], ['first', 'second']);
      count += 2;
    }
  });

  it('answers a double CRLF with a single one, also when it comes in pieces, and a single CRLF with nothing', async (t) => {
    const { h, peer } = await connected(t);
    peer.send('\r\n');
    peer.send(message(peer.via));
    await h.arrival(0);
    peer.send('\r\n\r\n');
    await until(() => peer.chunks.length === 1, 'the first pong');
    for (const byte of '\r\n\r\n') {
      peer.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => peer.chunks.length === 2, 'the second pong');
    peer.send(message(peer.via));
    await h.arrival(1);
    assert.deepEqual(peer.chunks, ['\r\n', '\r\n']);
  });

  it('answers any number of pings in one segment with one pong', async (t) => {
    const { h, peer } = await connected(t);
    peer.send('\r\n'.repeat(10_000));
    peer.send(message(peer.via));
    await h.arrival(0);
    await until(() => peer.chunks.length > 0, 'a pong');
    assert.ok(peer.chunks.join('').length <= 20, 'one for each read');
  });

  it('answers a message without Content-Length 400 and closes', async (t) => {
    const { h, peer } = await connected(t);
    peer.send(message(peer.via, { without: ['Content-Length'] }) + message(peer.via));
    const reply = await peer.next();
    assert.equal(reply.startLine, 'SIP/2.0 400 Missing Content-Length');
    await peer.closed;
    assert.equal(h.arrivals.length, 1, 'what follows is not looked at');
    await until(() => h.transports.stats.connections === 0, 'the end of the connection');
  });

  it('answers a Content-Length that is no number 400 and closes', async (t) => {
    const { peer } = await connected(t);
    peer.send(message(peer.via).replace('Content-Length: 0', 'Content-Length: 1x'));
    assert.equal((await peer.next()).status, 400);
    await peer.closed;
  });

  it('answers a body over the limit 413 before it comes, and closes', async (t) => {
    const { peer } = await connected(t, { maxBodyBytes: 1000 });
    peer.send(message(peer.via).replace('Content-Length: 0', 'Content-Length: 1001'));
    assert.equal((await peer.next()).status, 413);
    await peer.closed;
  });

  it('answers a header block over the limit 513, or closes where nothing can be answered', async (t) => {
    const { h, point, peer } = await connected(t, { maxHeadBytes: 2000 });
    peer.send(message(peer.via, { headers: [`Subject: ${'x'.repeat(1500)}`] }));
    await h.arrival(0);
    peer.send(message(peer.via, { headers: [`Subject: ${'x'.repeat(3000)}`] }));
    assert.equal((await peer.next()).status, 513);
    await peer.closed;
    const garbage = await h.peer(point);
    garbage.send('x'.repeat(5000));
    await garbage.closed;
    assert.deepEqual(garbage.chunks, []);
  });

  it('lets the reply through although the peer goes on sending after the refusal', async (t) => {
    const { peer } = await connected(t, { maxBodyBytes: 1000 });
    peer.send(message(peer.via).replace('Content-Length: 0', 'Content-Length: 1000000'));
    for (let i = 0; i < 50; i++) peer.send(Buffer.alloc(10_000, 120));
    assert.equal((await peer.next()).status, 413);
  });
});
