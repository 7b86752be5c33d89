// Owns one module's life: its context, the stack of what it registered, and the undoing of it, newest first.
import type { Clock } from '../base/clock';
import { RollcallError } from '../base/errors';
import type { Logger } from '../base/logger';
import type { MetricRegistry, Metrics } from '../base/metrics';
import type { Random } from '../base/random';
import type { Trail } from '../base/trail';
import type { WheelTimer } from '../base/wheel';
import type { Database } from '../db/database';
import type { ModuleContext, SipServices } from './context';
import type { Databases } from './databases';
import type { ExtensionPoint, ServiceToken } from './points';
import type { Registry, Undo } from './registry';
import type { EventRouteInput } from './request';

/** Something a module wants done later: at a timer, when sockets open, when the server stops. */
export type Action = () => void | Promise<void>;

/** The routing script as modules see it. */
export interface EventRoutes {
  hasEventRoute(name: string): boolean;
  /** Never throws: what goes wrong in the script is its own log line. */
  runEvent(name: string, input: EventRouteInput): void;
}

/** What all modules of one server share. */
export interface Shared {
  readonly clock: Clock;
  readonly random: Random;
  readonly baseDir: string;
  readonly sip: SipServices;
  readonly registry: Registry;
  readonly metrics: MetricRegistry;
  readonly trail: Trail;
  readonly databases: Databases;
  /** The script that is in force; undefined until it is compiled. */
  routes: EventRoutes | undefined;
  /** Whether the sockets are open. */
  listening: boolean;
}

/** A module's context as the host sees it. */
export class ModuleScope implements ModuleContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly baseDir: string;
  readonly sip: SipServices;
  readonly metrics: Metrics;
  readonly trail: Trail;
  readonly #undo: (() => void)[] = [];
  readonly #timers = new Set<WheelTimer>();
  /** What is registered when setup has returned; undefined from then on. */
  #staged: (() => Undo)[] | undefined = [];
  #onListening: Action[] = [];
  #onStopping: Action[] = [];
  #retired = false;
  #gone = false;

  constructor(
    readonly name: string,
    readonly log: Logger,
    private readonly shared: Shared,
  ) {
    this.clock = shared.clock;
    this.random = shared.random;
    this.baseDir = shared.baseDir;
    this.sip = shared.sip;
    this.trail = shared.trail;
    const metrics = shared.metrics.view(name);
    this.metrics = metrics;
    this.#register(() => metrics.show());
  }

  async openDatabase(url: string): Promise<Database> {
    this.#mustLive();
    return this.shared.databases.open(url);
  }

  provide<T>(point: ExtensionPoint<T>, key: string, item: T): void {
    this.#mustLive();
    const { registry } = this.shared;
    registry.mayProvide(this.name, point, key);
    this.#register(() => registry.provide(this.name, point, key, item));
  }

  collect<T>(point: ExtensionPoint<T>): ReadonlyMap<string, T> {
    this.#mustLive();
    return this.shared.registry.collect(point);
  }

  offer<T extends object>(service: ServiceToken<T>, implementation: T): void {
    this.#mustLive();
    const { registry } = this.shared;
    registry.mayOffer(this.name, service);
    this.#register(() => registry.offer(this.name, service, implementation));
  }

  use<T extends object>(service: ServiceToken<T>): T {
    this.#mustLive();
    return this.shared.registry.use(service);
  }

  every(ms: number, fn: Action): void {
    this.#mustLive();
    const run = () => {
      this.#attempt(fn, 'a timer failed').then(() => this.#arm(ms, run));
    };
    this.#arm(ms, run);
  }

  after(ms: number, fn: Action): void {
    this.#mustLive();
    this.#arm(ms, () => void this.#attempt(fn, 'a timer failed'));
  }

  memoryDatabase(): Database {
    this.#mustLive();
    return this.shared.databases.inMemory(this.name);
  }

  whenListening(fn: Action): void {
    this.#mustLive();
    if (this.shared.listening && this.#staged === undefined) this.#attempt(fn, 'its start failed');
    else this.#onListening.push(fn);
  }

  whenStopping(fn: Action): void {
    this.#mustLive();
    this.#onStopping.push(fn);
  }

  runEventRoute(name: string, input: EventRouteInput): void {
    this.#mustLive();
    this.shared.routes?.runEvent(name, input);
  }

  hasEventRoute(name: string): boolean {
    return !this.#gone && (this.shared.routes?.hasEventRoute(name) ?? false);
  }

  /** Runs what waited for the sockets. It goes on by itself: what it takes long for must not hold up the ready line. */
  listening(): void {
    const actions = this.#onListening;
    this.#onListening = [];
    for (const action of actions) this.#attempt(action, 'its start failed');
  }

  /** Runs what the module wants done before it goes, newest first. */
  async stopping(): Promise<void> {
    const actions = this.#onStopping;
    this.#onStopping = [];
    for (const action of actions.toReversed()) await this.#attempt(action, 'its stop failed');
  }

  /** Setup has returned: what it registered counts from now on, and what waits for the sockets runs when they are open. */
  begin(): void {
    const staged = this.#staged ?? [];
    this.#staged = undefined;
    for (const register of staged) this.#undo.push(register());
    if (this.shared.listening) this.listening();
  }

  /** The module has saved its state for the next one: its timers stop, its registrations stay until that has begun. */
  retire(): void {
    this.#retired = true;
    for (const timer of this.#timers) this.sip.wheel.cancel(timer);
    this.#timers.clear();
  }

  /** Undoes every registration, newest first. The module is gone afterwards. */
  undo(): void {
    this.retire();
    this.#gone = true;
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      try {
        undo();
      } catch (error) {
        this.log.error({ err: error }, 'a registration could not be undone');
      }
    }
  }

  /** While setup runs, a predecessor may still hold what the module provides: it is registered when it takes over. */
  #register(register: () => Undo): void {
    if (this.#staged === undefined) this.#undo.push(register());
    else this.#staged.push(register);
  }

  #arm(ms: number, fn: () => void): void {
    if (this.#retired) return;
    const timer = this.sip.wheel.after(ms, () => {
      this.#timers.delete(timer);
      fn();
    });
    this.#timers.add(timer);
  }

  async #attempt(action: Action, failure: string): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.log.error({ err: error }, failure);
    }
  }

  #mustLive(): void {
    if (this.#gone) throw new RollcallError(`the module ${this.name} has been stopped and still acts`);
  }
}
