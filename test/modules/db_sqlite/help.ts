// Owns what the SQLite tests share: folders that go away, databases in them, threads that a test can get hold of.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../../core/base/clock';
import { type Logger, silentLogger } from '../../../core/base/logger';
import type { Database } from '../../../core/db/database';
import { openSqlite } from '../../../modules/db_sqlite/database';
import type { ThreadOptions } from '../../../modules/db_sqlite/protocol';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-db-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface TestOptions {
  readonly file?: string;
  readonly busyTimeout?: number;
  readonly maxWaiting?: number;
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Gets every thread that is started. */
  readonly threads?: { thread: Worker; role: ThreadOptions['role'] }[];
}

export function openTestDatabase(folder: string, options: TestOptions = {}): Promise<Database> {
  const path = join(folder, options.file ?? 'rollcall.db');
  return openSqlite({ scheme: 'sqlite', path, safe: `sqlite:${path}` }, options.log ?? silentLogger, {
    clock: options.clock ?? { now: () => 0 },
    busyTimeout: options.busyTimeout ?? 2000,
    maxWaiting: options.maxWaiting ?? 20_000,
    startThread(threadOptions) {
      const file = join(__dirname, '../../../modules/db_sqlite/worker.js');
      const thread = new Worker(file, { workerData: threadOptions });
      options.threads?.push({ thread, role: threadOptions.role });
      return thread;
    },
  });
}
