// Checks what presence counts: the time to the last NOTIFY, failures by status, and the census of what is stored.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MetricReading, MetricRegistry } from '../../../core/base/metrics';
import { openMemoryDatabase } from '../../../core/db/memory';
import { Census } from '../../../modules/presence/census';
import type { ResourceChange } from '../../../modules/presence/changes';
import { Meter } from '../../../modules/presence/meter';
import { keyOfUri } from '../../../modules/presence/resource';
import { schemaOf } from '../../../modules/presence/store/schema';
import { ManualClock } from '../../support/clock';

const names = { presentityTable: 'presentity', activeWatchersTable: 'active_watchers', watchersTable: 'watchers' };

function setUp() {
  const registry = new MetricRegistry();
  const metrics = registry.view('presence');
  metrics.show();
  return { registry, metrics, clock: new ManualClock() };
}

function samples(readings: readonly MetricReading[], name: string): [string, number][] {
  const values = readings.find((reading) => reading.name === `rollcall_presence_${name}`)?.values;
  if (values === undefined || values.type === 'histogram') return [];
  return values.samples.map(({ labels = [], value }): [string, number] => [labels.join(' '), value]).sort();
}

const alice = keyOfUri('sip:alice@example.com', 'presence');
const unpublished = [{ kind: 'unpublish' } as ResourceChange];
const busy = { isBusy: () => true };

test('the time from the PUBLISH to the end of the last NOTIFY counts once a fan-out', () => {
  const { metrics, clock, registry } = setUp();
  const meter = new Meter(clock, metrics);
  const came = clock.now();
  clock.advance(10);
  meter.told(alice, unpublished, came, busy);
  clock.advance(20);
  meter.told(alice, unpublished, clock.now(), busy);
  clock.advance(60);
  meter.quiet(alice.id);
  meter.quiet(alice.id);
  const values = registry.read().find(({ name }) => name === 'rollcall_presence_notify_seconds')?.values;
  assert.ok(values?.type === 'histogram');
  const histogram = values.samples[0]?.value;
  assert.ok(Math.abs((histogram?.sum ?? 0) - 0.09) < 1e-9);
  assert.equal(
    histogram?.counts.reduce((a, b) => a + b),
    1,
  );
});

test('a PUBLISH that nobody is told of, and NOTIFYs that no PUBLISH caused, are not timed', () => {
  const { metrics, clock, registry } = setUp();
  const meter = new Meter(clock, metrics);
  meter.told(alice, unpublished, clock.now(), { isBusy: () => false });
  meter.told(alice, [{ kind: 'fan-out', winfo: false }], clock.now(), busy);
  meter.quiet(alice.id);
  const values = registry.read().find(({ name }) => name === 'rollcall_presence_notify_seconds')?.values;
  assert.ok(values?.type === 'histogram');
  assert.equal(values.samples[0]?.value.sum, 0);
});

test('failures are counted by their status, those without an answer as none', () => {
  const { metrics, clock, registry } = setUp();
  const meter = new Meter(clock, metrics);
  for (const status of [200, 202, 481, 481, 503]) meter.notified({ response: { status } as never });
  meter.notified({ failure: 'timeout' });
  assert.deepEqual(samples(registry.read(), 'notify_failures_total'), [
    ['481', 2],
    ['503', 1],
    ['none', 1],
  ]);
});

test('the census counts what is alive by event and state, over pages and records that end in one second', async () => {
  const { metrics, clock, registry } = setUp();
  const schema = schemaOf(names);
  const database = openMemoryDatabase();
  await database.prepare(Object.values(schema));
  const now = Math.floor(clock.now() / 1000);
  const rowOf = (table: typeof schema.presentity, given: Record<string, string | number>) =>
    table.columns.map(
      ({ name, type }) => given[name] ?? (type === 'text' ? '' : type === 'integer' ? 0 : Buffer.alloc(0)),
    );
  const put = (table: typeof schema.presentity, given: Record<string, string | number>) =>
    database.commit({ writes: [{ op: 'put', table, row: rowOf(table, given) }] });
  const publications = 12_000;
  await Promise.all(
    Array.from({ length: publications }, (_, i) =>
      // 7,000 of them end in the same second: more than a page.
      put(schema.presentity, {
        username: `u${i}`,
        domain: 'd',
        event: i < 11_990 ? 'presence' : 'dialog',
        etag: `e${i}`,
        expires: now + (i < 7000 ? 50 : i - 6900),
      }),
    ),
  );
  await put(schema.presentity, { username: 'ended', event: 'presence', etag: 'x', expires: now });
  for (const [i, status] of [1, 1, 2, 4].entries())
    await put(schema.activeWatchers, {
      callid: `c${i}`,
      event: i === 1 ? 'presence.winfo' : 'presence',
      status,
      expires: now + 9,
    });
  const census = new Census(database, schema, clock);
  census.measure(metrics);
  await census.tick();
  assert.deepEqual(samples(registry.read(), 'publications'), [], 'nothing is counted before somebody asks');
  await census.tick();
  const expected = [
    ['dialog', 10],
    ['presence', 11_990],
  ];
  assert.deepEqual(samples(registry.read(), 'publications'), expected);
  assert.deepEqual(samples(registry.read(), 'subscriptions'), [
    ['presence active', 1],
    ['presence pending', 1],
    ['presence waiting', 1],
    ['presence.winfo active', 1],
  ]);
  await put(schema.presentity, { username: 'new', event: 'presence', etag: 'n', expires: now + 999 });
  await census.tick();
  assert.deepEqual(samples(registry.read(), 'publications'), expected, 'not again so soon');
  clock.advance(60_000, 1000);
  await census.tick();
  const [, [, after] = ['', 0]] = samples(registry.read(), 'publications');
  assert.equal(after, 11_990 + 1 - 7000, 'what has ended since is not counted');
});
