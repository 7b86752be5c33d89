// Owns the engine: puts cache, store, door, notifier and expiry together and lets requests through.
import {
  type Clock,
  type Database,
  DatabaseUnavailable,
  type EventRouteInput,
  type Logger,
  type ParamValues,
  type Random,
  type SipServices,
} from '../../core/api';
import type { EventPackage, RuleFormat, WatcherinfoFormat } from './api';
import { ResourceCache } from './cache';
import { type Decide, nothing } from './changes';
import { reauthorise } from './decide/authorise';
import { decideExpiry } from './decide/expire';
import { dropSubscription } from './decide/subscribe';
import { Door } from './door';
import { Expiry } from './expiry';
import { Notifier } from './notify/notifier';
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
  readonly random: Random;
  readonly log: Logger;
  readonly events: ReadonlyMap<string, EventPackage>;
  readonly watcherinfo: ReadonlyMap<string, WatcherinfoFormat>;
  readonly rules: ReadonlyMap<string, RuleFormat>;
  readonly replied: ((input: EventRouteInput) => void) | undefined;
}

/** How often expiry looks at its timers (ms): records end on whole seconds and must end within one. */
export const tickMs = 200;
/** How soon an outcome that could not be stored is tried again (ms). */
const retryMs = 5_000;
/** How long a stop waits for NOTIFYs that have not left (ms); what is still owed then is sent after the next start. */
const partingMs = 2_000;

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
  private readonly settling: Settling;
  private nextSweep = 0;
  private resumed = false;
  private resuming: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly options: EngineOptions) {
    const { settings, database, clock, random, log } = options;
    this.settings = settings;
    this.packages = { events: options.events, watcherinfo: options.watcherinfo };
    this.store = new Store(database, schemaOf(settings));
    this.permissions = new Permissions({
      formats: options.rules,
      events: options.events,
      clock,
      log,
      forceActive: () => this.settings.forceActive,
    });
    this.applyPermissions = reauthorise((resource, watcher, winfo) => this.permissions.of(resource, watcher, winfo));
    const cache = new ResourceCache(
      settings.cacheSize,
      ({ key }) => this.notifier.isBusy(key) || this.settling.waits(key),
      ({ key }) => this.notifier.forget(key),
    );
    this.notifier = new Notifier({
      sip: options.sip,
      clock,
      log,
      events: options.events,
      watcherinfo: options.watcherinfo,
      permission: (resource, watcher) => this.permissions.of(resource, watcher, false),
      change: (key, decide) => this.change(key, decide),
      drop: (key, failed) =>
        this.change(key, (resource, around) => dropSubscription(resource, failed, this.waitingTime, around)),
      onQuiet: (key) => {
        if (cache.peek(key.id)) this.settling.note(key);
        else this.notifier.forget(key);
      },
      replied: options.replied,
    });
    this.settling = new Settling({
      store: this.store,
      log,
      find: (id) => cache.peek(id),
      isBusy: (key) => this.notifier.isBusy(key),
    });
    this.door = new Door({
      store: this.store,
      cache,
      clock,
      random,
      log,
      stripes: settings.lockSetSize,
      expire: (resource, around) => decideExpiry(resource, this.waitingTime, around),
      review: (resource, around) =>
        this.permissions.haveMoved(resource) ? this.applyPermissions(resource, around) : nothing,
      reviewAt: (resource) =>
        resource.subscriptions.size > 0 ? this.permissions.nextChange(resource) : Number.POSITIVE_INFINITY,
      onStored: (resource, changes, notices) => {
        this.expiry.schedule(resource.key, resource.dueAt);
        this.notifier.stored(resource, changes, notices);
      },
    });
    this.expiry = new Expiry({ door: this.door, store: this.store, clock, log });
  }

  /** Seconds. */
  get waitingTime(): number {
    return this.settings.waitingSubsDaysno * 86_400;
  }

  /** Ends what ended while the server was down, and sends what the last run owed. @throws DatabaseUnavailable */
  private async resume(): Promise<void> {
    await this.sweep();
    this.expiry.tick();
    await this.settling.resume(this.door);
    this.resumed = true;
  }

  /** To be called each `tickMs`. */
  tick(): void {
    this.expiry.tick();
  }

  /** To be called each second: takes up what the last run left, searches the database when it is time, notes what has settled. */
  async housekeeping(): Promise<void> {
    // Before it is known what the last run owes, nothing may be noted as settled.
    if (!this.resumed) {
      this.resuming ??= this.resume().finally(() => {
        this.resuming = undefined;
      });
      return this.resuming;
    }
    await this.settling.flush();
    if (this.options.clock.now() / 1000 >= this.nextSweep) await this.sweep();
  }

  /** Lets what is under way finish, for a bounded time. */
  async stop(): Promise<void> {
    await this.door.settled();
    const deadline = this.options.clock.now() + partingMs;
    while (this.notifier.underWay > 0 && this.options.clock.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.door.settled();
    if (this.resumed) await this.settling.flush();
    this.stopped = true;
    this.notifier.close();
  }

  private async sweep(): Promise<void> {
    const { clock } = this.options;
    const after = await this.expiry.sweep(this.settings.cleanPeriod);
    this.nextSweep = clock.now() / 1000 + after;
  }

  /** A decision that no request waits for: when the database is away, it is tried again. */
  private change(key: ResourceKey, decide: Decide): void {
    const { log, sip } = this.options;
    if (this.stopped) return;
    this.door.submit({
      key,
      decide,
      done: () => {},
      failed: (error) => {
        log.warn({ err: error, resource: key.id }, 'the outcome of a NOTIFY could not be stored');
        if (!(error instanceof DatabaseUnavailable)) return;
        sip.wheel.after(Math.max(retryMs, error.retryAfter * 1000), () => this.change(key, decide));
      },
    });
  }
}
