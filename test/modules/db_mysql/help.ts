// Owns what the MySQL tests share: one server a file, databases in it, a log to look at.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { systemClock } from '../../../core/base/clock';
import { type Logger, type LogMethod, silentLogger } from '../../../core/base/logger';
import { systemRandom } from '../../../core/base/random';
import { parseDatabaseUrl } from '../../../core/db/url';
import { type MysqlDatabase, openMysql } from '../../../modules/db_mysql/database';
import { readTarget, type Target } from '../../../modules/db_mysql/options';
import { Mariadb, mariadbMissing } from '../../support/mariadb';

/** A server for the tests of one file. */
export function mariadbForThisFile(settings: readonly string[] = []): () => Mariadb {
  let server: Mariadb | undefined;
  before(async () => {
    if (mariadbMissing === false) server = await Mariadb.start(settings);
  });
  after(() => server?.stop());
  return () => {
    if (server === undefined) throw new Error('the server does not run');
    return server;
  };
}

export interface TestOptions {
  readonly log?: Logger;
  readonly timeout?: number;
  readonly lockTimeout?: number;
  readonly maxWaiting?: number;
  readonly commitDelay?: number;
  readonly autoMigrate?: boolean;
}

export function target(url: string): Target {
  const parsed = parseDatabaseUrl(url, '/');
  assert.ok(parsed.ok && parsed.url.scheme === 'mysql', url);
  return readTarget(parsed.url, '/');
}

export function openTestDatabase(url: string, options: TestOptions = {}): Promise<MysqlDatabase> {
  return openMysql(target(url), options.log ?? silentLogger, {
    clock: systemClock,
    random: systemRandom(),
    timeout: options.timeout ?? 5000,
    lockTimeout: options.lockTimeout ?? 2,
    maxWaiting: options.maxWaiting ?? 20_000,
    commitDelay: options.commitDelay ?? 0,
    autoMigrate: options.autoMigrate ?? true,
  });
}

export interface Line {
  readonly level: string;
  readonly text: string;
  readonly fields: object;
}

/** A logger whose lines can be looked at. */
export function recordingLogger(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = [];
  const method =
    (level: string): LogMethod =>
    (fields: object | string, text?: string) => {
      if (typeof fields === 'string') lines.push({ level, text: fields, fields: {} });
      else lines.push({ level, text: text ?? '', fields });
    };
  const logger: Logger = {
    ...silentLogger,
    info: (fields: object | string, text?: string) => {
      // What prepare made is not what these tests are about.
      if (!text?.startsWith('the table was')) method('info')(fields as object, text ?? '');
    },
    warn: method('warn'),
    error: method('error'),
  };
  return { logger, lines };
}
