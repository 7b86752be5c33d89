// Owns the loaded modules: sets them up in order, hands out what they lend, stops them newest first.
import type { Clock } from '../base/clock';
import { RollcallError } from '../base/errors';
import { withinTime } from '../base/limit';
import type { Logging } from '../base/logging';
import { MetricRegistry } from '../base/metrics';
import type { ParamValue } from '../base/params';
import { paramValues } from '../base/params';
import type { Random } from '../base/random';
import type { SipServices } from './context';
import { Databases, type OpenDatabase, openWithDriver } from './databases';
import type { ModuleDefinition, ModuleInstance } from './define';
import type { Command, ScriptFunction } from './function';
import { databaseDrivers } from './points';
import { Registry } from './registry';
import { type EventRoutes, ModuleScope, type Shared } from './scope';

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
}

/** A module and its parameters. */
export interface Planned {
  readonly definition: ModuleDefinition;
  /** By snake_case name; what is not there has its default. */
  readonly values: ReadonlyMap<string, ParamValue>;
}

interface Loaded {
  readonly scope: ModuleScope;
  readonly instance: ModuleInstance;
}

const defaultSetupLimit = 30_000;
const defaultStopLimit = 10_000;

/** The modules of one server. */
export class ModuleHost {
  readonly registry = new Registry();
  readonly metrics = new MetricRegistry();
  readonly #shared: Shared;
  /** In the order of their setup. */
  readonly #loaded = new Map<string, Loaded>();
  readonly #functions = new Map<string, Readonly<Record<string, ScriptFunction>>>();

  constructor(private readonly options: HostOptions) {
    const open = options.openDatabase ?? openWithDriver(options.logging.named('database'));
    const databases = new Databases(options.baseDir, this.registry.collect(databaseDrivers), open);
    const { clock, random, sip, baseDir } = options;
    const { registry, metrics } = this;
    this.#shared = { clock, random, sip, baseDir, registry, metrics, databases, routes: undefined, listening: false };
  }

  /**
   * Sets a module up. What it needs has to be up before.
   * @throws RollcallError that names the module; nothing of it is left then
   */
  async setUp({ definition, values }: Planned): Promise<void> {
    const { name } = definition;
    const scope = new ModuleScope(name, this.options.logging.named(name), this.#shared);
    const limit = this.options.setupLimit ?? defaultSetupLimit;
    try {
      const instance = await withinTime(
        (async () => definition.setup(scope, paramValues(definition.params, values), undefined))(),
        limit,
        `it did not finish within ${limit / 1000} s`,
      );
      this.#loaded.set(name, { scope, instance });
      this.#functions.set(name, instance.functions ?? {});
    } catch (error) {
      scope.undo();
      throw setupFailed(name, error);
    }
  }

  /** The functions that scripts may import, by module: a live view. */
  get functions(): ReadonlyMap<string, Readonly<Record<string, ScriptFunction>>> {
    return this.#functions;
  }

  /** The commands of all modules, as `MODULE.NAME`. */
  commands(): ReadonlyMap<string, Command> {
    const commands = new Map<string, Command>();
    for (const [module, { instance }] of this.#loaded) {
      for (const [name, command] of Object.entries(instance.commands ?? {})) commands.set(`${module}.${name}`, command);
    }
    return commands;
  }

  /** Says which script event routes are run in, from now on. */
  useRoutes(routes: EventRoutes): void {
    this.#shared.routes = routes;
  }

  /** To be called when the sockets are open. */
  listening(): void {
    this.#shared.listening = true;
    for (const { scope } of this.#loaded.values()) scope.listening();
  }

  /** Lets every module flush, newest first, undoes what they registered, and closes the databases. Never rejects. */
  async stop(): Promise<void> {
    const log = this.options.logging.named('core');
    const limit = this.options.stopLimit ?? defaultStopLimit;
    const newestFirst = [...this.#loaded].toReversed();
    for (const [name, { scope }] of newestFirst) {
      await withinTime(scope.stopping(), limit, `${name} did not stop within ${limit / 1000} s`).catch((error) =>
        log.error({ err: error }, 'a module did not stop in time'),
      );
    }
    for (const [name, { scope }] of newestFirst) {
      scope.undo();
      this.#loaded.delete(name);
      this.#functions.delete(name);
    }
    for (const error of await this.#shared.databases.close()) {
      log.error({ err: error }, 'a database did not close cleanly');
    }
  }
}

function setupFailed(name: string, error: unknown): RollcallError {
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof RollcallError ? error.hint : undefined;
  return new RollcallError(
    `module ${name} cannot start: ${message}`,
    hint === undefined ? { cause: error } : { hint, cause: error },
  );
}
