// Owns the whole server: puts the floors together, starts them in order, and stops them without losing anything.
import { Commands } from './admin/commands';
import { overloadLimits } from './admin/config';
import { measureCore } from './admin/metrics';
import type { Listening, Running } from './admin/running';
import { type Clock, systemClock } from './base/clock';
import { RollcallError } from './base/errors';
import { createLogging, type Logging } from './base/logging';
import { type Problem, ProblemsError, sortProblems } from './base/problem';
import { type Random, systemRandom } from './base/random';
import { TimerWheel } from './base/wheel';
import { type Config, parseConfig, readConfig } from './config/config';
import type { ListenSpec } from './config/listen';
import { formatListen } from './config/listen';
import type { CoreSettings } from './config/settings';
import { serveText } from './control/rpc';
import { ControlSocket } from './control/socket';
import type { SipServices } from './module/context';
import { ModuleHost } from './module/host';
import { control, health } from './module/offered';
import { type Plan, planModules } from './module/plan';
import { requestTakers } from './module/points';
import { compileScript } from './script/load';
import { ScriptRunner } from './script/runner';
import { Resolver } from './sip/resolver';
import { TransactionLayer } from './sip/transaction/layer';
import { type ListenPoint, TransportLayer } from './sip/transport/layer';
import type { TransportLimits } from './sip/transport/limits';

export interface ServerOptions {
  /** The config file. Relative paths in it start at its folder. */
  readonly file: string;
  /** Its text, when it is not to be read from there. */
  readonly text?: string;
  /** For `${NAME}` in the config; the process's own when not given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Made as the config says when not given; then the server closes it. */
  readonly logging?: Logging;
  readonly clock?: Clock;
  readonly random?: Random;
  /** How long requests in flight may take to finish when the server stops, in ms. */
  readonly drainLimit?: number;
}

export interface RunningServer {
  /** The open sockets, in the order of `listen`, with their actual ports. */
  readonly points: readonly ListenPoint[];
  readonly sip: SipServices;
  readonly host: ModuleHost;
  readonly logging: Logging;
  /** What the control socket offers; SIGHUP is `commands.reload('config')`. */
  readonly commands: Commands;
  /**
   * Takes no more requests, lets those in flight finish, lets modules flush, closes databases and sockets. Never rejects;
   * a second call waits for the first.
   */
  stop(): Promise<void>;
}

const defaultDrainLimit = 5000;
/** How long a database may take to answer before the server counts as not ready, in ms. */
const answerLimit = 2000;
/** ms between two looks at what is in flight. */
const drainStep = 10;

/**
 * Starts a server.
 * @throws ProblemsError with every problem of the config; RollcallError when a module, the script or a socket cannot be had
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const config = configOf(options);
  const plan = await planModules(config);
  refuse([...config.problems, ...plan.problems]);
  const logging = options.logging ?? createLogging({ level: config.core.logLevel, format: config.core.logFormat });
  const server = new Server(config, logging, options);
  try {
    await server.start(plan);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function configOf({ file, text, environment = process.env }: ServerOptions): Config {
  return text === undefined ? readConfig(file, environment) : parseConfig(file, text, environment);
}

class Server implements RunningServer, Running {
  readonly host: ModuleHost;
  readonly sip: SipServices;
  readonly commands: Commands;
  readonly clock: Clock;
  readonly startedAt: number;
  listening: readonly Listening[] = [];
  readonly #random: Random;
  #runner: ScriptRunner | undefined;
  #control: ControlSocket | undefined;
  #draining = false;
  #stopping: Promise<void> | undefined;

  constructor(
    public config: Config,
    readonly logging: Logging,
    private readonly options: ServerOptions,
  ) {
    this.clock = options.clock ?? systemClock;
    this.startedAt = this.clock.now();
    this.#random = options.random ?? systemRandom();
    this.sip = createSip(config.core, logging, this.clock, this.#random);
    this.host = new ModuleHost({
      logging,
      clock: this.clock,
      random: this.#random,
      sip: this.sip,
      baseDir: config.baseDir,
    });
    this.commands = new Commands(this);
    measureCore(this);
    this.#offer();
  }

  get points(): readonly ListenPoint[] {
    return this.sip.transports.points;
  }

  get runner(): ScriptRunner {
    if (this.#runner === undefined) throw new RollcallError('the server has not started');
    return this.#runner;
  }

  readConfig(): Config {
    return configOf(this.options);
  }

  async start(plan: Plan): Promise<void> {
    const log = this.logging.named('core');
    for (const warning of plan.warnings) {
      log.warn(`${warning.file}:${warning.line}:${warning.column}: ${warning.message}`);
    }
    for (const module of plan.modules) await this.host.setUp(module);
    const runner = await this.#loadScript(plan);
    this.host.useRoutes(runner);
    const takers = this.host.registry.collect(requestTakers);
    this.sip.transactions.onRequest((transaction) => {
      // While stopping, silence: the client sends again, and the server that comes next answers.
      if (this.#draining) return;
      for (const take of takers.values()) if (take(transaction)) return;
      runner.run(transaction);
    });
    this.sip.transactions.onResponse((response, flow) => runner.runReply(response, flow));
    this.sip.wheel.start();
    for (const spec of this.config.listen) {
      this.listening = [...this.listening, { spec, point: await this.listen(spec) }];
    }
    const { control: path } = this.config;
    if (path !== undefined) {
      this.#control = await ControlSocket.open({ path, log, commands: () => this.commands.table });
    }
    this.host.listening();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#draining = true;
    await this.#control?.close();
    await this.#drain();
    await this.host.stop();
    await this.sip.transports.close();
    this.sip.wheel.stop();
    if (this.options.logging === undefined) this.logging.close();
  }

  /** What modules may use of the server as a whole. */
  #offer(): void {
    const { registry } = this.host;
    registry.offer('core', health, { problems: () => this.#problems() });
    registry.offer('core', control, {
      serve: (text, gone) =>
        serveText(text, this.commands.table, { notify: () => {}, gone }, (error, method) =>
          this.logging.named('core').error({ err: error, method }, 'a control command failed'),
        ),
    });
  }

  async #problems(): Promise<string[]> {
    if (this.#draining) return ['the server is stopping'];
    if (this.listening.length < this.config.listen.length) return ['the sockets are not open yet'];
    const silent = await this.host.silentDatabases(answerLimit);
    return silent.map((url) => `${url} does not answer`);
  }

  /** Waits until no request is in the script, at most so long. */
  async #drain(): Promise<void> {
    const limit = this.options.drainLimit ?? defaultDrainLimit;
    for (let waited = 0; this.#runner !== undefined && this.#runner.inFlight > 0; waited += drainStep) {
      if (waited >= limit) {
        const requests = this.#runner.inFlight;
        this.logging.named('core').warn({ requests }, 'requests are still in flight, stopping all the same');
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, drainStep));
    }
  }

  async #loadScript(plan: Plan): Promise<ScriptRunner> {
    const { maxWhileLoops, scriptTimeout } = this.config.core;
    const log = this.logging.named('script');
    const options = { log, knownModules: plan.available, maxWhileLoops };
    const { script, problems } = await compileScript(this.config.script, this.host.functions, options);
    if (script === undefined) throw new ProblemsError(problems);
    const { wheel } = this.sip;
    this.#runner = new ScriptRunner(script, { log, clock: this.clock, wheel, random: this.#random, scriptTimeout });
    return this.#runner;
  }

  async listen(spec: ListenSpec): Promise<ListenPoint> {
    try {
      return await this.sip.transports.listen(spec);
    } catch (error) {
      if (!(error instanceof RollcallError)) throw error;
      const inUse = (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE';
      const hint = inUse
        ? `another program has ${formatListen(spec)} (\`ss -lunpt 'sport = :${spec.port}'\` shows it): stop it, or change \`listen\` in ${this.config.file}`
        : error.hint;
      throw new RollcallError(error.message, hint === undefined ? { cause: error } : { hint, cause: error });
    }
  }
}

/** The SIP floor as the settings want it. Nothing listens and no timer runs until somebody starts them. */
export function createSip(core: CoreSettings, logging: Logging, clock: Clock, random: Random): SipServices {
  const wheel = new TimerWheel(clock, { log: logging.named('core') });
  const log = logging.named('sip');
  const udp = { batching: core.udpBatching, bundling: core.udpBundling, gather: core.udpGather };
  const transports = new TransportLayer({ log, wheel, limits: transportLimits(core), udp });
  const timers = { t1: core.sipT1, t2: core.sipT2 };
  const overload = overloadLimits(core);
  const transactions = new TransactionLayer({ transports, wheel, random, log, timers, overload });
  const resolver = new Resolver({
    clock,
    // A datagram leaves through a socket that listens; a connection can be opened from anywhere.
    supports: (protocol, family) =>
      protocol === 'tcp' ||
      transports.points.some((point) => point.protocol === protocol && point.address.includes(':') === (family === 6)),
  });
  return { transports, transactions, resolver, wheel, userAgent: core.userAgent };
}

/** The limits of the transports, from the settings of the same meaning. */
export function transportLimits(core: CoreSettings): TransportLimits {
  return {
    maxHeaders: core.maxHeaders,
    maxHeadBytes: core.maxHeaderBytes,
    maxBodyBytes: core.maxBodyBytes,
    maxConnections: core.tcpMaxConnections,
    maxConnectionsPerAddress: core.tcpMaxConnectionsPerSource,
    messageTimeout: core.tcpMessageTimeout * 1000,
    idleTimeout: core.tcpIdleTimeout * 1000,
    connectTimeout: core.tcpConnectTimeout,
    maxQueuedBytes: core.tcpMaxQueuedBytes,
    udpBufferBytes: core.udpBufferBytes,
  };
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ProblemsError(sortProblems(problems));
}
