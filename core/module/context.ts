// Owns the one object a module acts through. Whatever is registered here the host undoes, newest first.
import type { Clock } from '../base/clock';
import type { Logger } from '../base/logger';
import type { Metrics } from '../base/metrics';
import type { Random } from '../base/random';
import type { Trail } from '../base/trail';
import type { TimerWheel } from '../base/wheel';
import type { Database } from '../db/database';
import type { Resolver } from '../sip/resolver';
import type { TransactionLayer } from '../sip/transaction/layer';
import type { TransportLayer } from '../sip/transport/layer';
import type { ExtensionPoint, ServiceToken } from './points';
import type { EventRouteInput } from './request';

/** The SIP floor as modules see it. It belongs to core: no reload closes any of it. */
export interface SipServices {
  readonly transports: TransportLayer;
  readonly transactions: TransactionLayer;
  readonly resolver: Resolver;
  readonly wheel: TimerWheel;
  /** For the User-Agent header of requests; empty when the operator wants none. */
  readonly userAgent: string;
}

/** What `setup` is given. After the module has gone, every call throws. */
export interface ModuleContext {
  readonly name: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** The folder of the config file: relative paths in parameters start there. */
  readonly baseDir: string;
  readonly sip: SipServices;
  /** Metrics of the module's own, named `rollcall_MODULE_NAME`. Counters go on over a reload. */
  readonly metrics: Metrics;
  /** For `ctl trace`: decisions and commits in words. */
  readonly trail: Trail;

  /**
   * The database of this URL, through the driver registered for its scheme. Opened once per URL and owned by core.
   * Rejects with RollcallError that names the module to load when no driver has the scheme.
   */
  openDatabase(url: string): Promise<Database>;

  /**
   * A database of the module's own that is only memory. It belongs to core as well: what is in it outlives a reload of the
   * module, and ends with the process or when the module is unloaded.
   */
  memoryDatabase(): Database;

  /** Offers an item under a key, from the moment setup has returned. Throws when another module holds the key. */
  provide<T>(point: ExtensionPoint<T>, key: string, item: T): void;
  /** All items offered now, a live view: later items appear in it, those of modules that go disappear. */
  collect<T>(point: ExtensionPoint<T>): ReadonlyMap<string, T>;

  /** Offers the service, from the moment setup has returned. Throws when another module does. */
  offer<T extends object>(service: ServiceToken<T>, implementation: T): void;
  /** A handle that stays valid when the offering module is reloaded. Throws when nobody offers the service. */
  use<T extends object>(service: ServiceToken<T>): T;

  /** Calls `fn` each `ms`. A throw or a rejection is logged; the next call comes all the same, never two at once. */
  every(ms: number, fn: () => void | Promise<void>): void;
  /** Calls `fn` once after `ms`. */
  after(ms: number, fn: () => void | Promise<void>): void;
  /**
   * Calls `fn` when setup has returned and the sockets are open. What acts on the outside begins here: a setup that is
   * refused after it has returned must have done nothing yet.
   */
  whenListening(fn: () => void | Promise<void>): void;
  /** Calls `fn` when the server stops, newest first, before databases and sockets are closed: flush here. */
  whenStopping(fn: () => void | Promise<void>): void;

  /** Runs `event_route[name]` of the script, if there is one; its errors are logged by the runner. */
  runEventRoute(name: string, input: EventRouteInput): void;
  /** False when the script does not export it, so that a hot path can skip the work. */
  hasEventRoute(name: string): boolean;
}
