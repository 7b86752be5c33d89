// Owns what presence counts: the instruments that its parts raise, and the depths that are read where they are kept.
import type { ClientOutcome, Clock, Counter, Histogram, Metrics } from '../../core/api';
import { changesDocument, type ResourceChange } from './changes';
import type { Notifier } from './notify/notifier';
import type { Presence } from './presence';
import type { ResourceKey } from './resource';

/** Seconds; a fan-out to many watchers over a slow network ends in the last ones. */
const notifySeconds = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

export class Meter {
  private readonly notify: Histogram;
  private readonly failures: (code: string) => Counter;
  /** Resources whose watchers are being told, with the time (ms) at which the first PUBLISH of it came. */
  private readonly telling = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    metrics: Metrics,
  ) {
    this.notify = metrics
      .histogram({
        name: 'notify_seconds',
        help: 'Time from the coming of a PUBLISH to the answer to the last NOTIFY it caused.',
        bounds: notifySeconds,
      })
      .of();
    const failures = metrics.counter({
      name: 'notify_failures_total',
      help: 'NOTIFYs that were not answered 2xx: their status, or none.',
      labels: ['code'],
    });
    this.failures = (code) => failures.of(code);
  }

  /** Changes that came at `since` (ms) are stored, and watchers are being told. Changes that come meanwhile belong to them. */
  told(key: ResourceKey, changes: readonly ResourceChange[], since: number, notifier: Pick<Notifier, 'isBusy'>): void {
    if (!notifier.isBusy(key) || this.telling.has(key.id) || !changes.some(changesDocument)) return;
    this.telling.set(key.id, since);
  }

  /** All have answered, or are given up. */
  quiet(resource: string): void {
    const since = this.telling.get(resource);
    if (since === undefined) return;
    this.telling.delete(resource);
    this.notify.observe((this.clock.now() - since) / 1000);
  }

  /** A NOTIFY has ended. */
  notified({ response }: ClientOutcome): void {
    if (response !== undefined && response.status < 300) return;
    this.failures(response === undefined ? 'none' : String(response.status)).inc();
  }
}

/** Registers what the parts of a presence keep anyway. */
export function measureParts(metrics: Metrics, { door, cache, notifier, expiry, cluster }: Presence): void {
  metrics.observed(
    {
      name: 'waiting',
      help: 'What waits: for its turn, to be sent, to be answered, for its end.',
      labels,
      type: 'gauge',
    },
    () => [
      { labels: ['door'], value: door.depth },
      { labels: ['outbox'], value: notifier.outbox.size },
      { labels: ['notifies'], value: notifier.underWay },
      { labels: ['expiries'], value: expiry.waiting },
    ],
  );
  metrics.observed(
    { name: 'cache_total', help: 'Resources found in memory, and not.', labels, type: 'counter' },
    () => [
      { labels: ['hit'], value: cache.hits },
      { labels: ['miss'], value: cache.misses },
    ],
  );
  metrics.observed({ name: 'cached_resources', help: 'Resources in memory.', type: 'gauge' }, () => cache.resources);
  metrics.observed(
    { name: 'nodes', help: 'Servers that share the database and are alive, this one included.', type: 'gauge' },
    () => cluster.members?.list().filter(({ alive }) => alive).length ?? 1,
  );
  metrics.observed(
    { name: 'commit_retries_total', help: 'Requests decided anew: another node was faster.', type: 'counter' },
    () => door.retries,
  );
}

const labels = ['what'];
