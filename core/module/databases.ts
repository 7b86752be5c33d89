// Owns the databases in use: opened once per URL through the driver of its scheme, closed when the server stops.
import { RollcallError } from '../base/errors';
import { withinTime } from '../base/limit';
import type { Logger } from '../base/logger';
import type { Metrics } from '../base/metrics';
import type { StringParam } from '../base/params';
import type { CommitMeter, Database, DatabaseDriver } from '../db/database';
import { openMemoryDatabase } from '../db/memory';
import { type DatabaseUrl, parseDatabaseUrl } from '../db/url';
import { DatabaseHandle } from './database-handle';

/** The declaration of a parameter that holds a database URL: secret, checked, and asking for the driver's module. */
export function databaseUrlParam(doc: string) {
  return {
    type: 'string',
    default: undefined,
    secret: true,
    doc,
    check(value: string) {
      const parsed = parseDatabaseUrl(value, '/');
      return parsed.ok ? undefined : parsed.problem;
    },
    needs(value: string) {
      const parsed = parseDatabaseUrl(value, '/');
      return parsed.ok ? driverModule(parsed.url) : undefined;
    },
  } as const satisfies StringParam;
}

/** A driver's module is named after the scheme it serves, as in Kamailio. */
function driverModule(url: DatabaseUrl): string {
  return `db_${url.scheme}`;
}

/** How a database is opened: by a real driver, or by `check`, which opens nothing. */
export type OpenDatabase = (url: DatabaseUrl, drivers: ReadonlyMap<string, DatabaseDriver>) => Promise<Database>;

/** Opens through the driver that a module registered. */
export function openWithDriver(log: Logger): OpenDatabase {
  return async (url, drivers) => driverFor(url, drivers).open(url, log);
}

/** @throws RollcallError that names the module to load */
export function driverFor(url: DatabaseUrl, drivers: ReadonlyMap<string, DatabaseDriver>): DatabaseDriver {
  const driver = drivers.get(url.scheme);
  if (driver !== undefined) return driver;
  throw new RollcallError(`db_url uses ${url.scheme}: and no loaded module serves that`, {
    hint: `add \`- ${driverModule(url)}\` to loadmodule`,
  });
}

interface Opened {
  readonly url: DatabaseUrl;
  readonly handle: Promise<DatabaseHandle>;
}

/** The databases of one server. */
export class Databases {
  readonly #opened = new Map<string, Opened>();
  readonly #handles = new Set<DatabaseHandle>();
  /** By the module that keeps its state there. */
  readonly #inMemory = new Map<string, Database>();

  constructor(
    private readonly baseDir: string,
    private readonly drivers: ReadonlyMap<string, DatabaseDriver>,
    private readonly openNew: OpenDatabase,
  ) {}

  /** The database of this URL, the same one for everybody who asks. */
  async open(text: string): Promise<Database> {
    const parsed = parseDatabaseUrl(text, this.baseDir);
    if (!parsed.ok) throw new RollcallError(`db_url ${parsed.problem}`);
    const { url } = parsed;
    const key = identity(url);
    const known = this.#opened.get(key);
    if (known !== undefined) return known.handle;
    this.drivers.get(url.scheme)?.check?.(url);
    const handle = this.openNew(url, this.drivers).then((database) => new DatabaseHandle(database));
    this.#opened.set(key, { url, handle });
    handle.then((opened) => this.#handles.add(opened)).catch(() => {});
    // A failed attempt must not stand in the way of the next one.
    handle.catch(() => this.#opened.delete(key));
    return handle;
  }

  /** The database in memory of this module: it lasts as long as the module is loaded, reloads included. */
  inMemory(module: string): Database {
    let database = this.#inMemory.get(module);
    if (database === undefined) {
      database = openMemoryDatabase();
      this.#inMemory.set(module, database);
    }
    return database;
  }

  /** The module has gone for good, and what it kept in memory with it. */
  forget(module: string): void {
    this.#inMemory.delete(module);
  }

  /** URLs, without secrets, of the open databases that these schemes serve. */
  openOf(schemes: readonly string[]): string[] {
    return [...this.#opened.values()].filter(({ url }) => schemes.includes(url.scheme)).map(({ url }) => url.safe);
  }

  /**
   * Opens the databases of these schemes anew, through the drivers of now.
   * @returns for how long one of them made its users wait, at most, in ms
   * @throws when one cannot be opened; it stays as it was
   */
  async reopen(schemes: readonly string[]): Promise<number> {
    let pause = 0;
    for (const { url, handle } of this.#opened.values()) {
      if (!schemes.includes(url.scheme)) continue;
      pause = Math.max(pause, await (await handle).reopen(() => this.openNew(url, this.drivers)));
    }
    return pause;
  }

  /** URLs, without secrets, of those that do not answer within `ms`. */
  async silent(ms: number): Promise<string[]> {
    const asked = [...this.#opened.values()].map(async ({ url, handle }) => {
      try {
        await withinTime((await handle).ping(), ms, 'no answer');
        return [];
      } catch {
        return [url.safe];
      }
    });
    return (await Promise.all(asked)).flat();
  }

  /** Registers what is measured about the databases in use. */
  measure(metrics: Metrics): void {
    const labels = ['url'];
    const each = <T>(read: (groups: CommitMeter) => T) =>
      [...this.#handles].flatMap((handle) =>
        handle.groups === undefined ? [] : [{ labels: [handle.url], value: read(handle.groups) }],
      );
    metrics.observed(
      { name: 'waiting_changes', help: 'Changes that wait for the next group.', labels, type: 'gauge' },
      () => each((groups) => groups.waiting),
    );
    metrics.observedHistograms({ name: 'group_changes', help: 'Changes stored in one transaction.', labels }, () =>
      each((groups) => groups.changes),
    );
    metrics.observedHistograms({ name: 'commit_seconds', help: 'Time a transaction took.', labels }, () =>
      each((groups) => groups.seconds),
    );
  }

  /** Closes all of them; what they had accepted is stored first. Errors come back as a list, every one is closed. */
  async close(): Promise<unknown[]> {
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    this.#handles.clear();
    const results = await Promise.allSettled(opened.map(async ({ handle }) => (await handle).close()));
    return results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  }
}

/** Two users or two passwords are two databases: what one may do the other may not. */
function identity(url: DatabaseUrl): string {
  if (url.scheme === 'sqlite') return url.safe;
  return JSON.stringify([url.safe, url.password, [...url.options]]);
}
