// Owns the workloads by name, and the rows of the table that their phases fill.
import type { Phase } from './presload';

/** Arguments of presload; `npm run bench -- NAME more options` adds to them, the later one wins. */
export const workloads: Readonly<Record<string, readonly string[]>> = {
  suite: ['suite', '--presentities', '1000', '--watchers', '10'],
  'publish-initial': ['publish-initial', '--presentities', '50000'],
  'publish-refresh': ['publish-refresh', '--presentities', '1000'],
  'publish-modify': ['publish-modify', '--presentities', '1000'],
  subscribe: ['subscribe', '--presentities', '1000', '--watchers', '10'],
  fanout1: ['fanout', '--presentities', '1000', '--watchers', '1'],
  fanout10: ['fanout', '--presentities', '1000', '--watchers', '10'],
  fanout100: ['fanout', '--presentities', '100', '--watchers', '100'],
  refresh: ['refresh', '--presentities', '1000', '--watchers', '10'],
  mixed: ['mixed', '--presentities', '1000', '--watchers', '10'],
};

/** What a comparison runs, in this order: together they fill every row. */
export const compared = ['publish-initial', 'suite', 'fanout1', 'fanout100'] as const;

/** The row of the table a phase belongs to; undefined for one that another workload measures better. */
export function rowOf({ phase, watchers }: Phase, workload: string): string | undefined {
  switch (phase) {
    case 'publish-initial':
      return workload === 'publish-initial' ? 'publish initial' : undefined;
    case 'publish-refresh':
      return 'publish refresh';
    case 'publish-modify':
      return 'publish modify';
    case 'subscribe':
      return 'subscribe (with its NOTIFY)';
    case 'fanout':
      return `fan-out W=${watchers} (PUBLISH and its NOTIFYs)`;
    case 'refresh':
      return 'refresh (with its NOTIFY)';
    default:
      return 'mixed 70/20/10';
  }
}
