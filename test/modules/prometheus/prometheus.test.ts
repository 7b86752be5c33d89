// Checks the text that Prometheus reads: its form, and that what happens is in it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Histogram, MetricRegistry } from '../../../core/base/metrics';
import { contentType, exposition } from '../../../modules/prometheus/text';
import { httpRoutes } from '../../../modules/xhttp/api';
import { RawPeer } from '../../support/raw-peer';
import { startRollcall } from '../../support/rollcall';
import { source } from '../../support/tree';
import { pidf } from '../../support/wire';

test('counters, gauges and histograms are written in the exposition format', async () => {
  const registry = new MetricRegistry();
  const view = registry.view('small');
  view.show();
  view
    .counter({ name: 'done_total', help: 'Done.', labels: ['code'] })
    .of('200')
    .inc(3);
  view.observed({ name: 'depth', help: 'Depth.', type: 'gauge' }, () => 2);
  const took: Histogram = view.histogram({ name: 'took_seconds', help: 'Took.', bounds: [0.1, 1] }).of();
  for (const value of [0.05, 0.5, 5]) took.observe(value);
  assert.equal(
    await exposition(registry.read()),
    [
      '# HELP rollcall_small_depth Depth.',
      '# TYPE rollcall_small_depth gauge',
      'rollcall_small_depth 2',
      '',
      '# HELP rollcall_small_done_total Done.',
      '# TYPE rollcall_small_done_total counter',
      'rollcall_small_done_total{code="200"} 3',
      '',
      '# HELP rollcall_small_took_seconds Took.',
      '# TYPE rollcall_small_took_seconds histogram',
      'rollcall_small_took_seconds_bucket{le="0.1"} 1',
      'rollcall_small_took_seconds_bucket{le="1"} 2',
      'rollcall_small_took_seconds_bucket{le="+Inf"} 3',
      'rollcall_small_took_seconds_sum 5.55',
      'rollcall_small_took_seconds_count 3',
      '',
    ].join('\n'),
  );
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
});

test('what a label holds cannot break the text', async () => {
  const registry = new MetricRegistry();
  const view = registry.view('small');
  view.show();
  view
    .counter({ name: 'seen_total', help: 'Seen.', labels: ['name'] })
    .of('a"b\\c\nd')
    .inc();
  assert.match(await exposition(registry.read()), /seen_total\{name="a\\"b\\\\c\\nd"\} 1\n/);
});

test('nothing registered is an empty text', async () => {
  assert.equal(await exposition([]), '');
});

test('requests of a client are in the metrics of the server, and a reload takes none of them away', async () => {
  const server = await startRollcall({ db: 'sqlite', loadmodule: ['xhttp', 'prometheus'] });
  const peer = await RawPeer.open('udp', server.at('udp'));
  try {
    const uri = 'sip:alice@localhost';
    const headers = ['Event: presence', 'Content-Type: application/pidf+xml'];
    await peer.ask({ method: 'PUBLISH', uri, headers, body: pidf(uri, 'open') });
    await peer.ask({ method: 'PUBLISH', uri, headers: [...headers, 'SIP-If-Match: none'], body: pidf(uri, 'open') });
    const { host } = server.running;
    const read = async () => {
      const route = host.registry.collect(httpRoutes).get('GET /metrics');
      assert.ok(route);
      const asked = { method: 'GET', path: '/metrics', query: new URLSearchParams(), headers: {}, source: '127.0.0.1' };
      const answer = await route.handle({ ...asked, body: Buffer.alloc(0), gone: new AbortController().signal });
      return String(answer.body);
    };
    const expected = [
      'rollcall_sip_requests_total{method="PUBLISH"} 2',
      'rollcall_sip_replies_total{method="PUBLISH",code="200"} 1',
      'rollcall_sip_replies_total{method="PUBLISH",code="412"} 1',
      'rollcall_core_modules 12',
    ];
    const before = await read();
    for (const line of expected) assert.ok(before.includes(`${line}\n`), line);
    assert.match(before, /rollcall_database_group_changes_count\{url="sqlite:.*"\} [1-9]/);
    assert.match(before, /^process_cpu_seconds_total /m);
    for (const name of ['prometheus', 'presence', 'xhttp']) {
      const planned = host.modules.find(({ definition }) => definition.name === name);
      assert.ok(planned);
      await host.exchange(planned);
    }
    const after = await read();
    for (const line of expected) assert.ok(after.includes(`${line}\n`), line);
  } finally {
    peer.close();
    await server.stop();
  }
});

test('the dashboard and the manual name no metric that is not there, and the manual leaves none out', async () => {
  const server = await startRollcall({ db: 'sqlite', loadmodule: ['xhttp', 'prometheus'] });
  try {
    const names = new Set(server.running.host.metrics.read().map(({ name }) => name));
    const shown = source('etc/grafana.json').match(/rollcall_[a-z]+_\w+/g) ?? [];
    const series = /_(bucket|sum|count)$/;
    assert.deepEqual(
      shown.filter((name) => !names.has(name) && !names.has(name.replace(series, ''))),
      [],
    );
    const [, table = ''] = source('modules/prometheus/README.md').split('\n## Metrics\n');
    const cells = table
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .flatMap((line) => (line.split('|')[1] ?? '').match(/`(\w+)`/g) ?? [])
      .map((name) => `rollcall_${name.slice(1, -1)}`);
    assert.deepEqual(cells.toSorted(), [...names].toSorted());
  } finally {
    await server.stop();
  }
});
