// Owns the text that Prometheus reads: the metrics of the server in the exposition format, by way of prom-client.
import { type MetricObjectWithValues, type MetricValue, type MetricValueWithName, Registry } from 'prom-client';
import type { HistogramSample, MetricReading, Sample } from '../../core/api';

export const contentType = Registry.PROMETHEUS_CONTENT_TYPE;

/** What prom-client asks of a metric when it writes it; its own kinds keep their numbers themselves, ours are kept elsewhere. */
type Reading = Omit<MetricObjectWithValues<MetricValue<string>>, 'collect'>;

/** All readings as text, version 0.0.4 of the format. */
export async function exposition(readings: readonly MetricReading[]): Promise<string> {
  const registry = new Registry();
  for (const reading of readings) {
    const metric = { name: reading.name, get: () => Promise.resolve(objectOf(reading)) };
    registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
  }
  return readings.length === 0 ? '' : registry.metrics();
}

function objectOf({ name, help, labels, values }: MetricReading): Reading {
  const written =
    values.type === 'histogram'
      ? values.samples.flatMap((sample) => histogramLines(name, labels, sample))
      : values.samples.map((sample) => line(labels, sample));
  return { name, help, type: values.type as unknown as Reading['type'], values: written, aggregator: 'sum' };
}

function line(labels: readonly string[], { labels: values = [], value }: Sample): MetricValue<string> {
  return { labels: labelsOf(labels, values), value };
}

/** Buckets are cumulative, and the last one is everything. */
function histogramLines(
  name: string,
  names: readonly string[],
  { labels: values, value }: HistogramSample,
): MetricValueWithName<string>[] {
  const labels = labelsOf(names, values);
  let count = 0;
  const buckets = value.counts.map((inBucket, index) => {
    count += inBucket;
    const le = value.bounds[index] ?? '+Inf';
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: value.sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

function labelsOf(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}
