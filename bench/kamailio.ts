// Owns the peer: Kamailio with its presence module, in memory or on a durable MariaDB, each set up as its manual advises.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Mariadb, mariadbMissing } from '../test/support/mariadb';
import { freePort } from '../test/support/ports';
import { root } from '../test/support/tree';
import { bound } from './bound';
import { startMariadb } from './mariadb';
import { ended, type Kind, type Target } from './target';

const program = process.env.KAMAILIO ?? 'kamailio';
const tables = '/usr/share/kamailio/mysql';
/** MB of shared memory. */
const sharedMemory = '4096';
/** ms for its processes to come up behind the bound port. */
const settle = 1500;

interface Mode {
  /** `subs_db_mode` and `publ_cache` of its presence module */
  readonly subscriptions: number;
  readonly publications: number;
  /** worker processes: those that were fastest on two cores */
  readonly children: number;
  readonly database: boolean;
}

const modes: Readonly<Record<string, Mode>> = {
  // Keeps nothing over a restart.
  'kamailio-memory': { subscriptions: 0, publications: 2, children: 2, database: false },
  // Its default: what it acknowledged is written later.
  'kamailio-writeback': { subscriptions: 2, publications: 1, children: 16, database: true },
  // Answers after the write, NOTIFYs at once (notifier_processes 0): the durable one.
  'kamailio-dbonly': { subscriptions: 3, publications: 0, children: 16, database: true },
};

/** The modes that can run on this machine, and why the others cannot. */
export function kamailios(): { kinds: Kind[]; missing: string[] } {
  if (spawnSync(program, ['-v'], { stdio: 'ignore' }).error !== undefined) {
    const packages = 'kamailio kamailio-presence-modules kamailio-mysql-modules kamailio-xml-modules';
    return { kinds: [], missing: [`kamailio is not installed (Debian: ${packages})`] };
  }
  const withoutDatabase =
    mariadbMissing || (existsSync(tables) ? undefined : `${tables} is not there (kamailio-mysql-modules)`);
  const kinds = Object.entries(modes)
    .filter(([, mode]) => !(mode.database && withoutDatabase))
    .map(([name, mode]) => ({ name, start: () => start(name, mode) }));
  return { kinds, missing: withoutDatabase ? [withoutDatabase] : [] };
}

export function kamailioVersion(): string {
  return /kamailio [\d.]+/.exec(spawnSync(program, ['-v'], { encoding: 'utf8' }).stdout ?? '')?.[0] ?? '';
}

async function start(name: string, mode: Mode): Promise<Target> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-kamailio-'));
  const mariadb = mode.database ? await startDatabase() : undefined;
  writeFileSync(join(folder, 'kamailio.cfg'), configuration(port, mode));
  const args = ['-DD', '-E', '-m', sharedMemory, '-M', '64', '-x', 'tlsf', '-f', join(folder, 'kamailio.cfg')];
  const child = spawn(program, [...args, '-Y', folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...(mariadb && { MYSQL_UNIX_PORT: mariadb.socket }) },
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4000);
  });
  const stop = async () => {
    child.kill();
    await ended(child);
    await mariadb?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await bound(port, child, () => log);
    await sleep(settle);
  } catch (error) {
    await stop();
    throw error;
  }
  return { name, port, processes: { server: child.pid ?? 0, ...(mariadb && { db: mariadb.pid }) }, stop };
}

async function startDatabase(): Promise<Mariadb> {
  const mariadb = await startMariadb();
  for (const name of ['standard', 'presence']) {
    await mariadb.sql(readFileSync(join(tables, `${name}-create.sql`), 'utf8'), 'bench');
  }
  return mariadb;
}

function configuration(port: number, { subscriptions, publications, children, database }: Mode): string {
  const values: Readonly<Record<string, string | number>> = {
    PORT: port,
    CHILDREN: children,
    SUBSMODE: subscriptions,
    PUBLCACHE: publications,
    DB: database ? '' : '#',
  };
  const template = readFileSync(join(root, 'bench', 'kamailio.cfg.in'), 'utf8');
  return template.replace(/@([A-Z]+)@/g, (whole, name: string) => String(values[name] ?? whole));
}
