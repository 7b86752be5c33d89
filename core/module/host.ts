// Owns the loaded modules: sets them up in order, hands out what they lend, exchanges them while they run, stops them newest first.
import type { Clock } from '../base/clock';
import { RollcallError } from '../base/errors';
import { withinTime } from '../base/limit';
import type { Logging } from '../base/logging';
import { MetricRegistry } from '../base/metrics';
import { didYouMean } from '../base/nearest';
import { paramValues } from '../base/params';
import type { Random } from '../base/random';
import { Trail } from '../base/trail';
import type { SipServices } from './context';
import { Databases, type OpenDatabase, openWithDriver } from './databases';
import type { Command, ScriptFunction } from './function';
import { databaseDrivers } from './points';
import { Registry } from './registry';
import { type Life, type Planned, RunningModule } from './running';
import { type EventRoutes, ModuleScope, type Shared } from './scope';
import { told } from './told';

export interface HostOptions {
  readonly logging: Pick<Logging, 'named'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly sip: SipServices;
  /** The folder that relative paths start from. */
  readonly baseDir: string;
  /** How databases are opened; through the modules' drivers when not given. */
  readonly openDatabase?: OpenDatabase;
  /** How long one `setup` may take, in ms. */
  readonly setupLimit?: number;
  /** How long one module may take to flush when the server stops, in ms. */
  readonly stopLimit?: number;
  /** How long calls in flight may take to finish before a module is exchanged, in ms. */
  readonly gateLimit?: number;
}

/** What an exchange came to. */
export interface Exchange {
  readonly module: string;
  /** How long calls had to wait at most, in ms, rounded up. */
  readonly pause: number;
  /** How many did. */
  readonly waited: number;
}

/** Says why a module's new functions cannot take the place of the old ones. */
export type Refusal = (functions: Readonly<Record<string, ScriptFunction>>) => string | undefined;

const defaultSetupLimit = 30_000;
const defaultStopLimit = 10_000;
const defaultGateLimit = 2_000;

/** The modules of one server. */
export class ModuleHost {
  readonly registry = new Registry();
  readonly metrics = new MetricRegistry();
  /** What modules tell to whoever traces. */
  readonly trail = new Trail();
  readonly #shared: Shared;
  /** In the order of their setup. */
  readonly #loaded = new Map<string, RunningModule>();
  readonly #functions = new Map<string, Readonly<Record<string, ScriptFunction>>>();

  constructor(private readonly options: HostOptions) {
    const open = options.openDatabase ?? openWithDriver(options.logging.named('database'));
    const databases = new Databases(options.baseDir, this.registry.collect(databaseDrivers), open);
    const { clock, random, sip, baseDir } = options;
    const { registry, metrics, trail } = this;
    const shared = { clock, random, sip, baseDir, registry, metrics, trail, databases };
    this.#shared = { ...shared, routes: undefined, listening: false };
    const measured = metrics.view('database');
    databases.measure(measured);
    measured.show();
  }

  /**
   * Sets a module up. What it needs has to be up before.
   * @throws RollcallError that names the module; nothing of it is left then
   */
  async setUp(planned: Planned): Promise<void> {
    const { name } = planned.definition;
    if (this.#loaded.has(name)) throw new RollcallError(`module ${name} is loaded already`);
    const life = await this.#bringUp(planned, undefined);
    this.#begin(life);
    this.#show(new RunningModule(life));
  }

  /**
   * Exchanges a module for another definition of it, or the same with other parameters, in one step for whoever calls it:
   * calls in flight finish on the old one, what comes meanwhile waits for the new one, which takes over the saved state.
   * When the new one cannot be set up or is refused, the old definition is set up again with that state.
   * @throws RollcallError; the old definition is in force then
   */
  async exchange(planned: Planned, refusal: Refusal = () => undefined): Promise<Exchange> {
    const module = this.#running(planned.definition.name);
    const { gate, name } = module;
    const began = performance.now();
    await gate.close(this.options.gateLimit ?? defaultGateLimit, name);
    let waited = 0;
    let pause = 0;
    try {
      const old = module.life;
      const saved = { of: old.planned.definition.stateVersion, state: await old.instance.save?.() };
      old.scope.retire();
      try {
        pause = await this.#takeOver(module, planned, saved, refusal);
      } catch (error) {
        await this.#goBack(module, old.planned, saved);
        throw error;
      }
    } finally {
      waited = gate.waiting;
      gate.open();
    }
    // Who calls no function of a database driver waits for the database only.
    if (Object.keys(module.functions).length > 0) pause = performance.now() - began;
    return { module: name, pause: Math.ceil(pause), waited };
  }

  /**
   * Takes changed values of `live` parameters over.
   * @throws RollcallError when the module cannot; the old values are in force then
   */
  configure(name: string, values: Planned['values']): void {
    const module = this.#running(name);
    const { instance, planned } = module.life;
    const { params } = planned.definition;
    try {
      instance.configure?.(paramValues(params, values));
    } catch (error) {
      instance.configure?.(paramValues(params, planned.values));
      throw error;
    }
    module.note(values);
  }

  /** Lets a module finish and flush, and forgets it. @throws RollcallError when another needs it */
  async remove(name: string): Promise<void> {
    const module = this.#running(name);
    const users = [...this.#loaded.values()].filter((other) => other.life.planned.definition.depends.includes(name));
    if (users.length > 0) throw new RollcallError(`${name} is needed by ${users.map((user) => user.name).join(', ')}`);
    const databases = this.#shared.databases.openOf(this.registry.keysOf(name, databaseDrivers));
    if (databases.length > 0) throw new RollcallError(`${name} serves ${databases.join(', ')}`);
    await module.gate.close(this.options.gateLimit ?? defaultGateLimit, name);
    await this.#stopping(module);
    this.#forget(module);
    this.#shared.databases.forget(name);
    module.gate.open();
  }

  /** The loaded modules with the parameters in force, in the order of their setup. */
  get modules(): readonly Planned[] {
    return [...this.#loaded.values()].map((module) => module.life.planned);
  }

  /** The functions that scripts may import, by module: a live view. */
  get functions(): ReadonlyMap<string, Readonly<Record<string, ScriptFunction>>> {
    return this.#functions;
  }

  /** The commands of all modules, as `MODULE.NAME`. */
  commands(): ReadonlyMap<string, Command> {
    const commands = new Map<string, Command>();
    for (const module of this.#loaded.values()) {
      for (const [name, command] of module.commands()) commands.set(`${module.name}.${name}`, command);
    }
    return commands;
  }

  /** URLs, without secrets, of the open databases that do not answer within `ms`. */
  silentDatabases(ms: number): Promise<string[]> {
    return this.#shared.databases.silent(ms);
  }

  /** Says which script event routes are run in, from now on. */
  useRoutes(routes: EventRoutes): void {
    this.#shared.routes = routes;
  }

  /** To be called when the sockets are open. */
  listening(): void {
    this.#shared.listening = true;
    for (const { life } of this.#loaded.values()) life.scope.listening();
  }

  /** Lets every module flush, newest first, undoes what they registered, and closes the databases. Never rejects. */
  async stop(): Promise<void> {
    const newestFirst = [...this.#loaded.values()].toReversed();
    for (const module of newestFirst) await this.#stopping(module);
    for (const module of newestFirst) this.#forget(module);
    for (const error of await this.#shared.databases.close()) {
      this.options.logging.named('core').error({ err: error }, 'a database did not close cleanly');
    }
  }

  async #bringUp(planned: Planned, saved: unknown): Promise<Life> {
    const { definition, values } = planned;
    const { name } = definition;
    const scope = new ModuleScope(name, this.options.logging.named(name), this.#shared);
    const limit = this.options.setupLimit ?? defaultSetupLimit;
    try {
      const instance = await withinTime(
        (async () => definition.setup(scope, paramValues(definition.params, values), saved))(),
        limit,
        `it did not finish within ${limit / 1000} s`,
      );
      return { planned, scope, instance };
    } catch (error) {
      scope.undo();
      throw setupFailed(name, error);
    }
  }

  #begin({ planned, scope }: Life): void {
    try {
      scope.begin();
    } catch (error) {
      scope.undo();
      throw setupFailed(planned.definition.name, error);
    }
  }

  /**
   * Nothing else runs between the end of the old life and the beginning of the new one.
   * @returns for how long databases made their users wait, in ms
   */
  async #takeOver(module: RunningModule, planned: Planned, saved: Saved, refusal: Refusal): Promise<number> {
    const { name } = module;
    const old = module.life;
    const schemes = this.registry.keysOf(name, databaseDrivers);
    const life = await this.#bringUp(planned, planned.definition.stateVersion === saved.of ? saved.state : undefined);
    const refused = refusal(life.instance.functions ?? {});
    if (refused !== undefined) {
      life.scope.undo();
      throw new RollcallError(refused);
    }
    old.scope.undo();
    this.#begin(life);
    module.use(life);
    this.#show(module);
    return this.#shared.databases.reopen(schemes);
  }

  async #goBack(module: RunningModule, planned: Planned, saved: Saved): Promise<void> {
    const life = await this.#bringUp(planned, saved.state).catch((error) => {
      this.options.logging
        .named('core')
        .fatal({ err: error }, `${module.name} could not be set up again: restart the server`);
      throw error;
    });
    module.life.scope.undo();
    this.#begin(life);
    module.use(life);
    this.#show(module);
  }

  #running(name: string): RunningModule {
    const module = this.#loaded.get(name);
    if (module !== undefined) return module;
    throw new RollcallError(`there is no loaded module "${name}"${didYouMean(name, this.#loaded.keys())}`);
  }

  #show(module: RunningModule): void {
    this.#loaded.set(module.name, module);
    this.#functions.set(module.name, module.functions);
  }

  #forget({ name, life }: RunningModule): void {
    life.scope.undo();
    this.#loaded.delete(name);
    this.#functions.delete(name);
  }

  async #stopping({ name, life }: RunningModule): Promise<void> {
    const limit = this.options.stopLimit ?? defaultStopLimit;
    await withinTime(life.scope.stopping(), limit, `${name} did not stop within ${limit / 1000} s`).catch((error) =>
      this.options.logging.named('core').error({ err: error }, 'a module did not stop in time'),
    );
  }
}

/** What a module has handed over, and the number of its shape. */
interface Saved {
  readonly of: number;
  readonly state: unknown;
}

function setupFailed(name: string, error: unknown): RollcallError {
  const hint = error instanceof RollcallError ? error.hint : undefined;
  return new RollcallError(
    `module ${name} cannot start: ${told(error, name)}`,
    hint === undefined ? { cause: error } : { hint, cause: error },
  );
}
