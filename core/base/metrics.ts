// Owns the metrics of one server: plain numbers that hot paths raise, kept by name, read by whoever shows them.
import { RollcallError } from './errors';

/** What a metric is called, without the server's and the owner's prefix: `notifies_total`, `commit_seconds`. */
export interface MetricSpec {
  /** Lower case with underscores; a counter ends in `_total`, a measure in its unit. */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  /** Names of the labels; none when left out. */
  readonly labels?: readonly string[];
}

/** Counts what only rises. A hot path keeps the object and raises it: no lookup and no allocation. */
export class Counter {
  value = 0;

  inc(by = 1): void {
    this.value += by;
  }
}

/** Counts into buckets. A hot path keeps the object. */
export class Histogram {
  /** How many values fell into each bucket, the last one for what is above all bounds. */
  readonly counts: number[];
  sum = 0;

  /** @param bounds upper bounds, inclusive, rising */
  constructor(readonly bounds: readonly number[]) {
    this.counts = new Array(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket++;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sum += value;
  }
}

/** One metric with a value for each combination of its labels. */
export interface Family<I> {
  /** The one of these label values, in the order of the spec: the same object each time, so keep it. */
  of(...values: readonly string[]): I;
}

/** A value of the moment. */
export interface Sample {
  /** Label values in the order of the spec. */
  readonly labels?: readonly string[];
  readonly value: number;
}

export interface HistogramSample {
  /** Label values in the order of the spec. */
  readonly labels: readonly string[];
  readonly value: Histogram;
}

/** Where an owner (the core, or a module) registers what it counts. All of it goes when the owner goes. */
export interface Metrics {
  /** @throws RollcallError for a name that is no name or is taken, here and below */
  counter(spec: MetricSpec): Family<Counter>;
  /** @param spec.bounds upper bounds of the buckets, inclusive, rising */
  histogram(spec: MetricSpec & { readonly bounds: readonly number[] }): Family<Histogram>;
  /** Values that somebody keeps anyway: `read` is called when the metrics are read. It has to be cheap and must not throw. */
  observed(spec: MetricSpec & { readonly type: 'counter' | 'gauge' }, read: () => Iterable<Sample> | number): void;
  /** The same for histograms that somebody keeps anyway. */
  observedHistograms(spec: MetricSpec, read: () => Iterable<HistogramSample>): void;
  /** Everything registered by anybody, as it stands now. */
  read(): readonly MetricReading[];
}

/** One metric as it stands. */
export interface MetricReading {
  /** In full: `rollcall_presence_notifies_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly values:
    | { readonly type: 'counter' | 'gauge'; readonly samples: readonly Sample[] }
    | { readonly type: 'histogram'; readonly samples: readonly HistogramSample[] };
}

/** Values of one metric. What a peer can choose must not grow memory: further ones count together, as `other`. */
const maxSeries = 1000;

interface Series<I> extends Family<I> {
  readonly all: Map<string, { readonly labels: readonly string[]; readonly value: I }>;
}

/** One metric of one owner, as long as that is there. */
interface Entry {
  readonly spec: MetricSpec;
  readonly values:
    | { readonly type: 'counter'; readonly series: Series<Counter> }
    | { readonly type: 'histogram'; readonly read: () => Iterable<HistogramSample> }
    | { readonly type: 'counter' | 'gauge'; readonly read: () => Iterable<Sample> | number };
}

/** All metrics of a server. */
export class MetricRegistry {
  readonly #views = new Set<View>();
  /**
   * By name and shape. What a module counted goes on when it is set up again: a reload is no restart, and a rate must not
   * see one. They are numbers only, nothing that leads to the code of a module.
   */
  readonly #series = new Map<string, Series<Counter> | Series<Histogram>>();

  /** A view for an owner. What it registers is read once `show` has been called. */
  view(owner: string): MetricsView {
    const view = new View(`rollcall_${owner}_`, this.#series, () => this.read());
    return Object.assign(view, {
      show: () => {
        this.#views.add(view);
        return () => void this.#views.delete(view);
      },
    });
  }

  /** Everything as it stands now, by name. While one life of an owner gives way to the next, the newer one is read. */
  read(): readonly MetricReading[] {
    const entries = new Map<string, Entry>();
    for (const view of this.#views) for (const [name, entry] of view.entries) entries.set(name, entry);
    return [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, entry]) => readingOf(name, entry));
  }
}

/** What the core hands to an owner, and what it keeps to itself. */
export interface MetricsView extends Metrics {
  /** Lets the metrics be read until the returned function is called. */
  show(): () => void;
}

class View implements Metrics {
  readonly entries = new Map<string, Entry>();

  constructor(
    private readonly prefix: string,
    private readonly kept: Map<string, Series<Counter> | Series<Histogram>>,
    readonly read: () => readonly MetricReading[],
  ) {}

  counter(spec: MetricSpec): Family<Counter> {
    const series = this.#series(spec, 'counter', () => new Counter());
    this.#add(spec, { spec, values: { type: 'counter', series } });
    return series;
  }

  histogram(spec: MetricSpec & { readonly bounds: readonly number[] }): Family<Histogram> {
    const series = this.#series(spec, `histogram ${spec.bounds}`, () => new Histogram(spec.bounds));
    this.#add(spec, { spec, values: { type: 'histogram', read: () => series.all.values() } });
    return series;
  }

  observed(spec: MetricSpec & { readonly type: 'counter' | 'gauge' }, read: () => Iterable<Sample> | number): void {
    this.#add(spec, { spec, values: { type: spec.type, read } });
  }

  observedHistograms(spec: MetricSpec, read: () => Iterable<HistogramSample>): void {
    this.#add(spec, { spec, values: { type: 'histogram', read } });
  }

  #add(spec: MetricSpec, entry: Entry): void {
    const name = this.prefix + spec.name;
    for (const word of [spec.name, ...(spec.labels ?? [])]) {
      if (!/^[a-z][a-z0-9_]*$/.test(word)) throw new RollcallError(`${name}: "${word}" is no name for a metric`);
    }
    if (this.entries.has(name)) throw new RollcallError(`the metric ${name} is registered already`);
    this.entries.set(name, entry);
  }

  #series<I extends Counter | Histogram>(spec: MetricSpec, shape: string, make: () => I): Series<I> {
    const key = `${this.prefix}${spec.name} ${shape} ${spec.labels ?? ''}`;
    // The key says which instruments are in it.
    const known = this.kept.get(key) as Series<I> | undefined;
    if (known !== undefined) return known;
    const series = seriesOf(spec, make);
    this.kept.set(key, series as Series<Counter> | Series<Histogram>);
    return series;
  }
}

function seriesOf<I>(spec: MetricSpec, make: () => I): Series<I> {
  const all: Series<I>['all'] = new Map();
  const count = spec.labels?.length ?? 0;
  return {
    all,
    of(...values) {
      const labels = all.size < maxSeries || all.has(values.join('\n')) ? values : values.map(() => 'other');
      const key = labels.join('\n');
      const known = all.get(key);
      if (known !== undefined) return known.value;
      if (values.length !== count) {
        throw new RollcallError(`the metric ${spec.name} has ${count} labels, and was given ${values.length}`);
      }
      const value = make();
      all.set(key, { labels, value });
      return value;
    },
  };
}

function readingOf(name: string, { spec, values }: Entry): MetricReading {
  const { help, labels = [] } = spec;
  if (values.type === 'histogram') {
    return { name, help, labels, values: { type: 'histogram', samples: [...values.read()] } };
  }
  return { name, help, labels, values: { type: values.type, samples: samplesOf(values) } };
}

function samplesOf(values: Exclude<Entry['values'], { type: 'histogram' }>): Sample[] {
  if ('series' in values) return [...values.series.all.values()].map((one) => ({ ...one, value: one.value.value }));
  const found = values.read();
  return typeof found === 'number' ? [{ value: found }] : [...found];
}
