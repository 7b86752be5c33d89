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

/** Where an owner (the core, or a module) registers what it counts. All of it goes when the owner goes. */
export interface Metrics {
  /** @throws RollcallError for a name that is no name or is taken, here and below */
  counter(spec: MetricSpec): Family<Counter>;
  /** @param spec.bounds upper bounds of the buckets, inclusive, rising */
  histogram(spec: MetricSpec & { readonly bounds: readonly number[] }): Family<Histogram>;
  /** Values that somebody keeps anyway: `read` is called when the metrics are read. It has to be cheap and must not throw. */
  observed(spec: MetricSpec & { readonly type: 'counter' | 'gauge' }, read: () => Iterable<Sample> | number): void;
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
    | { readonly type: 'histogram'; readonly samples: readonly { labels: readonly string[]; value: Histogram }[] };
}

/** Values of one metric. What a peer can choose must not grow memory: further ones count together, as `other`. */
const maxSeries = 1000;

interface Series<I> extends Family<I> {
  readonly all: Map<string, { readonly labels: readonly string[]; readonly value: I }>;
}

interface Entry {
  readonly name: string;
  readonly spec: MetricSpec;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Counters and histograms. */
  readonly series: Series<Counter> | Series<Histogram> | undefined;
  readonly bounds: readonly number[];
  /** For `observed`. */
  read: (() => Iterable<Sample> | number) | undefined;
  live: boolean;
}

/** All metrics of a server. */
export class MetricRegistry {
  readonly #entries = new Map<string, Entry>();

  /** The view of one owner; `onUndo` takes what withdraws each of its metrics. */
  of(owner: string, onUndo: (undo: () => void) => void = () => {}): Metrics {
    const register = (spec: MetricSpec, type: Entry['type'], more: Partial<Entry> = {}) => {
      const entry = this.#register(`rollcall_${owner}_${spec.name}`, spec, type, more);
      onUndo(() => {
        entry.live = false;
        entry.read = undefined;
      });
      return entry;
    };
    return {
      counter: (spec) => register(spec, 'counter', { series: seriesOf(spec, () => new Counter()) }).series as never,
      histogram: (spec) => {
        const { bounds } = spec;
        const series = seriesOf(spec, () => new Histogram(bounds));
        return register(spec, 'histogram', { series, bounds }).series as never;
      },
      observed: (spec, read) => void register(spec, spec.type, { read }),
      read: () => this.read(),
    };
  }

  /** Everything as it stands now, by name. */
  read(): readonly MetricReading[] {
    const live = [...this.#entries.values()].filter((entry) => entry.live);
    return live.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(readingOf);
  }

  /**
   * What a module counted goes on when it is set up again: a reload is no restart, and a rate must not see one. Numbers only
   * are kept, nothing that leads to the code of the module.
   */
  #register(name: string, spec: MetricSpec, type: Entry['type'], more: Partial<Entry>): Entry {
    for (const word of [spec.name, ...(spec.labels ?? [])]) {
      if (!/^[a-z][a-z0-9_]*$/.test(word)) throw new RollcallError(`${name}: "${word}" is no name for a metric`);
    }
    const known = this.#entries.get(name);
    if (known?.live === true) throw new RollcallError(`the metric ${name} is registered already`);
    const entry: Entry = { name, spec, type, series: undefined, bounds: [], read: undefined, live: true, ...more };
    if (known?.series !== undefined && isSame(known, entry)) {
      known.live = true;
      return known;
    }
    this.#entries.set(name, entry);
    return entry;
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

function isSame(a: Entry, b: Entry): boolean {
  const shape = ({ type, spec, bounds }: Entry) => JSON.stringify([type, spec.labels ?? [], bounds]);
  return shape(a) === shape(b);
}

function readingOf({ name, spec, type, series, read }: Entry): MetricReading {
  const labels = spec.labels ?? [];
  const { help } = spec;
  if (type === 'histogram') {
    return { name, help, labels, values: { type, samples: [...(series as Series<Histogram>).all.values()] } };
  }
  if (series !== undefined) {
    const samples = [...(series as Series<Counter>).all.values()];
    return {
      name,
      help,
      labels,
      values: { type, samples: samples.map((one) => ({ ...one, value: one.value.value })) },
    };
  }
  const found = read?.() ?? [];
  const samples = typeof found === 'number' ? [{ value: found }] : [...found];
  return { name, help, labels, values: { type, samples } };
}
