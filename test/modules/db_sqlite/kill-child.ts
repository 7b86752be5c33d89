// Owns the victim of the kill test: commits without end and prints each change once it is acknowledged.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../core/base/clock';
import { silentLogger } from '../../../core/base/logger';
import { openSqlite } from '../../../modules/db_sqlite/database';
import { items, put, versions } from '../../core/db/sample';

/** Written at once, whatever happens next; the pipe may be full because its reader is slow. */
function tell(line: string): void {
  for (;;) {
    try {
      writeSync(1, line);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
  }
}

async function main(): Promise<void> {
  const path = join(process.argv[2] ?? '.', 'rollcall.db');
  const db = await openSqlite({ scheme: 'sqlite', path, safe: path }, silentLogger, {
    clock: systemClock,
    busyTimeout: 2000,
    maxWaiting: 1000,
  });
  const bodySize = Number(process.argv[4]);
  await db.prepare([versions, items]);
  const [rows = []] = await db.select([{ table: versions, where: {} }]);
  const stored = new Map(rows.map((row) => [row[0], Number(row[1])]));
  const writer = async (name: string) => {
    for (let version = stored.get(name) ?? 0; ; version++) {
      const outcome = await db.commit({
        guard: { table: versions, row: [name, version + 1, null], versionColumn: 'version', expected: version },
        writes: [put(name, `${version + 1}a`), put(name, `${version + 1}b`, { body: Buffer.alloc(bodySize, 'x') })],
      });
      if (outcome !== 'committed') throw new Error(`${name}: ${outcome}`);
      tell(`${name} ${version + 1}.\n`);
    }
  };
  await Promise.all(Array.from({ length: Number(process.argv[3]) }, (_, i) => writer(`user${i}`)));
}

void main();
