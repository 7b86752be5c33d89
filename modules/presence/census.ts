// Owns the counting of what is stored, for the metrics: in pages and seldom, so that a large database is no burden.
import type { Clock, Database, Metrics, Row, Sample, Table } from '../../core/api';
import { pagesOf } from './store/pages';
import type { Schema } from './store/schema';

/** Records read at a time. */
const page = 5000;
/** A count is made when somebody reads the metrics, but not before so many ms, and fifty times what the last one took. */
const rest = 10_000;
const restFactor = 50;
/** Kamailio's numbers in `active_watchers.status`. */
const states = new Map<unknown, string>([
  [1, 'active'],
  [2, 'pending'],
  [4, 'waiting'],
]);

export class Census {
  private publications: readonly Sample[] = [];
  private subscriptions: readonly Sample[] = [];
  /** Nobody has read the metrics yet: a start has better things to do than to count a million records. */
  private wanted = false;
  private counting = false;
  private stopped = false;
  /** ms since 1970 */
  private notBefore = 0;

  constructor(
    private readonly database: Database,
    private readonly schema: Schema,
    private readonly clock: Clock,
  ) {}

  /** Registers the counts. They are those of the last count, which reading them asks for. */
  measure(metrics: Metrics): void {
    metrics.observed(
      { name: 'publications', help: 'Publications that are alive.', labels: ['event'], type: 'gauge' },
      () => this.ask(this.publications),
    );
    metrics.observed(
      { name: 'subscriptions', help: 'Subscriptions that are alive.', labels: ['event', 'state'], type: 'gauge' },
      () => this.ask(this.subscriptions),
    );
  }

  /** To be called each second. @throws DatabaseUnavailable; it is tried again */
  async tick(): Promise<void> {
    const began = this.clock.now();
    if (!this.wanted || this.counting || this.stopped || began < this.notBefore) return;
    this.counting = true;
    try {
      const { presentity, activeWatchers } = this.schema;
      this.publications = await this.count(presentity, 'username', ['event'], ([event]) => [String(event)]);
      this.subscriptions = await this.count(
        activeWatchers,
        'presentity_uri',
        ['event', 'status'],
        ([event, status]) => [String(event), states.get(status) ?? 'terminated'],
      );
      this.wanted = false;
    } catch (error) {
      if (!this.stopped) throw error;
    } finally {
      this.counting = false;
      const now = this.clock.now();
      this.notBefore = now + Math.max(rest, restFactor * (now - began));
    }
  }

  /** The database is about to close: a count under way comes to nothing. */
  stop(): void {
    this.stopped = true;
  }

  private ask(samples: readonly Sample[]): readonly Sample[] {
    this.wanted = true;
    return samples;
  }

  /** Counts the records that have not ended. */
  private async count(
    table: Table,
    by: string,
    columns: readonly string[],
    labelsOf: (row: Row) => string[],
  ): Promise<Sample[]> {
    const counts = new Map<string, { labels: string[]; value: number }>();
    const where = { expires: { above: Math.floor(this.clock.now() / 1000) } };
    for await (const rows of pagesOf(this.database, { table, by, columns, after: undefined, where, page })) {
      for (const [, ...row] of rows) {
        const labels = labelsOf(row);
        const key = labels.join(' ');
        const known = counts.get(key);
        if (known) known.value++;
        else counts.set(key, { labels, value: 1 });
      }
    }
    return [...counts.values()];
  }
}
