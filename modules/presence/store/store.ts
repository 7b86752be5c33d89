// Owns reading resources from the database and storing their changes: one guarded, atomic change a resource.
import type { Database, Outcome, Row, Select, Write } from '../../../core/api';
import type { ResourceChange } from '../changes';
import {
  emptyResource,
  isEmpty,
  keyOfUri,
  nextExpiry,
  owed,
  type Resource,
  type ResourceKey,
  type Stored,
} from '../resource';
import { addSubscription } from '../subscribers';
import { eventOf, readSubscriptionRow } from './dialogs';
import {
  changedColumns,
  readPublicationRow,
  readResourceRow,
  readRulesRows,
  readWatcherRow,
  resourceRow,
  writesOf,
} from './rows';
import type { Schema } from './schema';

/** What a search for records that end has found. */
export interface Ending {
  readonly records: readonly { readonly key: ResourceKey; readonly at: number }[];
  /** Unix seconds. */
  readonly complete: number;
}

/** A resource whose watchers may not have been told of the last change. */
export interface Owing {
  readonly key: ResourceKey;
  /** Those too who may not know of the state. */
  readonly all: boolean;
  /** The node that was to tell them; 0: the only one there was. */
  readonly notifier: number;
}

const selectsEach = 5;
const presRules = 2;

export class Store {
  constructor(
    private readonly database: Database,
    private readonly schema: Schema,
  ) {}

  prepare(): Promise<void> {
    const { presentity, activeWatchers, watchers, resource, xcap, node } = this.schema;
    return this.database.prepare([presentity, activeWatchers, watchers, resource, xcap, node]);
  }

  /** Reads resources, all of the same moment, in one round trip. @throws DatabaseUnavailable */
  async load(keys: readonly ResourceKey[]): Promise<Resource[]> {
    const answers = await this.database.select(keys.flatMap((key) => this.selects(key)));
    return keys.map((key, i) => {
      const [row, publications, subscriptions, watchers, rules] = answers.slice(i * selectsEach, (i + 1) * selectsEach);
      const resource = emptyResource(key);
      if (row?.[0]) readResourceRow(resource, row[0]);
      for (const each of publications ?? []) {
        const publication = readPublicationRow(each);
        resource.publications.set(publication.etag, publication);
      }
      addSubscriptions(resource, subscriptions ?? []);
      for (const each of watchers ?? []) {
        const watcher = readWatcherRow(each);
        resource.watchers.set(watcher.watcher, watcher);
      }
      resource.rules = readRulesRows(rules ?? []);
      resource.dueAt = nextExpiry(resource);
      return resource;
    });
  }

  /**
   * Stores changes that have been made in `resource`, if the stored version is still the one that `resource` has; the row
   * gets what `next` says. @param also what is to be stored in the same moment. @throws DatabaseUnavailable
   */
  commit(
    resource: Resource,
    next: Stored,
    changes: readonly ResourceChange[],
    also: readonly Write[] = [],
  ): Promise<Outcome> {
    const writes: Write[] = [...also];
    for (const change of changes) writes.push(...writesOf(this.schema, resource.key, change, next.version));
    if (isEmpty(resource)) {
      writes.push({ op: 'delete', table: this.schema.resource, key: [resource.key.uri, resource.key.event] });
    }
    const guard = {
      table: this.schema.resource,
      row: resourceRow(resource, next),
      versionColumn: 'version',
      expected: resource.version,
      changed: changedColumns(resource, next, changes),
    };
    return this.database.commit({ guard, writes });
  }

  /** Calls back when what is decided then goes into the next group of changes, see `Database.whenReady`. */
  whenReady(call: () => void): void {
    if (this.database.whenReady === undefined) call();
    else this.database.whenReady(call);
  }

  /** Notes that no NOTIFY is owed any more, unless the resource has moved on. */
  async settle({ key, version }: Resource): Promise<void> {
    await this.database.commit({
      writes: [
        {
          op: 'update',
          table: this.schema.resource,
          key: [key.uri, key.event],
          set: { notify_pending: null, notifier: 0 },
          where: { version },
        },
      ],
    });
  }

  /** Where a dialog belongs that the To header does not lead to: the presentity's URI. */
  async findDialog(callId: string, toTag: string, fromTag: string): Promise<string | undefined> {
    const [rows] = await this.database.select([
      {
        table: this.schema.activeWatchers,
        where: { callid: callId, to_tag: toTag, from_tag: fromTag },
        columns: ['presentity_uri'],
      },
    ]);
    return rows?.[0] === undefined ? undefined : String(rows[0][0]);
  }

  /**
   * The soonest `limit` resources of which a record may end, or a rule begin or end, at or before `until` (unix s), with a
   * moment before which nothing does. `complete` says up to when there are no others.
   */
  async ending(until: number, limit: number): Promise<Ending> {
    const [rows = []] = await this.database.select([
      {
        table: this.schema.resource,
        where: { due_time: { atMost: until } },
        orderBy: 'due_time',
        limit,
        columns: [...named, 'due_time'],
      },
    ]);
    const records = rows.map((row) => ({ key: keyOf(row), at: Number(row[2]) }));
    return { records, complete: rows.length < limit ? until : (records.at(-1)?.at ?? until) };
  }

  /** Resources whose watchers may not have been told of the last change. @throws DatabaseUnavailable */
  async owing(): Promise<readonly Owing[]> {
    const columns = [...named, 'notify_pending', 'notifier'];
    const [rows = []] = await this.database.select([
      { table: this.schema.resource, where: { notify_pending: { above: 0 } }, columns },
    ]);
    return rows.map((row) => {
      return { key: keyOf(row), all: row[2] === owed.ownEvents, notifier: Math.abs(Number(row[3])) };
    });
  }

  /** Resources of which this node is to tell what others have changed, with their versions. @throws DatabaseUnavailable */
  async handedTo(node: number): Promise<{ readonly key: ResourceKey; readonly version: number }[]> {
    const where = { notify_pending: { in: [owed.state, owed.ownEvents] }, notifier: -node };
    const columns = [...named, 'version'];
    const [rows = []] = await this.database.select([{ table: this.schema.resource, where, columns }]);
    return rows.map((row) => ({ key: keyOf(row), version: Number(row[2]) }));
  }

  private selects(key: ResourceKey): Select[] {
    const { presentity, activeWatchers, watchers, resource, xcap } = this.schema;
    const watched = { presentity_uri: key.uri, event: key.event };
    const ifFound: Select = { table: resource, where: watched };
    return [
      ifFound,
      // Without the row of the resource there are none: most of what is read is about to be published for the first time.
      { table: presentity, where: { username: key.user, domain: key.domain, event: key.event }, ifFound },
      {
        table: activeWatchers,
        where: { presentity_uri: key.uri, event: { in: [eventOf(key, false), eventOf(key, true)] } },
        ifFound,
      },
      { table: watchers, where: watched },
      {
        table: xcap,
        where: { username: key.user, domain: key.domain, doc_type: presRules },
        columns: ['doc_uri', 'doc'],
      },
    ];
  }
}

/** Columns that name a resource. */
const named = ['presentity_uri', 'event'];

function addSubscriptions(resource: Resource, rows: readonly Row[]): void {
  const versions = resource.notifier < 0 ? new Map<string, number>() : undefined;
  for (const row of rows) {
    const { subscription, ends, version } = readSubscriptionRow(row);
    versions?.set(subscription.id, version);
    if (ends === undefined) addSubscription(resource, subscription);
    else {
      resource.partings ??= new Map();
      resource.partings.set(subscription.id, { subscription, reason: ends });
    }
  }
  resource.eventVersions = versions;
}

function keyOf(row: Row): ResourceKey {
  return keyOfUri(String(row[0]), String(row[1]));
}
