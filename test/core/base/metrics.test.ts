// Checks the metrics registry: what is read, what a reload keeps, what is refused, and that labels stay bounded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MetricReading, MetricRegistry } from '../../../core/base/metrics';

function scalars(readings: readonly MetricReading[]): [string, string, number][] {
  return readings.flatMap(({ name, values }) =>
    values.type === 'histogram'
      ? []
      : values.samples.map(
          ({ labels = [], value }) => [name, labels.join(','), value] satisfies [string, string, number],
        ),
  );
}

/** An owner whose metrics are shown, and can be withdrawn as the host withdraws those of a module. */
function owner(registry: MetricRegistry, name: string) {
  const metrics = registry.view(name);
  return { metrics, leave: metrics.show() };
}

test('counters are read by name and labels, and each label combination is one object', () => {
  const registry = new MetricRegistry();
  const replies = owner(registry, 'sip').metrics.counter({
    name: 'replies_total',
    help: 'Replies.',
    labels: ['method', 'code'],
  });
  replies.of('PUBLISH', '200').inc();
  replies.of('PUBLISH', '200').inc(2);
  replies.of('PUBLISH', '412').inc();
  assert.deepEqual(scalars(registry.read()), [
    ['rollcall_sip_replies_total', 'PUBLISH,200', 3],
    ['rollcall_sip_replies_total', 'PUBLISH,412', 1],
  ]);
});

test('what somebody keeps anyway is asked for at each reading', () => {
  const registry = new MetricRegistry();
  let depth = 3;
  const { metrics } = owner(registry, 'presence');
  metrics.observed({ name: 'waiting', help: 'Depth.', type: 'gauge' }, () => depth);
  metrics.observed({ name: 'cached', help: 'Sizes.', type: 'gauge', labels: ['kind'] }, () => [
    { labels: ['resource'], value: 7 },
  ]);
  depth = 4;
  assert.deepEqual(scalars(registry.read()), [
    ['rollcall_presence_cached', 'resource', 7],
    ['rollcall_presence_waiting', '', 4],
  ]);
});

test('a histogram counts each value in the first bucket whose bound it does not exceed', () => {
  const histogram = new MetricRegistry()
    .view('db')
    .histogram({ name: 'commit_seconds', help: 'Time.', bounds: [0.001, 0.01] })
    .of();
  for (const value of [0.0005, 0.001, 0.002, 5]) histogram.observe(value);
  assert.deepEqual(histogram.counts, [2, 1, 1]);
  assert.equal(histogram.sum, 5.0035);
});

test('metrics go with their owner, and when it comes back its counters go on', () => {
  const registry = new MetricRegistry();
  const first = owner(registry, 'small');
  const spec = { name: 'done_total', help: 'Done.' };
  first.metrics.counter(spec).of().inc(5);
  first.metrics.observed({ name: 'depth', help: 'Depth.', type: 'gauge' }, () => 1);
  first.leave();
  assert.deepEqual(registry.read(), []);
  const second = owner(registry, 'small');
  second.metrics.counter(spec).of().inc();
  assert.deepEqual(scalars(registry.read()), [['rollcall_small_done_total', '', 6]]);
});

test('an owner that comes back with other labels begins anew', () => {
  const registry = new MetricRegistry();
  const first = owner(registry, 'small');
  first.metrics.counter({ name: 'done_total', help: 'Done.' }).of().inc(5);
  first.leave();
  const again = owner(registry, 'small').metrics.counter({ name: 'done_total', help: 'Done.', labels: ['code'] });
  again.of('200').inc();
  assert.deepEqual(scalars(registry.read()), [['rollcall_small_done_total', '200', 1]]);
});

test('while one life gives way to the next, the newer one is read; when the newer one fails, the older', () => {
  const registry = new MetricRegistry();
  const spec = { name: 'depth', help: 'Depth.', type: 'gauge' } as const;
  const first = owner(registry, 'small');
  first.metrics.observed(spec, () => 1);
  const second = registry.view('small');
  second.observed(spec, () => 2);
  assert.deepEqual(scalars(registry.read()), [['rollcall_small_depth', '', 1]]);
  const leave = second.show();
  assert.deepEqual(scalars(registry.read()), [['rollcall_small_depth', '', 2]]);
  leave();
  assert.deepEqual(scalars(registry.read()), [['rollcall_small_depth', '', 1]]);
});

test('a name twice, a name that is none, and a wrong number of labels are refused', () => {
  const metrics = new MetricRegistry().view('small');
  const family = metrics.counter({ name: 'done_total', help: 'Done.', labels: ['code'] });
  assert.throws(() => metrics.counter({ name: 'done_total', help: '' }), /rollcall_small_done_total is registered/);
  assert.throws(() => metrics.counter({ name: 'Done', help: '' }), /"Done" is no name for a metric/);
  assert.throws(() => metrics.counter({ name: 'a', help: '', labels: ['a b'] }), /"a b" is no name/);
  assert.throws(() => family.of(), /done_total has 1 labels, and was given 0/);
});

test('labels that never end are counted together', () => {
  const registry = new MetricRegistry();
  const family = owner(registry, 'small').metrics.counter({ name: 'seen_total', help: 'Seen.', labels: ['name'] });
  for (let i = 0; i < 5000; i++) family.of(`name${i}`).inc();
  const samples = scalars(registry.read());
  assert.equal(samples.length, 1001);
  assert.deepEqual(samples.at(-1), ['rollcall_small_seen_total', 'other', 4000]);
});
