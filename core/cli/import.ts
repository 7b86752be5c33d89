// Owns `rollcall db import`: hands the old server's database and ours to the modules that take over, and tells what became of it.
import { parseArgs } from 'node:util';
import { RollcallError } from '../base/errors';
import { silentLogger } from '../base/logger';
import { type Config, parseConfig, readConfig } from '../config/config';
import type { Database, DatabaseDriver } from '../db/database';
import { type SourceDatabase, type Takeover, TakeoverReport, type Tally } from '../db/takeover';
import { type DatabaseUrl, parseDatabaseUrl } from '../db/url';
import { driverFor } from '../module/databases';
import { ModuleLoader } from '../module/loader';
import { databaseDrivers, takeovers } from '../module/points';
import type { Terminal } from './client-target';
import { inspect } from './inspect';

/** ms between two lines of progress. */
const beat = 2000;

/** Runs `rollcall db import --from URL --to URL [-f FILE]`. */
export async function importDatabase(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { from: { type: 'string' }, to: { type: 'string' }, file: { type: 'string', short: 'f' } },
  });
  const from = urlOf('--from', values.from);
  const to = urlOf('--to', values.to);
  if (from.safe === to.safe) {
    throw new RollcallError(`--from and --to are the same database, ${from.safe}`, {
      hint: 'give Rollcall a database of its own: the old server’s is read and stays as it is',
    });
  }
  const config = values.file === undefined ? everyModule() : readConfig(values.file);
  return inspect(config, async ({ host }) => {
    const takers = host.registry.collect(takeovers);
    if (takers.size === 0) throw nobody(values.file);
    const drivers = host.registry.collect(databaseDrivers);
    const source = await sourceOf(from, drivers);
    try {
      const target = await driverFor(to, drivers).open(to, silentLogger);
      try {
        return await takeOver(takers, source, target, terminal);
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  });
}

function urlOf(option: string, text: string | undefined): DatabaseUrl {
  if (text === undefined) {
    throw new RollcallError(`${option} is missing`, {
      hint: 'rollcall db import --from mysql://user:password@host/kamailio --to mysql://user:password@host/rollcall',
    });
  }
  const parsed = parseDatabaseUrl(text, process.cwd());
  if (!parsed.ok) throw new RollcallError(`${option} ${parsed.problem}`);
  return parsed.url;
}

/** Every module that comes with the server, at its defaults. */
function everyModule(): Config {
  return parseConfig('import', JSON.stringify({ loadmodule: new ModuleLoader([]).names }));
}

function nobody(file: string | undefined): RollcallError {
  return new RollcallError(`no module ${file === undefined ? '' : `of ${file} `}takes anything over`, {
    hint: 'presence does: `rollcall check` says why it cannot be set up',
  });
}

async function sourceOf(url: DatabaseUrl, drivers: ReadonlyMap<string, DatabaseDriver>): Promise<SourceDatabase> {
  const source = await driverFor(url, drivers).source?.(url, silentLogger);
  if (source !== undefined) return source;
  throw new RollcallError(`${url.scheme}: databases of other servers cannot be read`);
}

async function takeOver(
  takers: ReadonlyMap<string, Takeover>,
  source: SourceDatabase,
  target: Database,
  terminal: Terminal,
): Promise<number> {
  const report = new TakeoverReport();
  const timer = setInterval(() => {
    const tally = report.tallies.at(-1);
    if (tally !== undefined) terminal.err(progress(tally));
  }, beat);
  try {
    for (const taker of takers.values()) await taker.run(source, target, report);
  } catch (error) {
    summarise(report, terminal);
    terminal.err('not finished: what was taken over is stored, and the same command goes on from there');
    throw error;
  } finally {
    clearInterval(timer);
  }
  summarise(report, terminal);
  return 0;
}

function progress({ table, read, expected, taken }: Tally): string {
  return `${table}: ${read} of about ${Math.max(read, expected)} rows read, ${taken} taken`;
}

function summarise(report: TakeoverReport, terminal: Terminal): void {
  for (const { table, read, taken, known, refused } of report.tallies) {
    const left = [...refused.values()].reduce((sum, { count }) => sum + count, 0);
    terminal.out(`${table}: ${read} rows read, ${taken} taken, ${known} taken before, ${left} refused`);
    for (const [reason, { count, example }] of refused)
      terminal.out(`  ${count} refused: ${reason} (first ${example})`);
  }
}
