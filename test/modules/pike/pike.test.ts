// Checks the flood guard: who is blocked and for how long, what counts as one source, and that memory stays bounded.
import assert from 'node:assert/strict';
import test from 'node:test';
import pike from '../../../modules/pike';
import { Meter } from '../../../modules/pike/meter';
import { sourceOf } from '../../../modules/pike/source';
import { call, flowFrom, openModule } from '../../support/functions';

const options = { unit: 2000, latency: 4000, maxSources: 1024 };

/** How many of `count` requests pass. */
function passing(meter: Meter, source: string, count: number, now: number, density = 30): number {
  let passed = 0;
  for (let i = 0; i < count; i++) if (meter.count(source, now, density) === 'pass') passed++;
  return passed;
}

test('a source passes up to its density and is blocked above it', () => {
  const meter = new Meter(options);
  assert.equal(passing(meter, '192.0.2.1', 100, 10_000), 30);
  assert.equal(passing(meter, '192.0.2.2', 30, 10_000), 30);
});

test('a source that keeps on stays blocked, and one that calms down passes again', () => {
  const meter = new Meter(options);
  passing(meter, 'a', 100, 10_000);
  assert.equal(passing(meter, 'a', 40, 12_000), 0, 'the unit before counts');
  assert.equal(passing(meter, 'a', 5, 14_000), 0);
  assert.equal(passing(meter, 'a', 5, 16_000), 5);
});

test('a steady rate at the density is never blocked', () => {
  const meter = new Meter(options);
  for (let unit = 0; unit < 20; unit++) assert.equal(passing(meter, 'a', 30, unit * 2000), 30);
});

test('going over is said once', () => {
  const meter = new Meter(options);
  const verdicts = Array.from({ length: 40 }, () => meter.count('a', 10_000, 30));
  assert.equal(verdicts.filter((verdict) => verdict === 'newly blocked').length, 1);
  assert.equal(verdicts.filter((verdict) => verdict === 'blocked').length, 9);
});

test('a silent source is forgotten after remove_latency', () => {
  const meter = new Meter(options);
  meter.count('a', 10_000, 30);
  meter.count('b', 13_000, 30);
  meter.sweep(14_000);
  assert.equal(meter.size, 1);
  meter.sweep(18_000);
  assert.equal(meter.size, 0);
});

test('forged addresses push each other out and not the memory up; a flooder that keeps on stays known', () => {
  const meter = new Meter(options);
  for (let i = 0; i < 100_000; i++) {
    meter.count(`forged-${i}`, 10_000, 30);
    if (i % 500 === 0) meter.count('flooder', 10_000, 30);
  }
  assert.equal(meter.size, 1024);
  assert.equal(meter.count('flooder', 10_000, 30), 'blocked');
});

test('IPv6 is counted by its /64, IPv4 by its address, however they are written', () => {
  assert.equal(sourceOf('192.0.2.1'), '192.0.2.1');
  assert.equal(sourceOf('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(sourceOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(sourceOf('2001:0DB8:1:2::1'), '2001:db8:1:2::/64');
  assert.equal(sourceOf('2001:db8::1'), '2001:db8:0:0::/64');
  assert.equal(sourceOf('::1'), '0:0:0:0::/64');
  assert.equal(sourceOf('2001::2:3:4:5:6:7'), '2001:0:2:3::/64');
  assert.equal(sourceOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
});

test('pike_check_req is false for a source above its density, with one warning', async () => {
  const { invoke, log, clock, host } = await openModule(pike, { reqs_density_per_unit: 3 });
  const ask = (address: string) => invoke('pike_check_req', call(undefined, {}, '', flowFrom(address)).routed);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => ask('2001:db8::1')),
    [true, true, true, false, false],
  );
  assert.equal(ask('2001:db8::2'), false, 'the same /64');
  assert.equal(ask('2001:db8:0:1::1'), true);
  assert.deepEqual(
    log.map(({ msg }) => msg),
    ['2001:db8:0:0::/64 sends more than 3 requests in 2 s'],
  );
  clock.advance(10_000, 1000);
  assert.equal(ask('2001:db8::1'), true);
  await host.stop();
});
