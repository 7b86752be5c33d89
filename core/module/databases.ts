// Owns the databases in use: opened once per URL through the driver of its scheme, closed when the server stops.
import { RollcallError } from '../base/errors';
import type { Logger } from '../base/logger';
import type { StringParam } from '../base/params';
import type { Database, DatabaseDriver } from '../db/database';
import { type DatabaseUrl, parseDatabaseUrl } from '../db/url';

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
  return async (url, drivers) => {
    const driver = drivers.get(url.scheme);
    if (driver === undefined) {
      throw new RollcallError(`db_url uses ${url.scheme}: and no loaded module serves that`, {
        hint: `add \`- ${driverModule(url)}\` to loadmodule`,
      });
    }
    return driver.open(url, log);
  };
}

/** The databases of one server. */
export class Databases {
  readonly #opened = new Map<string, Promise<Database>>();

  constructor(
    private readonly baseDir: string,
    private readonly drivers: ReadonlyMap<string, DatabaseDriver>,
    private readonly openNew: OpenDatabase,
  ) {}

  /** The database of this URL, the same one for everybody who asks. */
  async open(text: string): Promise<Database> {
    const parsed = parseDatabaseUrl(text, this.baseDir);
    if (!parsed.ok) throw new RollcallError(`db_url ${parsed.problem}`);
    const key = identity(parsed.url);
    const known = this.#opened.get(key);
    if (known !== undefined) return known;
    const opening = this.openNew(parsed.url, this.drivers);
    this.#opened.set(key, opening);
    // A failed attempt must not stand in the way of the next one.
    opening.catch(() => this.#opened.delete(key));
    return opening;
  }

  /** Closes all of them; what they had accepted is stored first. Errors come back as a list, every one is closed. */
  async close(): Promise<unknown[]> {
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    const results = await Promise.allSettled(opened.map(async (database) => (await database).close()));
    return results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  }
}

/** Two users or two passwords are two databases: what one may do the other may not. */
function identity(url: DatabaseUrl): string {
  if (url.scheme === 'sqlite') return url.safe;
  return JSON.stringify([url.safe, url.password, [...url.options]]);
}
