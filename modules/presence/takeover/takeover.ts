// Owns taking over a Kamailio or OpenSIPS presence database: its tables looked at, then read page by page in the right order.
import {
  type Database,
  RollcallError,
  type SourceDatabase,
  type SourceTable,
  type Table,
  type Takeover,
  type TakeoverReport,
  type Tally,
} from '../../../core/api';
import { schemaOf, type TableNames } from '../store/schema';
import { Store } from '../store/store';
import { publicationCandidate, type ReadCandidate, subscriptionCandidate, watcherCandidate } from './candidates';
import { takeDocuments } from './documents';
import { memoryTable } from './memory';
import type { Circumstances } from './records';
import { takeRecords } from './resources';
import { knownTables, readable, rowOf, type SourceRow } from './tables';

export interface TakeoverOptions {
  readonly names: TableNames;
  /** As of the moment it is called. */
  circumstances(): Circumstances;
}

/** Takes rows that were read together. */
type Take = (rows: readonly SourceRow[], tally: Tally) => Promise<void>;

/** Rows that are read, judged and stored together. */
const pageSize = 500;

export function presenceTakeover(options: TakeoverOptions): Takeover {
  return {
    summary: 'publications, subscriptions, waiting watchers and XCAP documents of Kamailio and OpenSIPS',
    async run(source, target, report) {
      const tables = await lookAt(source);
      const schema = schemaOf(options.names);
      const store = new Store(target, schema);
      await store.prepare();
      await target.prepare([memoryTable]);
      const takes: ReadonlyMap<string, Take> = takesOf(options, target, store);
      for (const [name, take] of takes) {
        const found = tables.get(name);
        if (found !== undefined) await eachPage(source, found, report, take);
      }
    },
  };
}

/** In this order: rules before what they are about, and watchers last, because whoever is subscribed does not wait. */
function takesOf(options: TakeoverOptions, target: Database, store: Store): Map<string, Take> {
  const records =
    (read: ReadCandidate): Take =>
    (rows, tally) =>
      takeRecords({ rows, read, target, store, around: options.circumstances(), tally });
  return new Map<string, Take>([
    [knownTables.xcap.name, (rows, tally) => takeDocuments(rows, target, schemaOf(options.names).xcap, tally)],
    [knownTables.presentity.name, records(publicationCandidate)],
    [knownTables.activeWatchers.name, records(subscriptionCandidate)],
    [knownTables.watchers.name, records(watcherCandidate)],
  ]);
}

interface FoundTable {
  readonly table: Table;
  readonly found: SourceTable;
}

/** The tables that are there, all of them looked at before anything is stored. @throws RollcallError */
async function lookAt(source: SourceDatabase): Promise<Map<string, FoundTable>> {
  const known = Object.values(knownTables);
  const names = known.map(({ name }) => name);
  const there = await source.look(names);
  if (there.size === 0) {
    throw new RollcallError(`${source.url} has none of the tables ${names.join(', ')}`, {
      hint: '--from names the database of a Kamailio or OpenSIPS presence server',
    });
  }
  return new Map(
    known.flatMap((each) => {
      const found = there.get(each.name);
      return found === undefined ? [] : [[each.name, { found, table: readable(each, found, source.url) }] as const];
    }),
  );
}

async function eachPage(
  source: SourceDatabase,
  { table, found }: FoundTable,
  report: TakeoverReport,
  take: Take,
): Promise<void> {
  const tally = report.begin(table.name, found.rows);
  for (let after = 0; ; ) {
    const query = { table, where: { id: { above: after } }, orderBy: 'id', limit: pageSize };
    const [page = []] = await source.select([query]);
    if (page.length === 0) return;
    tally.read += page.length;
    await take(
      page.map((values) => rowOf(table, values)),
      tally,
    );
    after = Number(page.at(-1)?.[0]);
  }
}
