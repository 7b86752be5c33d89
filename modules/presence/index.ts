// Owns the module's declaration: what presence needs, what it offers, and how it comes to life.
import { defineModule, openMemoryDatabase, RollcallError } from '../../core/api';
import { eventPackages, ruleFormats, watcherinfoFormats } from './api';
import { scriptFunctions } from './functions';
import { Handlers } from './handlers';
import { params } from './params';
import { Presence, tickMs } from './presence';

const replyRoute = 'presence:notify-reply';

export default defineModule({
  name: 'presence',
  summary: 'Keeps publications and subscriptions, and notifies watchers (RFC 3903, RFC 6665, RFC 3856).',
  params,
  async setup(ctx, settings) {
    if (settings.minExpires > settings.maxExpires) {
      throw new RollcallError(`min_expires ${settings.minExpires} is above max_expires ${settings.maxExpires}`, {
        hint: 'a request that is granted max_expires would be answered 423 for ever',
      });
    }
    if (settings.dbUrl === undefined) {
      ctx.log.warn(
        'db_url is not set: publications and subscriptions are kept in memory only and end with this process',
      );
    }
    const database = settings.dbUrl === undefined ? openMemoryDatabase() : await ctx.openDatabase(settings.dbUrl);
    const presence = new Presence({
      settings,
      database,
      sip: ctx.sip,
      clock: ctx.clock,
      random: ctx.random,
      log: ctx.log,
      events: ctx.collect(eventPackages),
      watcherinfo: ctx.collect(watcherinfoFormats),
      rules: ctx.collect(ruleFormats),
      replied: (input) => {
        if (ctx.hasEventRoute(replyRoute)) ctx.runEventRoute(replyRoute, input);
      },
    });
    await presence.store.prepare();
    ctx.whenListening(() => {
      ctx.every(tickMs, () => presence.tick());
      ctx.every(1000, () => presence.housekeeping());
      return presence.housekeeping();
    });
    ctx.whenStopping(() => presence.stop());
    return {
      functions: scriptFunctions(presence, new Handlers(presence, ctx.random, ctx.log)),
      configure: (changed) => {
        presence.settings = changed;
      },
    };
  },
});
