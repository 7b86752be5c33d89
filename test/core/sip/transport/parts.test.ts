// Owns what the small parts of the transports promise: keys, own addresses, the queue of a stream.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LocalAddresses } from '../../../../core/sip/transport/addresses';
import { ByteQueue } from '../../../../core/sip/transport/bytes';
import { flowKey, hostPort, parseFlowKey, withoutZone } from '../../../../core/sip/transport/flow';
import { harness, streamServer } from './harness';

describe('flow keys', () => {
  it('name protocol and both ends, IPv6 in brackets, and can be read back', () => {
    const v4 = { address: '127.0.0.1', port: 5060 };
    const v6 = { address: 'fe80::1%eth0', port: 40_012 };
    assert.equal(flowKey('tcp', v4, v4), 'tcp:127.0.0.1:5060>127.0.0.1:5060');
    assert.equal(flowKey('udp', v6, v4), 'udp:[fe80::1%eth0]:40012>127.0.0.1:5060');
    assert.deepEqual(parseFlowKey(flowKey('udp', v6, v4)), { protocol: 'udp', local: v6, remote: v4 });
    for (const text of ['', 'udp', 'udp:1.1.1.1:1', 'udp:1.1.1.1:1>', 'udp:x>y', '>udp:', 'udp:1.1.1.1:0>1.1.1.1:1']) {
      assert.equal(parseFlowKey(text), undefined, text);
    }
  });

  it('keep a zone, which messages never carry', () => {
    assert.equal(withoutZone('fe80::1%eth0'), 'fe80::1');
    assert.equal(withoutZone('127.0.0.1'), '127.0.0.1');
    assert.equal(hostPort({ address: '::1', port: 5060 }), '[::1]:5060');
  });
});

describe('own addresses of a wildcard socket', () => {
  const info = (address: string, cidr: string, family: 'IPv4' | 'IPv6', internal = false) => ({
    address,
    cidr,
    family,
    internal,
    netmask: '',
    mac: '',
    scopeid: 0,
  });
  const interfaces = () =>
    ({
      lo: [info('127.0.0.1', '127.0.0.1/8', 'IPv4', true), info('::1', '::1/128', 'IPv6', true)],
      eth0: [info('10.1.0.5', '10.1.0.5/16', 'IPv4'), info('fe80::5', 'fe80::5/64', 'IPv6')],
      eth1: [info('192.0.2.5', '192.0.2.5/24', 'IPv4'), info('2001:db8::5', '2001:db8::5/64', 'IPv6')],
    }) as ReturnType<NonNullable<ConstructorParameters<typeof LocalAddresses>[1]>>;

  it('are that of the network of the peer, else the first that leads outward', () => {
    const v4 = new LocalAddresses('0.0.0.0', interfaces);
    assert.equal(v4.facing('127.0.0.1'), '127.0.0.1');
    assert.equal(v4.facing('192.0.2.77'), '192.0.2.5');
    assert.equal(v4.facing('8.8.8.8'), '10.1.0.5');
    const v6 = new LocalAddresses('::', interfaces);
    assert.equal(v6.facing('::1'), '::1');
    assert.equal(v6.facing('fe80::77%eth0'), 'fe80::5');
    assert.equal(v6.facing('2001:4860::8'), '2001:db8::5');
    assert.equal(new LocalAddresses('::', () => ({})).facing('2001:4860::8'), '::1');
  });
});

describe('the sent-by of requests', () => {
  it('is the address that the socket listens on, and answers to it are ours', async (t) => {
    const h = harness(t);
    const udp = await h.listen('udp');
    const flow = await h.transports.flowTo('udp', { address: '127.0.0.1', port: 9 });
    assert.equal(h.transports.isOurs('127.0.0.1', udp.port), false, 'nothing was sent yet');
    assert.equal(h.transports.sentBy(flow), `127.0.0.1:${udp.port}`);
    assert.equal(h.transports.isOurs('127.0.0.1', udp.port), true);
    assert.equal(h.transports.isOurs('127.0.0.1', undefined), false);
  });

  it('is a listening port for a connection that we opened ourselves', async (t) => {
    const h = harness(t);
    const tcp = await h.listen('tcp');
    const server = await streamServer(t);
    const flow = await h.transports.flowTo('tcp', { address: '127.0.0.1', port: server.port });
    assert.notEqual(flow.local.port, tcp.port);
    assert.equal(h.transports.sentBy(flow), `127.0.0.1:${tcp.port}`);
  });
});

describe('the queue of a stream', () => {
  it('gives back what was put in, however it was cut, and never writes over a view', () => {
    const queue = new ByteQueue();
    const all = Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 256));
    const views: { view: Buffer; expected: Buffer }[] = [];
    let start = 0;
    let end = 0;
    for (let step = 0; end < all.length; step++) {
      const size = 1 + ((step * 7) % 40);
      queue.append(Buffer.from(all.subarray(end, end + size)));
      end = Math.min(all.length, end + size);
      views.push({ view: queue.view(), expected: all.subarray(start, end) });
      if (step % 5 === 0) {
        const taken = Math.min(queue.length, 33);
        queue.consume(taken);
        start += taken;
      }
      assert.equal(queue.length, end - start);
    }
    for (const { view, expected } of views) assert.deepEqual(view, expected);
  });
});
