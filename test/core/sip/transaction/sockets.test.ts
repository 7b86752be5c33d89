// Owns what a peer on a real socket sees of both layers together, over UDP and TCP.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { silentLogger } from '../../../../core/base/logger';
import { systemRandom } from '../../../../core/base/random';
import { buildReply } from '../../../../core/sip/reply';
import { type ClientOutcome, type ServerTransaction, TransactionLayer } from '../../../../core/sip/transaction/layer';
import type { Flow } from '../../../../core/sip/transport/flow';
import type { UdpWays } from '../../../../core/sip/transport/udp-batch';
import { requestText } from '../../../support/wire';
import { harness, udpSocketKinds, until } from '../transport/harness';

async function setUp(t: TestContext, protocol: 'udp' | 'tcp', ways?: UdpWays) {
  const h = harness(t, {}, ways);
  const layer = new TransactionLayer({
    transports: h.transports,
    wheel: h.wheel,
    random: systemRandom(),
    log: silentLogger,
  });
  const handled: ServerTransaction[] = [];
  layer.onRequest((transaction) => {
    handled.push(transaction);
    const { request } = transaction;
    if (request.method === 'SUBSCRIBE') return;
    transaction.respond(buildReply(request, 200, 'OK', { toTag: `tag${handled.length}` }), 200, true);
  });
  const point = await h.listen(protocol);
  const peer = await h.peer(point);
  return { ...h, layer, handled, point, peer };
}

function notify(layer: TransactionLayer, flow: Flow, callId: string): Promise<ClientOutcome> {
  return new Promise((onFinal) => {
    layer.request({
      flow,
      method: 'NOTIFY',
      render: (via) =>
        Buffer.from(
          requestText({ method: 'NOTIFY', uri: 'sip:peer@127.0.0.1', via: 'x', callId }).replace(
            /Via: .*/,
            `Via: ${via}`,
          ),
        ),
      onFinal,
    });
  });
}

const transports = [
  ...udpSocketKinds.map((sockets) => ({ protocol: 'udp' as const, ...sockets })),
  { protocol: 'tcp' as const, kind: 'a connection', ways: undefined, skip: false },
];

for (const { protocol, kind, ways, skip } of transports) {
  describe(`transactions over ${protocol}, ${kind}`, { skip }, () => {
    it('answer a request with received and rport in its Via', async (t) => {
      const { peer } = await setUp(t, protocol, ways);
      const reply = await peer.ask({ method: 'OPTIONS', uri: 'sip:localhost' });
      assert.equal(reply.status, 200);
      assert.match(reply.header('Via') ?? '', new RegExp(`;received=127\\.0\\.0\\.1;rport=${peer.local.port}`));
      assert.equal(reply.tag('To'), 'tag1');
    });

    it('send a request down the flow of an earlier one and take its response', async (t) => {
      const { peer, layer, handled, point } = await setUp(t, protocol, ways);
      peer.send(requestText({ method: 'SUBSCRIBE', uri: 'sip:a@localhost', via: peer.via }));
      await until(() => handled.length === 1, 'the SUBSCRIBE');
      const flow = handled[0]?.flow;
      assert.ok(flow);
      peer.answer = () => '481 Subscription Does Not Exist';
      const outcome = await notify(layer, flow, 'n1');
      assert.equal(outcome.response?.status, 481);
      assert.equal(outcome.response?.reason, 'Subscription Does Not Exist');
      const sent = await peer.notify('n1');
      assert.match(
        sent.header('Via') ?? '',
        new RegExp(`^SIP/2\\.0/${protocol.toUpperCase()} 127\\.0\\.0\\.1:${point.port};`),
      );
    });

    it('answer many requests at once, each with its own reply', async (t) => {
      const { peer } = await setUp(t, protocol, ways);
      const replies = await Promise.all(
        Array.from({ length: 200 }, (_, i) => peer.ask({ method: 'OPTIONS', uri: 'sip:localhost', cseq: i + 1 })),
      );
      assert.equal(new Set(replies.map((reply) => reply.tag('To'))).size, 200);
    });
  });
}

for (const { kind, ways, skip } of udpSocketKinds) {
  describe(`transactions over datagrams, ${kind}`, { skip }, () => {
    it('answer the same datagram with the same bytes', async (t) => {
      const { peer, handled, layer } = await setUp(t, 'udp', ways);
      const text = requestText({ method: 'PUBLISH', uri: 'sip:a@localhost', via: peer.via });
      for (let i = 0; i < 3; i++) peer.send(text);
      await until(() => peer.chunks.length === 3, 'three replies');
      assert.equal(new Set(peer.chunks).size, 1);
      assert.equal(handled.length, 1);
      assert.equal(layer.stats.retransmissions, 2);
    });

    it('retransmit a NOTIFY that is not answered until it is', async (t) => {
      const { peer, layer, transports, clock } = await setUp(t, 'udp', ways);
      let seen = 0;
      peer.answer = () => (++seen < 3 ? undefined : '200 OK');
      const flow = await transports.flowTo('udp', peer.local);
      const outcome = notify(layer, flow, 'n2');
      await until(() => seen === 1, 'the first');
      clock.advance(510);
      await until(() => seen === 2, 'the second');
      clock.advance(1010);
      assert.equal((await outcome).response?.status, 200);
    });

    it('fail a NOTIFY that no datagram can hold at once', async (t) => {
      const { layer, transports, peer } = await setUp(t, 'udp', ways);
      const flow = await transports.flowTo('udp', peer.local);
      const outcome = await new Promise<ClientOutcome>((onFinal) => {
        layer.request({ flow, method: 'NOTIFY', render: () => Buffer.alloc(70_000, 65), onFinal });
      });
      assert.deepEqual(outcome, { failure: 'transport' });
    });
  });
}

describe('transactions over connections', () => {
  it('answer what the framing refuses, with a To tag', async (t) => {
    const { peer } = await setUp(t, 'tcp');
    peer.send(requestText({ method: 'PUBLISH', uri: 'sip:a@localhost', via: peer.via, without: ['Content-Length'] }));
    const reply = await peer.next();
    assert.equal(reply.startLine, 'SIP/2.0 400 Missing Content-Length');
    assert.ok(reply.tag('To'));
    await peer.closed;
  });

  it('fail a NOTIFY at once when the connection goes', async (t) => {
    const { peer, layer, handled } = await setUp(t, 'tcp');
    peer.send(requestText({ method: 'SUBSCRIBE', uri: 'sip:a@localhost', via: peer.via }));
    await until(() => handled.length === 1, 'the SUBSCRIBE');
    const flow = handled[0]?.flow;
    assert.ok(flow);
    peer.answer = () => undefined;
    const outcome = notify(layer, flow, 'n3');
    await peer.notify('n3');
    peer.close();
    assert.deepEqual(await outcome, { failure: 'transport' });
  });
});
