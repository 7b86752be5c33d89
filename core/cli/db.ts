// Owns `rollcall db`: makes and migrates the tables of a config's databases, and says what it did; `db import` is beside it.

import { RollcallError } from '../base/errors';
import { silentLogger } from '../base/logger';
import { didYouMean } from '../base/nearest';
import { formatProblem } from '../base/problem';
import { readConfig } from '../config/config';
import type { Change, Database, DatabaseDriver, Outcome, Row, Select, Table, TableStep } from '../db/database';
import { openMemoryDatabase } from '../db/memory';
import type { DatabaseUrl } from '../db/url';
import { driverFor } from '../module/databases';
import type { Terminal } from './client-target';
import { configArguments } from './command';
import { importDatabase } from './import';
import { inspect } from './inspect';

export const dbUsage = `rollcall db migrate -f FILE   make and migrate the tables that a config's modules need

Says what was done with each table. Works with db_auto_migrate off, so that the server itself
needs no right to change tables. A table that is newer or somebody else's is refused by name.

rollcall db import --from URL --to URL [-f FILE]   take over what another server has stored

  --from URL   the database of a Kamailio or OpenSIPS presence server: mysql://… or sqlite:PATH.
               It is read and never changed.
  --to URL     Rollcall's own; its tables are made when they are missing
  -f FILE      a config whose modules and parameters count (table names, waiting_subs_daysno);
               without it all modules at their defaults

Running it again takes what the old server has changed since, and nothing twice. Stop the old
server before the last run: it may keep in memory what it has not written.`;

/** Runs the command. */
export async function db(args: readonly string[], terminal: Terminal): Promise<number> {
  if (args[0] === 'import') return importDatabase(args.slice(1), terminal);
  const { file, words } = configArguments(args);
  const [action, ...rest] = words;
  if (action !== 'migrate' || rest.length > 0) {
    const asked = words.join(' ');
    throw new RollcallError(
      asked === '' ? 'nothing to do' : `\`db ${asked}\` is not known${didYouMean(asked, ['migrate', 'import'])}`,
      {
        hint: '`rollcall help db` says more',
      },
    );
  }
  return migrate(file, terminal);
}

async function migrate(file: string, terminal: Terminal): Promise<number> {
  const reports: { url: string; steps: readonly TableStep[] }[] = [];
  let failure: unknown;
  const open = async (url: DatabaseUrl, drivers: ReadonlyMap<string, DatabaseDriver>) => {
    const driver = driverFor(url, drivers);
    return new MigratingDatabase(async (tables) => {
      try {
        reports.push({ url: url.safe, steps: await driver.migrate(url, tables, silentLogger) });
      } catch (error) {
        failure = error;
        throw error;
      }
    }, url.safe);
  };
  return inspect(
    readConfig(file),
    ({ problems }) => {
      for (const { url, steps } of reports) for (const step of steps) terminal.out(`${url}: ${describe(step)}`);
      if (failure !== undefined) throw failure;
      for (const problem of problems) terminal.err(formatProblem(problem));
      if (problems.length > 0) return 1;
      if (reports.length === 0) terminal.out(`${file}: no module keeps anything in a database`);
      return 0;
    },
    open,
  );
}

function describe({ table, action, from, to }: TableStep): string {
  if (action === 'created') return `table ${table} was made, version ${to}`;
  if (action === 'migrated') return `table ${table} was migrated from version ${from} to ${to}`;
  return `table ${table} has version ${to} already`;
}

/** What modules get while tables are made: their tables go to the real database, whatever else they do at set-up goes nowhere. */
class MigratingDatabase implements Database {
  readonly #inner = openMemoryDatabase();

  constructor(
    private readonly migrate: (tables: readonly Table[]) => Promise<void>,
    readonly url: string,
  ) {}

  async prepare(tables: readonly Table[]): Promise<void> {
    await this.migrate(tables);
    await this.#inner.prepare(tables);
  }

  select(queries: readonly Select[]): Promise<Row[][]> {
    return this.#inner.select(queries);
  }

  commit(change: Change): Promise<Outcome> {
    return this.#inner.commit(change);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
