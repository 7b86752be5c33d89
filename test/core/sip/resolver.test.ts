// Owns what the way from a URI to addresses promises, RFC 3263 line by line, on a DNS made up for the test.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SrvAnswer } from '../../../core/sip/dns';
import { noParams } from '../../../core/sip/params';
import { inOrder, Resolver, type ResolverOptions } from '../../../core/sip/resolver';
import type { Protocol } from '../../../core/sip/transport/flow';
import { parseUri } from '../../../core/sip/uri';
import { ManualClock } from '../../support/clock';
import { fakeDns, type Zone } from './fake-dns';

function setUp(zone: Zone, options: Partial<ResolverOptions> = {}) {
  const fake = fakeDns(zone);
  const resolver = new Resolver({ clock: new ManualClock(), dns: fake.dns, random: () => 0, ...options });
  const resolve = async (text: string) => {
    const uri = parseUri(text);
    assert.ok(uri, text);
    return (await resolver.resolve(uri)).map(({ protocol, address, port }) => `${protocol} ${address} ${port}`);
  };
  return { resolve, ...fake };
}

const everything = () => true;

describe('resolving a next hop', () => {
  it('asks no DNS for a numeric host', async () => {
    const { resolve, asked } = setUp({}, { supports: everything });
    const cases: [string, string][] = [
      ['sip:192.0.2.1', 'udp 192.0.2.1 5060'],
      ['sip:192.0.2.1:5070', 'udp 192.0.2.1 5070'],
      ['sip:a@192.0.2.1;transport=tcp', 'tcp 192.0.2.1 5060'],
      ['sip:a@192.0.2.1;transport=TLS', 'tls 192.0.2.1 5061'],
      ['sips:192.0.2.1', 'tls 192.0.2.1 5061'],
      ['sips:192.0.2.1;transport=tcp', 'tls 192.0.2.1 5061'],
      ['sip:192.0.2.1;transport=ws', 'ws 192.0.2.1 80'],
      ['sips:192.0.2.1;transport=ws', 'wss 192.0.2.1 443'],
      ['sip:[2001:db8::1]', 'udp 2001:db8::1 5060'],
      ['sip:example.com;maddr=192.0.2.9', 'udp 192.0.2.9 5060'],
    ];
    for (const [uri, target] of cases) assert.deepEqual(await resolve(uri), [target], uri);
    assert.deepEqual(asked, []);
  });

  it('asks neither NAPTR nor SRV when the port is given', async () => {
    const { resolve, asked } = setUp({ 'example.com': { A: ['192.0.2.1'] } });
    assert.deepEqual(await resolve('sip:example.com:5070'), ['udp 192.0.2.1 5070']);
    assert.deepEqual(asked, ['AAAA example.com', 'A example.com']);
  });

  it('asks SRV of the transport that the URI names, and no NAPTR', async () => {
    const { resolve, asked } = setUp({
      '_sip._tcp.example.com': { SRV: ['1 1 5080 a.example.com'] },
      'a.example.com': { A: ['192.0.2.1'] },
    });
    assert.deepEqual(await resolve('sip:example.com;transport=tcp'), ['tcp 192.0.2.1 5080']);
    assert.equal(asked[0], 'SRV _sip._tcp.example.com');
  });

  it('follows NAPTR by order and preference, skipping services it cannot use and flags other than s', async () => {
    const { resolve } = setUp({
      'example.com': {
        NAPTR: [
          '20 10 s SIP+D2U _sip._udp.example.com',
          '10 20 S sip+d2t tcp.example.net.',
          '5 1 s SIPS+D2T _sips._tcp.example.com',
          '1 1 u E2U+sip !^.*$!sip:x@y!',
          '1 1 a SIP+D2U a.example.com',
        ],
      },
      'tcp.example.net': { SRV: ['1 1 5080 a.example.com'] },
      '_sip._udp.example.com': { SRV: ['1 1 5090 b.example.com'] },
      'a.example.com': { A: ['192.0.2.1'] },
      'b.example.com': { A: ['192.0.2.2'] },
    });
    assert.deepEqual(await resolve('sip:example.com'), ['tcp 192.0.2.1 5080', 'udp 192.0.2.2 5090']);
  });

  it('takes only secure services for sips', async () => {
    const zone: Zone = {
      'example.com': { NAPTR: ['1 1 s SIP+D2U _sip._udp.example.com', '2 1 s SIPS+D2T _sips._tcp.example.com'] },
      '_sip._udp.example.com': { SRV: ['1 1 5060 a.example.com'] },
      '_sips._tcp.example.com': { SRV: ['1 1 5061 a.example.com'] },
      'a.example.com': { A: ['192.0.2.1'] },
    };
    const { resolve } = setUp(zone, { supports: everything });
    assert.deepEqual(await resolve('sips:example.com'), ['tls 192.0.2.1 5061']);
    await assert.rejects(setUp(zone).resolve('sips:example.com'), /no way to reach example\.com/);
    await assert.rejects(setUp(zone).resolve('sips:example.com;transport=udp'), /sips does not go over udp/);
  });

  it('tries SRV of each transport when there is no NAPTR, and the bare name with 5060 when there is no SRV', async () => {
    const { resolve } = setUp({
      '_sip._tcp.example.com': { SRV: ['1 1 5080 a.example.com'] },
      '_sip._udp.example.com': { SRV: ['1 1 5090 a.example.com'] },
      'a.example.com': { A: ['192.0.2.1'] },
      'bare.example.com': { A: ['192.0.2.3'], AAAA: ['2001:db8::3'] },
    });
    assert.deepEqual(await resolve('sip:example.com'), ['udp 192.0.2.1 5090', 'tcp 192.0.2.1 5080']);
    assert.deepEqual(await resolve('sip:BARE.Example.com.'), ['udp 2001:db8::3 5060', 'udp 192.0.2.3 5060']);
  });

  it('uses tcp for what goes without saying where this server has no udp socket', async () => {
    const supports = (protocol: Protocol) => protocol === 'tcp';
    const { resolve } = setUp({ 'example.com': { A: ['192.0.2.1'] } }, { supports });
    assert.deepEqual(await resolve('sip:example.com'), ['tcp 192.0.2.1 5060']);
    assert.deepEqual(await resolve('sip:192.0.2.9'), ['tcp 192.0.2.9 5060']);
  });

  it('gives no address of a family that this server cannot send to', async () => {
    const supports = (protocol: Protocol, family: 4 | 6) => protocol === 'udp' && family === 4;
    const { resolve, asked } = setUp({ 'example.com': { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] } }, { supports });
    assert.deepEqual(await resolve('sip:example.com'), ['udp 192.0.2.1 5060']);
    assert.ok(!asked.some((question) => question.startsWith('AAAA')));
    await assert.rejects(resolve('sip:[2001:db8::1]'), /no way to reach/);
  });

  it('finds localhost and other names of the hosts file without DNS', async () => {
    const { resolve, asked } = setUp({});
    assert.deepEqual(await resolve('sip:localhost'), ['udp ::1 5060', 'udp 127.0.0.1 5060']);
    assert.deepEqual(await resolve('sip:x.localhost:5080;transport=tcp'), ['tcp ::1 5080', 'tcp 127.0.0.1 5080']);
    assert.deepEqual(asked, []);
  });

  it('fails at once, without DNS, for .invalid and for what is no host name', async () => {
    const { resolve, asked } = setUp({});
    for (const host of [
      'invalid',
      'df7jal23ls0d.invalid',
      'X.INVALID.',
      '1.2.3',
      '127.1',
      'a..b',
      `${'a'.repeat(64)}.com`,
    ]) {
      const uri = { scheme: 'sip', user: '', password: '', host, port: undefined, params: noParams(), headers: '' };
      const resolver = new Resolver({ clock: new ManualClock(), dns: fakeDns({}).dns });
      await assert.rejects(resolver.resolve(uri), /has no address|not a host name/, host);
    }
    await assert.rejects(resolve('sip:a@df7jal23ls0d.invalid;transport=ws'), /has no address/);
    await assert.rejects(resolve('sip:example.com;transport=sctp'), /unknown transport/);
    assert.deepEqual(asked, []);
  });

  it('takes a lone dot for "there is no such service", without falling back', async () => {
    const { resolve } = setUp({
      'example.com': { A: ['192.0.2.9'] },
      '_sip._udp.example.com': { SRV: ['0 0 0 .'] },
      '_sip._tcp.example.com': { SRV: ['1 1 5080 a.example.com'] },
      'a.example.com': { A: ['192.0.2.1'] },
      'none.example.com': { A: ['192.0.2.9'] },
      '_sip._udp.none.example.com': { SRV: ['0 0 0 .'] },
    });
    assert.deepEqual(await resolve('sip:example.com'), ['tcp 192.0.2.1 5080']);
    await assert.rejects(resolve('sip:none.example.com'), /no way to reach/);
  });

  it('rejects when nothing has an address', async () => {
    const { resolve } = setUp({ '_sip._udp.example.com': { SRV: ['1 1 5060 gone.example.com'] } });
    await assert.rejects(resolve('sip:example.com'), /no way to reach example\.com/);
    await assert.rejects(resolve('sip:unknown.example.com'), /no way to reach/);
  });

  it('bounds what hostile records can cost: a thousand targets, NAPTR onto itself, addresses that are none', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `1 1 5060 h${i}.example.com`);
    const zone: Zone = {
      '_sip._udp.example.com': { SRV: many },
      'loop.example.com': { NAPTR: Array(500).fill('1 1 s SIP+D2U loop.example.com'), A: ['192.0.2.1'] },
      'strange.example.com': { A: ['192.0.2.1', 'example.org', '::1', ''], AAAA: ['127.0.0.1'] },
      'wide.example.com': { A: Array.from({ length: 200 }, (_, i) => `192.0.2.${i}`) },
    };
    for (let i = 0; i < 1000; i++) zone[`h${i}.example.com`] = { A: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] };
    const { resolve, asked } = setUp(zone);
    assert.equal((await resolve('sip:example.com')).length, 16);
    assert.ok(asked.length < 30, `${asked.length} questions`);
    assert.deepEqual(await resolve('sip:loop.example.com'), ['udp 192.0.2.1 5060']);
    assert.deepEqual(await resolve('sip:strange.example.com:5060'), ['udp 192.0.2.1 5060']);
    assert.equal((await resolve('sip:wide.example.com:5060')).length, 16);
  });
});

describe('the order of SRV records', () => {
  const record = (priority: number, weight: number, name: string): SrvAnswer => ({ priority, weight, port: 1, name });

  it('is by priority first, each record once', () => {
    const records = [record(20, 100, 'c'), record(10, 0, 'a'), record(30, 1, 'd'), record(15, 0, 'b')];
    assert.deepEqual(
      inOrder(records, () => 0.99).map(({ name }) => name),
      ['a', 'b', 'c', 'd'],
    );
  });

  it('is drawn by weight within a priority', () => {
    const records = [record(1, 10, 'ten'), record(1, 30, 'thirty'), record(1, 60, 'sixty'), record(1, 0, 'nought')];
    const first = new Map<string, number>();
    for (let i = 0; i < 10_000; i++) {
      const name = inOrder(records, () => i / 10_000)[0]?.name ?? '';
      first.set(name, (first.get(name) ?? 0) + 1);
    }
    const share = (name: string) => (first.get(name) ?? 0) / 10_000;
    assert.ok(Math.abs(share('ten') - 0.1) < 0.02, `${share('ten')}`);
    assert.ok(Math.abs(share('thirty') - 0.3) < 0.02, `${share('thirty')}`);
    assert.ok(Math.abs(share('sixty') - 0.6) < 0.02, `${share('sixty')}`);
    assert.ok(share('nought') > 0 && share('nought') < 0.02, 'weight 0 has a small chance');
  });
});
