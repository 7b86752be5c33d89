// Owns the module db_sqlite: state in one SQLite file, durable with every commit, for db_url values that start with sqlite:.
import { databaseDrivers, defineModule, RollcallError } from '../../core/api';
import { openSqlite } from './database';
import { params } from './params';

export default defineModule({
  name: 'db_sqlite',
  summary: 'Keeps state in an SQLite file: db_url "sqlite:PATH".',
  params,
  setup(ctx, p) {
    ctx.provide(databaseDrivers, 'sqlite', {
      open(url, log) {
        if (url.scheme !== 'sqlite') throw new RollcallError(`db_sqlite cannot open ${url.safe}`);
        return openSqlite(url, log, { clock: ctx.clock, busyTimeout: p.busyTimeout, maxWaiting: p.maxWaiting });
      },
    });
    return {};
  },
});
