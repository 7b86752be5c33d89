// Owns what cached DNS answers and the hosts file promise: times, bounds, one question however many wait.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DnsAnswers } from '../../../core/sip/answers';
import { type DnsClient, parseHosts, systemDns } from '../../../core/sip/dns';
import { ManualClock } from '../../support/clock';
import { fakeDns, type Zone } from './fake-dns';

describe('cached DNS answers', () => {
  const zone: Zone = { 'example.com': { A: ['192.0.2.1'] } };

  it('are kept for their TTL, at least 5 s and at most an hour, and asked for once however many wait', async () => {
    for (const [ttl, kept] of [
      [0, 5],
      [60, 60],
      [1_000_000, 3600],
    ] as const) {
      const { dns, asked } = fakeDns(zone, ttl);
      const clock = new ManualClock();
      const answers = new DnsAnswers(dns, clock);
      const ask = () => answers.addresses('example.com', 4);
      assert.deepEqual(await Promise.all([ask(), ask()]), [['192.0.2.1'], ['192.0.2.1']]);
      clock.set(clock.now() + kept * 1000 - 1);
      await ask();
      assert.equal(asked.length, 1);
      clock.set(clock.now() + 1);
      await ask();
      assert.equal(asked.length, 2);
    }
  });

  it('that there is nothing are kept for 30 s, failures for 5 s', async () => {
    for (const [code, kept] of [
      ['ENOTFOUND', 30],
      ['ENODATA', 30],
      ['ESERVFAIL', 5],
      ['ETIMEOUT', 5],
    ] as const) {
      const { dns, asked, fail } = fakeDns(zone);
      const clock = new ManualClock();
      const answers = new DnsAnswers(dns, clock);
      fail(code);
      assert.deepEqual(await answers.addresses('example.com', 4), []);
      fail(undefined);
      clock.set(clock.now() + kept * 1000 - 1);
      assert.deepEqual(await answers.addresses('example.com', 4), []);
      clock.set(clock.now() + 1);
      assert.deepEqual(await answers.addresses('example.com', 4), ['192.0.2.1']);
      assert.equal(asked.length, 2);
    }
  });

  it('are bounded in number, the oldest go first', async () => {
    const answers = new DnsAnswers(fakeDns(zone).dns, new ManualClock());
    for (let i = 0; i < 10_100; i++) await answers.srv(`_sip._udp.h${i}.example.com`);
    assert.equal(answers.size, 10_000);
  });

  it('are not waited for without bound: 256 questions are on their way at most', async () => {
    const { dns } = fakeDns(zone);
    let asked = 0;
    const dead: DnsClient = {
      ...dns,
      srv: () => {
        asked++;
        return new Promise(() => undefined);
      },
    };
    const answers = new DnsAnswers(dead, new ManualClock());
    for (let i = 0; i < 1000; i++) answers.srv(`_sip._udp.h${i}.example.com`);
    assert.equal(asked, 256);
    assert.deepEqual(await answers.srv('one.more'), []);
  });
});

describe('the hosts file', () => {
  it('is read as hosts(5) says', () => {
    const hosts = parseHosts('# comment\n127.0.0.1\tlocalhost me # here\n\n::1 localhost\n10.0.0.1 ME\n10.0.0.2\n');
    assert.deepEqual(hosts.get('localhost'), ['127.0.0.1', '::1']);
    assert.deepEqual(hosts.get('me'), ['127.0.0.1', '10.0.0.1']);
    assert.equal(hosts.size, 2);
  });

  it('is read again after 10 s, and may be missing; localhost is loopback even then', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'rollcall-hosts-'));
    t.after(() => rm(folder, { recursive: true }));
    const file = join(folder, 'hosts');
    const clock = new ManualClock();
    const dns = systemDns(clock, file);
    assert.deepEqual(await dns.hosts('box'), []);
    assert.deepEqual(await dns.hosts('localhost'), ['::1', '127.0.0.1']);
    writeFileSync(file, '10.0.0.1 box\n');
    assert.deepEqual(await dns.hosts('box'), []);
    clock.set(clock.now() + 10_001);
    assert.deepEqual(await dns.hosts('box'), ['10.0.0.1']);
  });
});
