// Owns the measurement of a database: durable changes per second, latency and main-thread cost, with 1 to 1000 changes waiting.
// node dist/bench/db.js [sqlite:PATH | mysql://… | memory] [seconds per row] [presentities]; DB_PID=… also counts that process's CPU
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { systemClock } from '../core/base/clock';
import { silentLogger } from '../core/base/logger';
import { systemRandom } from '../core/base/random';
import type { Change, Database, Table } from '../core/db/database';
import { openMemoryDatabase } from '../core/db/memory';
import { parseDatabaseUrl } from '../core/db/url';
import { openMysql } from '../modules/db_mysql/database';
import { readTarget } from '../modules/db_mysql/options';
import { openSqlite } from '../modules/db_sqlite/database';

const resource: Table = {
  name: 'resource',
  version: 1,
  columns: [
    { name: 'username', type: 'text', size: 64 },
    { name: 'domain', type: 'text', size: 64 },
    { name: 'event', type: 'text', size: 64 },
    { name: 'version', type: 'integer' },
    { name: 'fanouts', type: 'integer' },
    { name: 'updated', type: 'integer' },
  ],
  primaryKey: ['username', 'domain', 'event'],
};

const presentity: Table = {
  name: 'presentity',
  version: 5,
  id: true,
  columns: [
    { name: 'username', type: 'text', size: 64 },
    { name: 'domain', type: 'text', size: 64 },
    { name: 'event', type: 'text', size: 64 },
    { name: 'etag', type: 'text', size: 128 },
    { name: 'expires', type: 'integer' },
    { name: 'received_time', type: 'integer' },
    { name: 'body', type: 'blob' },
    { name: 'sender', type: 'text', size: 255 },
    { name: 'priority', type: 'integer', default: 0 },
    { name: 'ruid', type: 'text', size: 64, nullable: true },
  ],
  primaryKey: ['username', 'domain', 'event', 'etag'],
  indexes: [
    { name: 'presentity_expires', columns: ['expires'] },
    { name: 'account_idx', columns: ['username', 'domain', 'event'] },
  ],
};

const body = Buffer.alloc(700, '<presence/>');

/** Writers that each wait for their own change before they hand in the next: so many changes wait at any time. */
async function commits(db: Database, waiting: number, ms: number, versions: number[]): Promise<Row> {
  const end = performance.now() + ms;
  const latencies: number[] = [];
  let sequence = 0;
  const share = Math.floor(versions.length / waiting);
  const before = [performance.now(), mainThreadMs(), performance.eventLoopUtilization(), serverMs()] as const;
  const writer = async (number: number) => {
    while (performance.now() < end) {
      const user = number * share + (Math.floor(sequence++ * 7919) % share);
      const start = performance.now();
      const outcome = await db.commit(change(user, versions[user] ?? 0, sequence));
      if (outcome !== 'committed') throw new Error(`user ${user}: ${outcome}`);
      versions[user] = (versions[user] ?? 0) + 1;
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: waiting }, (_, number) => writer(number)));
  const seconds = (performance.now() - before[0]) / 1000;
  const main = mainThreadMs() - before[1];
  const server = serverMs() - before[3];
  latencies.sort((a, b) => a - b);
  return {
    waiting,
    'changes/s': Math.round(latencies.length / seconds),
    'rows/s': Math.round((2 * latencies.length) / seconds),
    'p50 ms': Number(latencies[latencies.length >> 1]?.toFixed(2)),
    'p99 ms': Number(latencies[Math.floor(latencies.length * 0.99)]?.toFixed(2)),
    'main µs/change': Number(((main * 1000) / latencies.length).toFixed(1)),
    ...(serverPid === undefined ? {} : { 'server µs/change': Number(((server * 1000) / latencies.length).toFixed(1)) }),
    'loop busy': Number(performance.eventLoopUtilization(before[2]).utilization.toFixed(2)),
  };
}

type Row = Record<string, number>;

function change(user: number, version: number, sequence: number): Change {
  const name = `user${user}`;
  const now = 1_700_000_000 + (sequence >> 10);
  return {
    guard: {
      table: resource,
      row: [name, 'example.com', 'presence', version + 1, sequence, now],
      versionColumn: 'version',
      expected: version,
    },
    writes: [
      {
        op: 'put',
        table: presentity,
        row: [name, 'example.com', 'presence', `a1b2c3d4e5f6g7h8`, now + 3600, now, body, '', 0, null],
      },
    ],
  };
}

/** Loads of one resource each while `busy` writers commit: what a request waits whose resource is not in memory. */
async function loads(db: Database, reads: number, busy: number, ms: number, versions: number[]): Promise<Row> {
  const end = performance.now() + ms;
  const latencies: number[] = [];
  const main = mainThreadMs();
  const reader = async (number: number) => {
    for (let i = number; performance.now() < end; i++) {
      const where = { username: `user${(i * 7919) % versions.length}`, domain: 'example.com', event: 'presence' };
      const start = performance.now();
      await db.select([
        { table: resource, where },
        { table: presentity, where },
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
    await Promise.all(users.map((number) => db.commit(change(number, 0, 0))));
  }
  versions.fill(1);
  const table: Row[] = [];
  for (const waiting of [1, 10, 100, 1000]) table.push(await commits(db, waiting, ms, versions));
  console.log(
    `${db.url}: a change is a guard row of 6 columns and a presentity row of 10 with a body of ${body.length} bytes`,
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
  const options = { ...common, random: systemRandom(), timeout: 5000, lockTimeout: 2, autoMigrate: true };
  return openMysql(readTarget(url, process.cwd()), silentLogger, options);
}

void main();
