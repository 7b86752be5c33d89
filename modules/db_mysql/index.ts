// Owns the module db_mysql: state in a MySQL or MariaDB server, for db_url values that start with mysql:.
import { type DatabaseUrl, databaseDrivers, defineModule, type Logger, RollcallError } from '../../core/api';
import { openMysql } from './database';
import { readTarget } from './options';
import { params } from './params';
import { MysqlSource } from './source';

export default defineModule({
  name: 'db_mysql',
  summary: 'Keeps state in a MySQL or MariaDB server: db_url "mysql://user:password@host/database".',
  params,
  setup(ctx, p) {
    const targetOf = (url: DatabaseUrl) => {
      if (url.scheme !== 'mysql') throw new RollcallError(`db_mysql cannot open ${url.safe}`);
      return readTarget(url, ctx.baseDir);
    };
    const open = (url: DatabaseUrl, log: Logger) =>
      openMysql(targetOf(url), log, {
        clock: ctx.clock,
        random: ctx.random,
        timeout: p.timeoutInterval * 1000,
        lockTimeout: p.lockTimeout,
        maxWaiting: p.maxWaiting,
        commitDelay: p.commitDelay,
        autoMigrate: p.dbAutoMigrate,
      });
    ctx.provide(databaseDrivers, 'mysql', {
      open,
      check: (url) => void targetOf(url),
      async migrate(url, tables, log) {
        const database = await open(url, log);
        try {
          return await database.migrate(tables, true);
        } finally {
          await database.close();
        }
      },
      source: async (url) => new MysqlSource(targetOf(url), { clock: ctx.clock, timeout: p.timeoutInterval * 1000 }),
    });
    return {};
  },
});
