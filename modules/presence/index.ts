// Owns the module's declaration: what presence needs, what it offers, and how it comes to life.
import { defineModule, idleTime, RollcallError, requestTakers, takeovers } from '../../core/api';
import { eventPackages, ruleFormats, watcherinfoFormats } from './api';
import { Census } from './census';
import { controlCommands } from './commands';
import { elsewhere } from './elsewhere';
import { Relay } from './flow/relay';
import { scriptFunctions } from './functions';
import { Handlers } from './handlers';
import { type Handover, handoverVersion } from './handover';
import { Meter, measureParts } from './meter';
import { replyOf } from './notify/options';
import { params } from './params';
import { Presence, type Settings, tickMs } from './presence';
import { schemaOf } from './store/schema';
import { presenceTakeover } from './takeover/takeover';

const replyRoute = 'presence:notify-reply';

export default defineModule({
  name: 'presence',
  summary: 'Keeps publications and subscriptions, and notifies watchers (RFC 3903, RFC 6665, RFC 3856).',
  params,
  elsewhere,
  stateVersion: handoverVersion,
  async setup(ctx, settings, saved) {
    check(settings);
    const handover = saved as Handover | undefined;
    if (settings.dbUrl === undefined && handover === undefined) {
      ctx.log.warn(
        'db_url is not set: publications and subscriptions are kept in memory only and end with this process',
      );
    }
    const database = settings.dbUrl === undefined ? ctx.memoryDatabase() : await ctx.openDatabase(settings.dbUrl);
    const meter = new Meter(ctx.clock, ctx.metrics);
    const presence = new Presence({
      settings,
      database,
      sip: ctx.sip,
      clock: ctx.clock,
      idle: idleTime,
      random: ctx.random,
      log: ctx.log,
      events: ctx.collect(eventPackages),
      watcherinfo: ctx.collect(watcherinfoFormats),
      rules: ctx.collect(ruleFormats),
      meter,
      trail: ctx.trail,
      replied: (outcome, channel, subscription) => {
        meter.notified(outcome);
        if (ctx.hasEventRoute(replyRoute)) ctx.runEventRoute(replyRoute, replyOf(channel, subscription, outcome));
      },
      handover,
    });
    const { flowRoutes } = presence.cluster;
    const relay = flowRoutes && new Relay(flowRoutes, ctx.sip);
    if (relay) ctx.provide(requestTakers, 'presence', (transaction) => relay.take(transaction));
    await presence.store.prepare();
    measureParts(ctx.metrics, presence);
    const schema = schemaOf(settings);
    const census = new Census(database, schema, ctx.clock);
    census.measure(ctx.metrics);
    ctx.provide(
      takeovers,
      'presence',
      presenceTakeover({
        names: settings,
        circumstances: () => ({
          ...presence.packages,
          now: Math.floor(ctx.clock.now() / 1000),
          waitingTime: presence.waitingTime,
          token: () => ctx.random.token(),
        }),
      }),
    );
    ctx.whenListening(() => {
      presence.start();
      ctx.every(tickMs, () => presence.tick());
      ctx.every(1000, () => presence.housekeeping());
      // Four beats before the node has to be silent, less what they take.
      ctx.every(Math.min(1000, settings.clusterTimeout * 100), () => presence.beat());
      ctx.every(1000, () => census.tick());
      return presence.housekeeping();
    });
    ctx.whenStopping(() => {
      census.stop();
      return presence.stop();
    });
    return {
      functions: scriptFunctions(presence, new Handlers(presence, ctx.random, ctx.log, ctx.trail)),
      commands: controlCommands(presence, database, schema),
      configure: (changed) => {
        check(changed);
        presence.settings = changed;
      },
      save: () => presence.handOver(),
    };
  },
});

/** @throws RollcallError for values that are right each, and wrong together */
function check({ minExpires, maxExpires, dbUrl, clusterSecret, clusterAddress }: Settings): void {
  if (clusterSecret !== undefined && clusterAddress === undefined) {
    throw new RollcallError('cluster_secret is set and cluster_address is not', {
      hint: 'give the SIP URI by which the other nodes reach this one, such as sip:10.0.0.1:5060;transport=tcp',
    });
  }
  if (clusterSecret !== undefined && !dbUrl?.startsWith('mysql:')) {
    throw new RollcallError('cluster_secret is set and db_url names no database that several servers can share', {
      hint: 'nodes share a MySQL or MariaDB database: mysql://user:password@host/database',
    });
  }
  if (minExpires <= maxExpires) return;
  throw new RollcallError(`min_expires ${minExpires} is above max_expires ${maxExpires}`, {
    hint: 'a request that is granted max_expires would be answered 423 for ever',
  });
}
