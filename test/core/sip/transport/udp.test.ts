// Owns what SIP over UDP promises, on real loopback sockets.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { describe, it, type TestContext } from 'node:test';
import { RollcallError } from '../../../../core/base/errors';
import type { TransportLimits } from '../../../../core/sip/transport/limits';
import { requestText } from '../../../support/wire';
import { harness as layer, udpSocketKinds, until } from './harness';

const options = (via: string, branch?: string) =>
  requestText({ method: 'OPTIONS', uri: 'sip:localhost', via, ...(branch ? { branch } : {}) });

for (const { kind, ways, skip } of udpSocketKinds) {
  describe(`udp transport, ${kind}`, { skip }, () => {
    const harness = (t: TestContext, limits: Partial<TransportLimits> = {}) => layer(t, limits, ways);

    for (const address of ['127.0.0.1', '::1']) {
      it(`receives over ${address} and sends back through the same socket`, async (t) => {
        const h = harness(t);
        const point = await h.listen('udp', address);
        const peer = await h.peer(point);
        peer.send(options(peer.via));
        const { received, flow } = await h.arrival(0);
        assert.equal(received.kind, 'request');
        assert.deepEqual(flow.local, { address, port: point.port });
        assert.equal(flow.remote.address, address);
        assert.equal(flow.remote.port, peer.local.port);
        const host = address.includes(':') ? '[::1]' : address;
        assert.equal(flow.key, `udp:${host}:${point.port}>${host}:${peer.local.port}`);
        flow.send(Buffer.from('SIP/2.0 200 OK\r\n\r\n'));
        assert.equal((await peer.next()).status, 200);
      });
    }

    it('notes the source address and port of a request, and of a bad one that can be answered', async (t) => {
      const h = harness(t);
      const peer = await h.peer(await h.listen('udp'));
      peer.send(options(peer.via));
      peer.send(options(peer.via).replace('Content-Length: 0', 'Content-Length: 9999'));
      const good = (await h.arrival(0)).received;
      const bad = (await h.arrival(1)).received;
      assert.ok(good.kind === 'request' && bad.kind === 'bad');
      for (const source of [good.message.source, bad.replyTo?.source]) {
        assert.equal(source?.address, '127.0.0.1');
        assert.equal(source?.port, peer.local.port);
      }
    });

    it('ignores datagrams of CRLF only, of a single NUL and without a byte', async (t) => {
      const h = harness(t);
      const peer = await h.peer(await h.listen('udp'));
      for (const noise of ['\r\n', '\r\n\r\n', '\0', '']) peer.send(noise);
      peer.send(options(peer.via));
      await h.arrival(0);
      assert.equal(h.arrivals.length, 1);
      assert.equal(h.transports.stats.noise, 4);
      assert.deepEqual(peer.received, []);
    });

    it('goes on when the handler throws', async (t) => {
      const h = harness(t);
      const peer = await h.peer(await h.listen('udp'));
      let calls = 0;
      h.transports.onMessage(() => {
        calls++;
        throw new Error('boom');
      });
      peer.send(options(peer.via));
      peer.send(options(peer.via));
      await until(() => calls === 2, 'two calls');
    });

    it('asks the kernel for a receive buffer of 4 MiB and serves without it', async (t) => {
      const h = harness(t, { udpBufferBytes: 2 ** 31 });
      const peer = await h.peer(await h.listen('udp'));
      peer.send(options(peer.via));
      assert.equal((await h.arrival(0)).received.kind, 'request');
    });

    it('survives a datagram that is too large, a peer that is not there, a port of 0 and a name for an address', async (t) => {
      const h = harness(t);
      const point = await h.listen('udp');
      const gone = dgram.createSocket('udp4');
      await new Promise<void>((resolve) => gone.bind(0, '127.0.0.1', resolve));
      const { port } = gone.address();
      gone.close();
      const nobody = await h.transports.flowTo('udp', { address: '127.0.0.1', port });
      for (let i = 0; i < 5; i++) nobody.send(Buffer.from('OPTIONS'), () => undefined);
      const outcome = (address: string, to: number, size: number) =>
        new Promise<Error>((resolve) => {
          Promise.resolve(h.transports.flowTo('udp', { address, port: to })).then((flow) => {
            flow.send(Buffer.alloc(size));
            flow.send(Buffer.alloc(size), resolve);
          });
        });
      assert.match((await outcome('127.0.0.1', port, 70_000)).message, /EMSGSIZE/);
      assert.ok((await outcome('127.0.0.1', 0, 10)) instanceof Error);
      assert.ok((await outcome('localhost', port, 10)) instanceof Error, 'no name is ever looked up');
      const peer = await h.peer(point);
      peer.send(options(peer.via));
      await h.arrival(0);
    });

    it('reports to onError later, never inside send, and once', async (t) => {
      const h = harness(t);
      const point = await h.listen('udp');
      const flow = await h.transports.flowTo('udp', { address: '127.0.0.1', port: 9 });
      await point.close();
      let calls = 0;
      flow.send(Buffer.from('x'), () => calls++);
      assert.equal(calls, 0);
      await until(() => calls > 0, 'onError');
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(calls, 1);
      assert.equal(flow.open, false);
    });

    it('sends from the socket that `from` names, else from one that can reach the peer', async (t) => {
      const h = harness(t);
      const first = await h.listen('udp', '127.0.0.1');
      const second = await h.listen('udp', '127.0.0.1');
      const six = await h.listen('udp', '::1');
      const to = { address: '127.0.0.1', port: 9 };
      assert.equal((await h.transports.flowTo('udp', to)).local.port, first.port);
      const from = { local: { address: '127.0.0.1', port: second.port } };
      assert.equal((await h.transports.flowTo('udp', to, from)).local.port, second.port);
      assert.equal((await h.transports.flowTo('udp', { address: '::1', port: 9 })).local.port, six.port);
    });

    it('rejects for a family without a socket', async (t) => {
      const h = harness(t);
      await h.listen('udp', '127.0.0.1');
      await assert.rejects(async () => h.transports.flowTo('udp', { address: '::1', port: 9 }), /no udp socket/);
      assert.equal(h.transports.supports('udp', 4), true);
      assert.equal(h.transports.supports('udp', 6), false);
    });

    it('finds the flow of a stored key as long as a socket listens on its local address', async (t) => {
      const h = harness(t);
      const point = await h.listen('udp');
      const peer = await h.peer(point);
      const key = `udp:127.0.0.1:${point.port}>127.0.0.1:${peer.local.port}`;
      const flow = h.transports.findFlow(key);
      assert.equal(flow?.key, key);
      flow?.send(Buffer.from('SIP/2.0 200 OK\r\n\r\n'));
      await peer.next();
      assert.equal(h.transports.findFlow(`udp:127.0.0.1:1>127.0.0.1:${peer.local.port}`), undefined);
      assert.equal(h.transports.findFlow('udp:nonsense'), undefined);
      await point.close();
      assert.equal(h.transports.findFlow(key), undefined);
    });

    it('serves all addresses of a family on its wildcard and names the one the peer sees', async (t) => {
      const h = harness(t);
      const point = await h.listen('udp', '0.0.0.0');
      const same = await h.transports.listen({ protocol: 'udp', address: '[::]', port: point.port });
      assert.equal(same.port, point.port, 'both families share a port');
      const peer = await h.peer({ ...point, address: '127.0.0.1' });
      peer.send(options(peer.via));
      const { flow } = await h.arrival(0);
      assert.deepEqual(flow.local, { address: '127.0.0.1', port: point.port });
      assert.equal(h.transports.findFlow(flow.key)?.key, flow.key);
      const six = await h.peer({ ...same, address: '::1' });
      six.send(options(six.via));
      assert.equal((await h.arrival(1)).flow.local.address, '::1');
    });

    it('says why it cannot listen', async (t) => {
      const h = harness(t);
      const { port } = await h.listen('udp');
      const fails = (spec: { protocol: 'udp' | 'tls'; address: string; port: number }, message: RegExp) =>
        assert.rejects(
          h.transports.listen(spec),
          (error) => error instanceof RollcallError && message.test(error.message),
        );
      await fails({ protocol: 'udp', address: '127.0.0.1', port }, /udp:127\.0\.0\.1:\d+: the address is in use/);
      await fails({ protocol: 'udp', address: '192.0.2.1', port: 0 }, /no such address/);
      await fails({ protocol: 'udp', address: 'localhost', port: 0 }, /not a numeric address/);
      await fails({ protocol: 'tls', address: '127.0.0.1', port: 0 }, /unknown protocol/);
      assert.equal(h.transports.points.length, 1);
    });
  });
}
