// Owns the engine: puts cache, store, door, notifier and expiry together and lets requests through.
import {
  type Clock,
  type Database,
  type Logger,
  type ParamValues,
  type Random,
  RollcallError,
  type SipServices,
  type Trail,
} from '../../core/api';
import type { EventPackage, RuleFormat, WatcherinfoFormat } from './api';
import { ResourceCache } from './cache';
import { type Decide, nothing } from './changes';
import { reauthorise } from './decide/authorise';
import { decideExpiry } from './decide/expire';
import { Door } from './door';
import { Expiry } from './expiry';
import { Followups } from './followups';
import { belongsTo, type Followup, type Handover, tablesOf } from './handover';
import type { Meter } from './meter';
import { Cluster } from './nodes/cluster';
import { Notifier } from './notify/notifier';
import type { NotifierOptions } from './notify/options';
import type { params } from './params';
import { Permissions } from './permission';
import type { Packages } from './request/common';
import type { ResourceKey } from './resource';
import { Settling } from './settle';
import { schemaOf } from './store/schema';
import { Store } from './store/store';

export type Settings = ParamValues<typeof params>;

export interface EngineOptions {
  readonly settings: Settings;
  readonly database: Database;
  readonly sip: SipServices;
  readonly clock: Clock;
  readonly idle: NotifierOptions['idle'];
  readonly random: Random;
  readonly log: Logger;
  readonly events: ReadonlyMap<string, EventPackage>;
  readonly watcherinfo: ReadonlyMap<string, WatcherinfoFormat>;
  readonly rules: ReadonlyMap<string, RuleFormat>;
  readonly replied: NotifierOptions['replied'];
  readonly meter?: Meter;
  /** For whoever traces. */
  readonly trail?: Trail | undefined;
  /** What an earlier life of the module has left. */
  readonly handover?: Handover | undefined;
}

/** How often expiry looks at its timers (ms): records end on whole seconds and must end within one. */
export const tickMs = 200;
/** How long a stop waits for NOTIFYs that have not left (ms); what is still owed then is sent after the next start. */
const partingMs = 2_000;
/** How long a handover may wait for what is being stored (ms). */
const handoverMs = 1_000;

export class Presence {
  settings: Settings;
  readonly packages: Packages;
  readonly door: Door;
  readonly store: Store;
  readonly expiry: Expiry;
  readonly notifier: Notifier;
  readonly permissions: Permissions;
  /** Brings running subscriptions to what the presentity allows now. */
  readonly applyPermissions: Decide;
  readonly cluster: Cluster;
  private readonly settling: Settling;
  readonly cache: ResourceCache;
  private readonly outcomes: Followups;
  /** What of an earlier life is to be taken up at the start. */
  private followups: readonly Followup[];
  private readonly keeping = new Set<Promise<void>>();
  private nextSweep: number;
  private resumed: boolean;
  private resuming: Promise<void> | undefined;
  private state: 'running' | 'parting' | 'stopped' = 'running';

  constructor(private readonly options: EngineOptions) {
    const { settings, database, clock, random, log } = options;
    const { handover: given } = options;
    const handover = given && belongsTo(given, database, settings) ? given : undefined;
    this.settings = settings;
    this.followups = handover?.followups ?? [];
    this.resumed = handover?.resumed ?? false;
    this.nextSweep = handover?.nextSweep ?? 0;
    this.packages = { events: options.events, watcherinfo: options.watcherinfo };
    const schema = schemaOf(settings);
    this.store = new Store(database, schema);
    this.permissions = new Permissions({
      formats: options.rules,
      events: options.events,
      clock,
      log,
      forceActive: () => this.settings.forceActive,
      userdelReason: settings.xcapauthUserdelReason,
    });
    this.applyPermissions = reauthorise((resource, watcher, winfo) => this.permissions.of(resource, watcher, winfo));
    const cache = new ResourceCache(
      settings.cacheSize,
      ({ key }) => this.notifier.isBusy(key) || this.settling.waits(key),
      ({ key }) => {
        this.notifier.forget(key);
        this.cluster.duties.forget(key);
      },
      handover?.resources,
    );
    this.cache = cache;
    this.notifier = new Notifier({
      sip: options.sip,
      clock,
      idle: options.idle,
      log,
      events: options.events,
      watcherinfo: options.watcherinfo,
      permission: (resource, watcher) => this.permissions.of(resource, watcher, false),
      follow: (up) => this.outcomes.follow(up),
      maySend: () => this.cluster.maySend,
      onQuiet: (key) => {
        options.meter?.quiet(key.id);
        if (cache.peek(key.id)) this.settling.note(key);
        else this.notifier.forget(key);
      },
      replied: options.replied,
      lines: handover?.lines,
    });
    this.settling = new Settling(
      {
        store: this.store,
        log,
        find: (id) => cache.peek(id),
        isBusy: (key) => this.notifier.isBusy(key),
      },
      handover?.quiet,
    );
    this.cluster = new Cluster({ ...options, schema, notifier: this.notifier, store: this.store }, handover);
    this.door = new Door({
      duties: this.cluster.duties,
      onRead: (resource) => {
        // What was settled may have been forgotten with what was in memory.
        if (this.cluster.onRead(resource)) this.settling.note(resource.key);
      },
      onStale: () => this.cluster.onStale(),
      store: this.store,
      cache,
      clock,
      random,
      log,
      stripes: settings.lockSetSize,
      trail: options.trail,
      expire: (resource, around) => decideExpiry(resource, this.waitingTime, around),
      review: (resource, around) =>
        this.permissions.haveMoved(resource) ? this.applyPermissions(resource, around) : nothing,
      before: (resource) => this.notifier.contents.remember(resource),
      reviewAt: (resource) =>
        resource.subscriptions.size > 0 ? this.permissions.nextChange(resource) : Number.POSITIVE_INFINITY,
      onStored: (draft, since) => {
        const { key, dueAt } = draft.resource;
        this.expiry.schedule(key, dueAt);
        this.notifier.stored(draft);
        options.meter?.told(key, draft.changes, since, this.notifier);
      },
    });
    const schedule = handover?.schedule;
    const isOurs = ({ id }: ResourceKey) => this.cluster.members?.prefers(id) ?? true;
    this.expiry = new Expiry({ door: this.door, store: this.store, clock, log, isOurs, schedule });
    this.cluster.catchUp.begin(this.door);
    const { wheel } = options.sip;
    this.outcomes = new Followups({ door: this.door, wheel, log, waitingTime: () => this.waitingTime });
  }

  /** Begins to act: what an earlier life of the module was at goes on. */
  start(): void {
    this.cluster.start();
    for (const up of this.followups) this.outcomes.follow(up);
    this.followups = [];
  }

  /**
   * Ends acting and hands over everything that is not stored, NOTIFYs in flight included.
   * @throws RollcallError when what is being stored takes too long; everything goes on then
   */
  async handOver(): Promise<Handover> {
    this.state = 'parting';
    this.outcomes.hold();
    const settled = Promise.allSettled([this.door.settled(), ...this.keeping]).then(() => this.door.settled());
    const inTime = await Promise.race([settled.then(() => true), pause(handoverMs).then(() => false)]);
    if (!inTime) {
      this.state = 'running';
      this.outcomes.release();
      throw new RollcallError('presence is waiting for its database', { hint: 'nothing has changed; try again later' });
    }
    this.state = 'stopped';
    return {
      database: this.options.database,
      tables: tablesOf(this.settings),
      resources: this.cache.generations,
      lines: this.notifier.park(),
      schedule: this.expiry.state,
      quiet: this.settling.quiet,
      followups: [...this.followups, ...this.outcomes.end()],
      resumed: this.resumed,
      nextSweep: this.nextSweep,
      duties: this.cluster.duties.state,
      members: this.cluster.members?.state,
    };
  }

  /** ms since 1970. */
  get now(): number {
    return this.options.clock.now();
  }

  /** Seconds. */
  get waitingTime(): number {
    return this.settings.waitingSubsDaysno * 86_400;
  }

  /** Ends what ended while the server was down, and sends what the last run owed. @throws DatabaseUnavailable */
  private async resume(): Promise<void> {
    const { cluster } = this;
    if (cluster.members) await cluster.beat();
    await this.sweep();
    this.expiry.tick();
    if (cluster.members) await cluster.catchUp.search(cluster.members);
    else await this.settling.resume(this.door);
    this.resumed = true;
  }

  /** To be called each `tickMs`. */
  tick(): void {
    if (this.state !== 'running') return;
    this.expiry.tick();
    this.cluster.tick();
  }

  /** To be called some ten times in `cluster_timeout`: tells the other nodes that this one lives, and takes up what the dead have left. */
  async beat(): Promise<void> {
    const { cluster } = this;
    if (this.state !== 'running' || !this.resumed || !cluster.members) return;
    // Whoever has died leaves records that it would have ended, too.
    if (await cluster.tryToBeat()) this.nextSweep = 0;
  }

  /** To be called each second: takes up what the last run left, searches the database when it is time, notes what has settled. */
  housekeeping(): Promise<void> {
    if (this.state !== 'running') return Promise.resolve();
    const keeping = this.keepHouse().finally(() => this.keeping.delete(keeping));
    this.keeping.add(keeping);
    return keeping;
  }

  private async keepHouse(): Promise<void> {
    // Before it is known what the last run owes, nothing may be noted as settled.
    if (!this.resumed) {
      this.resuming ??= this.resume().finally(() => {
        this.resuming = undefined;
      });
      return this.resuming;
    }
    await this.settling.flush();
    this.cluster.catchUp.settleDoubts();
    if (this.options.clock.now() / 1000 >= this.nextSweep) await this.sweep();
  }

  /** Lets what is under way finish, for a bounded time. */
  async stop(): Promise<void> {
    await Promise.allSettled([this.door.settled(), ...this.keeping]);
    const deadline = this.options.clock.now() + partingMs;
    while (this.notifier.underWay > 0 && this.options.clock.now() < deadline) await pause(20);
    await this.door.settled();
    if (this.resumed) await this.settling.flush();
    this.state = 'stopped';
    this.notifier.close();
    await this.cluster.leave();
  }

  /** Searches the database for what has ended, whenever the next search is due. @throws DatabaseUnavailable */
  async sweepNow(): Promise<void> {
    await this.sweep();
    this.expiry.tick();
  }

  private async sweep(): Promise<void> {
    const { clock } = this.options;
    const after = await this.expiry.sweep(this.settings.cleanPeriod);
    const { members, catchUp } = this.cluster;
    if (members && this.resumed) await catchUp.search(members);
    this.nextSweep = clock.now() / 1000 + after;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
