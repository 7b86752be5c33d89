// Owns the core's control commands: what runs and how, and every change of it, one at a time.
import { performance } from 'node:perf_hooks';
import { RollcallError } from '../base/errors';
import type { Logger } from '../base/logger';
import { type LogThreshold, logLevels } from '../base/logging';
import type { Counter, Family } from '../base/metrics';
import { didYouMean } from '../base/nearest';
import { formatListen } from '../config/listen';
import { type CommandTable, type ControlCommand, helpLines, helpOf } from '../control/command';
import type { Planned } from '../module/running';
import { reloadConfig, reloadScript } from './config';
import { findLoaded, loadModule, reloadModule, setParameter, unloadModule } from './modules';
import type { Running } from './running';
import { trace } from './trace';

export class Commands {
  readonly #running: Running;
  readonly #log: Logger;
  readonly #changes: Family<Counter>;
  readonly #own: ReadonlyMap<string, ControlCommand>;
  /** Two changes at once would each judge what the other is about to change. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(running: Running) {
    this.#running = running;
    this.#log = running.logging.named('core');
    const metrics = running.host.metrics.view('control');
    this.#changes = metrics.counter({
      name: 'changes_total',
      help: 'Reloads and other changes while the server runs.',
      labels: ['change', 'outcome'],
    });
    metrics.show();
    this.#own = this.#declare();
  }

  /** The core's and those of the modules loaded now. */
  get table(): CommandTable {
    const modules = [...this.#running.host.commands()].map(([name, command]): [string, ControlCommand] => [
      name,
      { ...command, run: (args, { notify }) => command.run(args, notify) },
    ]);
    return new Map([...this.#own, ...modules]);
  }

  /** Takes up new code or settings: of a module by its name, of the `script`, of the `config`. What SIGHUP does is `config`. */
  reload(what: string): Promise<object> {
    return this.#change(`reload of ${what}`, async () => {
      const began = performance.now();
      const took = () => Math.ceil(performance.now() - began);
      if (what === 'config') return { changed: await reloadConfig(this.#running), took_ms: took() };
      if (what === 'script') return { script: (await reloadScript(this.#running)).main, took_ms: took() };
      const { module, pause, waited } = await reloadModule(this.#running, what);
      return { module, took_ms: took(), pause_ms: pause, calls_waited: waited };
    });
  }

  /** One change after the other, each told to the log with its outcome. */
  #change<T extends object>(what: string, change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change);
    const [kind = what] = what.split(' ', 1);
    result.then(
      () => this.#changes.of(kind, 'done').inc(),
      () => this.#changes.of(kind, 'refused').inc(),
    );
    this.#last = result.then(
      (outcome) => this.#log.info({ outcome }, what),
      (error) => this.#log.warn(`${what} refused: ${error instanceof Error ? error.message : String(error)}`),
    );
    return result;
  }

  #declare(): ReadonlyMap<string, ControlCommand> {
    const running = this.#running;
    const module = { name: 'module' };
    return new Map<string, ControlCommand>([
      [
        'help',
        {
          summary: 'Lists the commands, or says what one takes.',
          args: [{ name: 'command', optional: true }],
          run: ([name]) => this.#help(name),
        },
      ],
      ['status', { summary: 'Says what the server is and does.', args: [], run: () => this.#status() }],
      [
        'modules',
        {
          summary: 'Lists the loaded modules, or the parameters of one; secrets are hidden.',
          args: [{ ...module, optional: true }],
          run: ([name]) =>
            name === undefined ? running.host.modules.map(moduleLine) : parameters(findLoaded(running, name)),
        },
      ],
      [
        'reload',
        {
          summary: 'Takes up new code and settings while requests go on. A fault changes nothing.',
          args: [{ name: 'what', doc: 'a module, `script`, or `config`' }],
          run: ([what = '']) => this.reload(what),
        },
      ],
      [
        'load',
        {
          summary: 'Loads a module; the script can use it after its own reload.',
          args: [module],
          run: ([name = '']) =>
            this.#change(`load of ${name}`, async () => {
              await loadModule(running, name);
              return { loaded: name };
            }),
        },
      ],
      [
        'unload',
        {
          summary: 'Unloads a module that neither the script nor another module needs.',
          args: [module],
          run: ([name = '']) =>
            this.#change(`unload of ${name}`, async () => {
              await unloadModule(running, name);
              return { unloaded: name };
            }),
        },
      ],
      [
        'set',
        {
          summary: 'Changes a live parameter until the module or the config is reloaded.',
          args: [module, { name: 'parameter' }, { name: 'value' }],
          run: ([name = '', parameter = '', value = '']) =>
            this.#change(`set of ${name} ${parameter}`, async () => {
              setParameter(running, name, parameter, value);
              return { module: name, parameter };
            }),
        },
      ],
      [
        'trace',
        {
          summary: 'Shows messages, decisions and commits as they happen, until Ctrl-C.',
          args: [{ name: 'target', optional: true, doc: 'sip:user@host, a Call-ID, an address; all when left out' }],
          run: ([target], call) => trace(running, target, call),
        },
      ],
      [
        'log',
        {
          summary: 'Shows the log levels, or sets that of one logger or of all.',
          args: [
            { name: 'level', optional: true, doc: logLevels.join(', ') },
            { name: 'logger', optional: true, doc: '`core`, `sip`, `script`, or a module; all when left out' },
          ],
          run: ([level, logger]) => this.#levels(level, logger),
        },
      ],
    ]);
  }

  #help(name: string | undefined): unknown {
    const { table } = this;
    if (name === undefined) return helpLines(table);
    const command = table.get(name);
    if (command !== undefined) return helpOf(name, command);
    throw new RollcallError(`there is no command "${name}"${didYouMean(name, table.keys())}`);
  }

  #status(): object {
    const { clock, startedAt, sip, runner, config, host, listening } = this.#running;
    const transports = sip.transports.stats;
    const transactions = sip.transactions.stats;
    return {
      process: process.pid,
      up_s: Math.floor((clock.now() - startedAt) / 1000),
      config: config.file,
      script: runner.script.main,
      listen: listening.map(({ point }) => formatListen(point)),
      modules: host.modules.length,
      memory_mb: Math.round(process.memoryUsage().rss / 2 ** 20),
      requests: transactions.requests,
      retransmissions: transactions.retransmissions,
      rejected: transactions.rejected,
      in_flight: runner.inFlight,
      messages_received: transports.received,
      messages_sent: transports.sent,
      connections: transports.connections,
    };
  }

  #levels(level: string | undefined, logger: string | undefined): unknown {
    const { logging } = this.#running;
    if (level !== undefined) {
      const known = logLevels.find((each) => each === level);
      if (known === undefined) throw new RollcallError(`there is no level "${level}"${didYouMean(level, logLevels)}`);
      if (logger !== undefined && !logging.levels.has(logger)) {
        throw new RollcallError(`there is no logger "${logger}"${didYouMean(logger, logging.levels.keys())}`);
      }
      logging.setLevel(known satisfies LogThreshold, logger);
    }
    return [...logging.levels].map(([name, at]) => ({ logger: name, level: at }));
  }
}

function moduleLine({ definition }: Planned): object {
  return { module: definition.name, summary: definition.summary };
}

function parameters({ definition, values }: Planned): object[] {
  return Object.entries(definition.params).map(([name, declaration]) => {
    const value = values.get(name) ?? declaration.default;
    return {
      parameter: name,
      value: value === undefined ? 'unset' : declaration.secret === true ? 'hidden' : value,
      unit: declaration.unit ?? '',
      set: values.has(name) ? 'yes' : 'default',
      live: declaration.live === true ? 'yes' : 'no',
    };
  });
}
