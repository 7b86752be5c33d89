// Owns the module db_sqlite: state in one SQLite file, durable with every commit, for db_url values that start with sqlite:.
import { type DatabaseUrl, databaseDrivers, defineModule, type Logger, RollcallError } from '../../core/api';
import { openSqlite } from './database';
import { params } from './params';
import { SqliteSource } from './source';

export default defineModule({
  name: 'db_sqlite',
  summary: 'Keeps state in an SQLite file: db_url "sqlite:PATH".',
  params,
  setup(ctx, p) {
    const open = async (url: DatabaseUrl, log: Logger) => {
      if (url.scheme !== 'sqlite') throw new RollcallError(`db_sqlite cannot open ${url.safe}`);
      return openSqlite(url, log, { clock: ctx.clock, busyTimeout: p.busyTimeout, maxWaiting: p.maxWaiting });
    };
    ctx.provide(databaseDrivers, 'sqlite', {
      open,
      async migrate(url, tables, log) {
        const database = await open(url, log);
        try {
          return await database.migrate(tables);
        } finally {
          await database.close();
        }
      },
      async source(url) {
        if (url.scheme !== 'sqlite') throw new RollcallError(`db_sqlite cannot open ${url.safe}`);
        return new SqliteSource(url.path, url.safe);
      },
    });
    return {};
  },
});
