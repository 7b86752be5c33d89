// Owns what one life of the module hands to the next when it is reloaded: plain values and objects of the core, no code.
import type { Database, Heap } from '../../core/api';
import type { DutyState } from './nodes/duty';
import type { MembersState } from './nodes/members';
import type { Lines } from './notify/traffic';
import type { Resource, ResourceKey, Subscription } from './resource';
import type { TableNames } from './store/schema';

/**
 * Number of the shape of a `Handover`, and of all that hangs on it: resources, subscriptions, publications, channels. Raise it
 * with every change of one of these: a life that does not know the shape begins as after a crash, with what is stored.
 */
export const handoverVersion = 11;

/** What the outcome of a NOTIFY asks to be stored. */
export type Followup =
  /** Another NOTIFY, for which no CSeq has been provided yet. */
  | { readonly kind: 'again'; readonly key: ResourceKey; readonly dialog: string }
  /** The watcher is gone, as its subscription was then. */
  | { readonly kind: 'drop'; readonly key: ResourceKey; readonly failed: Subscription };

/** Resources in memory, the two generations of the cache. */
export interface Generations {
  readonly young: Map<string, Resource>;
  readonly old: Map<string, Resource>;
}

/** Times at which resources are to be looked at; see `Expiry`. */
export interface Schedule {
  readonly heap: Heap<ResourceKey>;
  readonly scheduled: Map<string, number>;
  readonly horizon: number;
}

export interface Handover {
  /** What is in memory belongs to this database and these tables; with others it means nothing. */
  readonly database: Database;
  readonly tables: string;
  readonly resources: Generations;
  readonly lines: Lines;
  readonly schedule: Schedule;
  /** Resources of which it is to be noted that no NOTIFY is owed. */
  readonly quiet: Map<string, ResourceKey>;
  readonly followups: readonly Followup[];
  /** Whether what the last run of the server owed has been taken up. */
  readonly resumed: boolean;
  /** Unix seconds of the next search for records that end. */
  readonly nextSweep: number;
  readonly duties: DutyState;
  /** Undefined: the only node. */
  readonly members: MembersState | undefined;
}

/** Another database, or other tables: what was in memory has nothing to do with what is stored there. */
export function belongsTo(handover: Handover, database: Database, settings: TableNames): boolean {
  return handover.database === database && handover.tables === tablesOf(settings);
}

export function tablesOf({ presentityTable, activeWatchersTable, watchersTable }: TableNames): string {
  return JSON.stringify([presentityTable, activeWatchersTable, watchersTable]);
}
