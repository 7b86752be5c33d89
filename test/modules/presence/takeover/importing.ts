// Owns an import under test: an old server's tables in a file, our database in memory, and what became of each row.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../../../core/db/database';
import { openMemoryDatabase } from '../../../../core/db/memory';
import { TakeoverReport } from '../../../../core/db/takeover';
import { SqliteSource } from '../../../../modules/db_sqlite/source';
import { applyChanges, type ResourceChange } from '../../../../modules/presence/changes';
import { keyOfUri, nextVersion, type Resource } from '../../../../modules/presence/resource';
import { schemaOf } from '../../../../modules/presence/store/schema';
import { Store } from '../../../../modules/presence/store/store';
import { presenceTakeover } from '../../../../modules/presence/takeover/takeover';
import { fakePackage, fakeWinfo } from '../engine';
import { now, OldServer } from './old-server';

const names = { presentityTable: 'presentity', activeWatchersTable: 'active_watchers', watchersTable: 'watchers' };
const alice = keyOfUri('sip:alice@example.org', 'presence');
export const days = 86_400;

/** Close it at the end of the test. */
export class Importing {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rollcall-takeover-'));
  readonly old: OldServer;
  readonly target = openMemoryDatabase();
  readonly #store = new Store(this.target, schemaOf(names));

  constructor(kind: 'kamailio' | 'opensips' = 'kamailio') {
    this.old = new OldServer(join(this.#folder, `${kind}.db`), kind);
  }

  /** Runs an import; for each table [read, taken, taken before], and the reasons with how many they are about. */
  async run(
    target: Database = this.target,
  ): Promise<{ tallies: Record<string, readonly number[]>; reasons: string[] }> {
    const source = new SqliteSource(this.old.path, `sqlite:${this.old.path}`);
    const report = new TakeoverReport();
    let tokens = 0;
    const circumstances = () => ({
      events: new Map([['presence', fakePackage]]),
      watcherinfo: new Map([['application/watcherinfo+xml', fakeWinfo]]),
      now,
      waitingTime: 3 * days,
      token: () => `token${++tokens}`,
    });
    try {
      await presenceTakeover({ names, circumstances }).run(source, target, report);
    } finally {
      await source.close();
    }
    const tallies = report.tallies.map(({ table, read, taken, known }) => [table, [read, taken, known]] as const);
    const reasons = report.tallies.flatMap(({ refused }) =>
      [...refused].map(([reason, { count }]) => `${count} ${reason}`),
    );
    return { tallies: Object.fromEntries(tallies), reasons };
  }

  /** What is stored of the presentity that the rows are about. */
  async loaded(): Promise<Resource> {
    const [resource] = await this.#store.load([alice]);
    assert.ok(resource);
    return resource;
  }

  /** A change that a server at work makes. */
  async commit(change: (resource: Resource) => ResourceChange): Promise<void> {
    const resource = await this.loaded();
    const changes = [change(resource)];
    applyChanges(resource, changes);
    const next = { version: nextVersion(resource, now * 1000), owed: 0, notifier: 0 };
    assert.equal(await this.#store.commit(resource, next, changes), 'committed');
  }

  close(): void {
    this.old.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
