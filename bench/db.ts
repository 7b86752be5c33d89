// Owns the measurement of a database: durable changes per second, latency and CPU of a change, with 1 to 1000 changes waiting.
// node dist/bench/db.js [sqlite:PATH | mysql://… | memory] [seconds per row] [presentities]; DB_PID=… also counts that process's CPU
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { systemClock } from '../core/base/clock';
import { silentLogger } from '../core/base/logger';
import { systemRandom } from '../core/base/random';
import type { Change, Database, Table, Value } from '../core/db/database';
import { openMemoryDatabase } from '../core/db/memory';
import { parseDatabaseUrl } from '../core/db/url';
import { openMysql } from '../modules/db_mysql/database';
import { readTarget } from '../modules/db_mysql/options';
import { openSqlite } from '../modules/db_sqlite/database';
import { schemaOf } from '../modules/presence/store/schema';

const { resource, presentity } = schemaOf({
  presentityTable: 'presentity',
  activeWatchersTable: 'active_watchers',
  watchersTable: 'watchers',
});

const body = Buffer.alloc(700, '<presence/>');

/** Writers that each wait for their own change before they hand in the next: so many changes wait at any time. */
async function commits(db: Database, waiting: number, ms: number, versions: number[]): Promise<Row> {
  const end = performance.now() + ms;
  const latencies: number[] = [];
  let sequence = 0;
  const share = Math.floor(versions.length / waiting);
  const before = [
    performance.now(),
    mainThreadMs(),
    performance.eventLoopUtilization(),
    serverMs(),
    processMs(),
  ] as const;
  const writer = async (number: number) => {
    while (performance.now() < end) {
      const user = number * share + (Math.floor(sequence++ * 7919) % share);
      const start = performance.now();
      const outcome = await db.commit(change(user, versions[user] ?? 0));
      if (outcome !== 'committed') throw new Error(`user ${user}: ${outcome}`);
      versions[user] = (versions[user] ?? 0) + 1;
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: waiting }, (_, number) => writer(number)));
  const seconds = (performance.now() - before[0]) / 1000;
  const main = mainThreadMs() - before[1];
  const all = processMs() - before[4];
  const server = serverMs() - before[3];
  latencies.sort((a, b) => a - b);
  return {
    waiting,
    'changes/s': Math.round(latencies.length / seconds),
    'rows/s': Math.round((2 * latencies.length) / seconds),
    'p50 ms': Number(latencies[latencies.length >> 1]?.toFixed(2)),
    'p99 ms': Number(latencies[Math.floor(latencies.length * 0.99)]?.toFixed(2)),
    'main µs/change': Number(((main * 1000) / latencies.length).toFixed(1)),
    'all µs/change': Number(((all * 1000) / latencies.length).toFixed(1)),
    ...(serverPid === undefined ? {} : { 'server µs/change': Number(((server * 1000) / latencies.length).toFixed(1)) }),
    'loop busy': Number(performance.eventLoopUtilization(before[2]).utilization.toFixed(2)),
  };
}

type Row = Record<string, number>;

const names = (user: number) => ({ username: `user${user}`, domain: 'example.com', event: 'presence' });
const uri = (user: number) => `sip:user${user}@example.com`;
const tag = (user: number, version: number) => `${String(version).padStart(8, 'a1b2c3d4')}${user % 10}`;

function rowOf(table: Table, values: Readonly<Record<string, Value>>): Value[] {
  return table.columns.map(({ name, default: standard }) => values[name] ?? standard ?? null);
}

/** What a PUBLISH stores: the first one both rows, a refresh the version and what is new of the publication. */
function change(user: number, version: number): Change {
  const { username, domain, event } = names(user);
  const now = 1_700_000_000 + (version >> 4);
  const ruid = tag(user, 0);
  const due = { version: version + 1, due_time: now + 3600 };
  const guard = {
    table: resource,
    row: rowOf(resource, { presentity_uri: uri(user), event, ...due }),
    versionColumn: 'version',
    expected: version,
    changed: [],
  };
  const set = { etag: tag(user, version), expires: now + 3600, received_time: now };
  if (version > 0) {
    return { guard, writes: [{ op: 'update', table: presentity, key: [username, domain, event, ruid], set }] };
  }
  const row = rowOf(presentity, { ...names(user), ...set, body, ruid, sequence: 1, changed_time: now });
  return { guard, writes: [{ op: 'put', table: presentity, row }] };
}

/** Loads of one resource each while `busy` writers commit: what a request waits whose resource is not in memory. */
async function loads(db: Database, reads: number, busy: number, ms: number, versions: number[]): Promise<Row> {
  const end = performance.now() + ms;
  const latencies: number[] = [];
  const main = mainThreadMs();
  const reader = async (number: number) => {
    for (let i = number; performance.now() < end; i++) {
      const user = (i * 7919) % versions.length;
      const start = performance.now();
      await db.select([
        { table: resource, where: { presentity_uri: uri(user), event: 'presence' } },
        { table: presentity, where: names(user) },
      ]);
      latencies.push(performance.now() - start);
    }
  };
  const writing = busy > 0 ? commits(db, busy, ms, versions) : undefined;
  await Promise.all(Array.from({ length: reads }, (_, number) => reader(number)));
  const spent = mainThreadMs() - main;
  const written = await writing;
  latencies.sort((a, b) => a - b);
  return {
    'reads waiting': reads,
    'writes waiting': busy,
    'loads/s': Math.round((latencies.length / ms) * 1000),
    'changes/s': written?.['changes/s'] ?? 0,
    'p50 ms': Number(latencies[latencies.length >> 1]?.toFixed(2)),
    'p99 ms': Number(latencies[Math.floor(latencies.length * 0.99)]?.toFixed(2)),
    'main µs/load': busy > 0 ? Number.NaN : Number(((spent * 1000) / latencies.length).toFixed(1)),
  };
}

/** CPU time of the main thread alone, from Linux's scheduler: the other threads belong to the database. */
function mainThreadMs(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
}

/** CPU time of all threads. */
function processMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The database server's process, if it is on this machine. */
const serverPid = process.env.DB_PID;

/** CPU time of the server, in clock ticks of 10 ms. */
function serverMs(): number {
  if (serverPid === undefined) return 0;
  const fields = readFileSync(`/proc/${serverPid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function main(): Promise<void> {
  const file = join(tmpdir(), `rollcall-bench-${process.pid}.db`);
  const target = process.argv[2] ?? `sqlite:${file}`;
  const ms = Number(process.argv[3] ?? 2) * 1000;
  const versions: number[] = new Array(Number(process.argv[4] ?? 10_000)).fill(0);
  const db = await open(target);
  await db.prepare([resource, presentity]);
  for (let user = 0; user < versions.length; user += 1000) {
    const users = Array.from({ length: Math.min(1000, versions.length - user) }, (_, i) => user + i);
    await Promise.all(users.map((number) => db.commit(change(number, 0))));
  }
  versions.fill(1);
  const table: Row[] = [];
  for (const waiting of [1, 10, 50, 200, 1000]) table.push(await commits(db, waiting, ms, versions));
  console.log(
    `${db.url}: a change is what a PUBLISH refresh stores, over ${versions.length} presentities with a body of ${body.length} bytes each`,
  );
  console.table(table);
  const reads: Row[] = [];
  for (const [count, busy] of [
    [1, 0],
    [100, 0],
    [1, 100],
    [100, 100],
  ] as const) {
    reads.push(await loads(db, count, busy, ms, versions));
  }
  console.table(reads);
  await db.close();
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
}

async function open(target: string): Promise<Database> {
  if (target === 'memory') return openMemoryDatabase();
  const parsed = parseDatabaseUrl(target, process.cwd());
  if (!parsed.ok) throw new Error(`the URL ${parsed.problem}`);
  const { url } = parsed;
  const common = { clock: systemClock, maxWaiting: 20_000 };
  if (url.scheme === 'sqlite') return openSqlite(url, silentLogger, { ...common, busyTimeout: 2000 });
  const options = {
    ...common,
    random: systemRandom(),
    timeout: 5000,
    lockTimeout: 2,
    commitDelay: 0,
    autoMigrate: true,
  };
  return openMysql(readTarget(url, process.cwd()), silentLogger, options);
}

void main();
