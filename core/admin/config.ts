// Owns the taking over of a changed config and script: differences only, and all of them or none.
import { RollcallError } from '../base/errors';
import { camelCase, type ParamDeclaration, type ParamDeclarations, type ParamValue } from '../base/params';
import { ProblemsError, sortProblems } from '../base/problem';
import type { Config } from '../config/config';
import { formatListen } from '../config/listen';
import { type CoreSettings, coreSettings } from '../config/settings';
import { ModuleLoader, type NewCode } from '../module/loader';
import { type Plan, planModules } from '../module/plan';
import type { Planned } from '../module/running';
import type { FunctionTable } from '../script/facade';
import { compileScript } from '../script/load';
import type { Script } from '../script/script';
import type { OverloadLimits } from '../sip/transaction/overload';
import { loadedDefinitions } from './modules';
import type { Listening, Running } from './running';

/** How long requests in flight may hold up the going of a module that the script called, in ms. */
const leaveLimit = 5000;

/** Steps that have been taken, each with the way back. */
class Steps {
  readonly taken: string[] = [];
  readonly #back: (() => unknown)[] = [];

  did(what: string, back: () => unknown): void {
    this.taken.push(what);
    this.#back.push(back);
  }

  /** Goes all the way back. What cannot be undone is told to `failed`, and the rest is. */
  async undo(failed: (error: unknown) => void): Promise<void> {
    for (const back of this.#back.toReversed()) {
      try {
        await back();
      } catch (error) {
        failed(error);
      }
    }
  }
}

/**
 * Takes over what has changed in the config file.
 * @returns what was changed, a sentence each; empty when nothing has
 * @throws ProblemsError, RollcallError; then everything is as before
 */
export async function reloadConfig(running: Running): Promise<readonly string[]> {
  const next = running.readConfig();
  const codes: NewCode[] = [];
  const steps = new Steps();
  const log = running.logging.named('core');
  try {
    const plan = await planChange(running, next, codes);
    const gone = running.host.modules.filter(({ definition }) => !plan.modules.some(isOf(definition.name)));
    await openSockets(running, next, steps);
    for (const module of plan.modules) await takeModule(running, module, steps);
    await takeScript(running, next, plan, steps);
    await removeModules(running, gone, steps);
  } catch (error) {
    await steps.undo((fault) => log.error({ err: fault }, 'a change of the config could not be undone'));
    for (const code of codes) code.discard();
    throw error;
  }
  for (const code of codes) code.keep();
  await closeSockets(running, next, steps);
  takeSettings(running, next, steps);
  running.config = next;
  return steps.taken;
}

/** Takes over the script as its files are now. @throws ProblemsError; the old script is in force then */
export async function reloadScript(running: Running): Promise<Script> {
  const { config, runner, host } = running;
  const script = await compile(running, config, host.functions, new ModuleLoader(config.modulePath).names);
  runner.use(script);
  return script;
}

const isOf =
  (name: string) =>
  ({ definition }: Planned) =>
    definition.name === name;

async function planChange(running: Running, next: Config, codes: NewCode[]): Promise<Plan> {
  const loaded = loadedDefinitions(running);
  const loader = new ModuleLoader(next.modulePath);
  const plan = await planModules(next, {
    names: loader.names,
    has: (name) => loaded.has(name) || loader.has(name),
    load: async (name) => {
      const known = loaded.get(name);
      if (known !== undefined) return known;
      const code = await loader.loadAnew(name);
      codes.push(code);
      return code.definition;
    },
  });
  const problems = [...next.problems, ...plan.problems];
  if (problems.length > 0) throw new ProblemsError(sortProblems(problems));
  const fixed = changedSettings(running, next, false);
  if (running.config.control !== next.control) fixed.push('control');
  if (fixed.length === 0) return plan;
  throw new RollcallError(`${fixed.join(', ')} cannot change while the server runs`, {
    hint: 'nothing was changed: put the old value back, or restart the server',
  });
}

/** The core's settings that differ, those that can change while the server runs or the others. */
function changedSettings({ config }: Running, next: Config, live: boolean): string[] {
  const declarations: readonly [string, ParamDeclaration][] = Object.entries(coreSettings);
  const of = ({ core }: Config, name: string) => core[camelCase(name) as keyof typeof core];
  return declarations
    .filter(([name, declaration]) => (declaration.live === true) === live && of(config, name) !== of(next, name))
    .map(([name]) => name);
}

async function openSockets(running: Running, next: Config, steps: Steps): Promise<void> {
  for (const spec of next.listen) {
    const name = formatListen(spec);
    if (running.listening.some((known) => formatListen(known.spec) === name)) continue;
    const point = await running.listen(spec);
    const before = running.listening;
    running.listening = [...before, { spec, point }];
    steps.did(`listens on ${formatListen(point)}`, () => {
      running.listening = before;
      return point.close();
    });
  }
}

async function takeModule(running: Running, planned: Planned, steps: Steps): Promise<void> {
  const { host, runner } = running;
  const { name, params } = planned.definition;
  const old = host.modules.find(isOf(name));
  if (old === undefined) {
    await host.setUp(planned);
    steps.did(`${name} loaded`, () => host.remove(name));
    return;
  }
  const changed = changedParams(params, old.values, planned.values);
  if (changed.length === 0) return;
  if (changed.every((parameter) => params[parameter]?.live === true)) {
    host.configure(name, planned.values);
    steps.did(`${name}: ${changed.join(', ')} changed`, () => host.configure(name, old.values));
    return;
  }
  await host.exchange(planned, (functions) => runner.script.refuses(name, functions));
  steps.did(`${name} reloaded: ${changed.join(', ')} changed`, () => host.exchange(old));
}

function changedParams(
  params: ParamDeclarations,
  old: ReadonlyMap<string, ParamValue>,
  next: ReadonlyMap<string, ParamValue>,
): string[] {
  return Object.entries(params)
    .filter(([name, { default: byDefault }]) => (old.get(name) ?? byDefault) !== (next.get(name) ?? byDefault))
    .map(([name]) => name);
}

/** The script is judged by the functions it will have when the change is complete. */
async function takeScript(running: Running, next: Config, plan: Plan, steps: Steps): Promise<void> {
  const { host, runner, config } = running;
  const functions: FunctionTable = new Map([...host.functions].filter(([name]) => plan.modules.some(isOf(name))));
  const script = await compile(running, next, host.functions, plan.available, functions);
  const old = runner.script;
  if (script.isLike(old) && config.core.maxWhileLoops === next.core.maxWhileLoops) return;
  runner.use(script);
  steps.did('script reloaded', () => runner.use(old));
}

async function compile(
  running: Running,
  { script: path, core }: Config,
  functions: FunctionTable,
  knownModules: readonly string[],
  importable = functions,
): Promise<Script> {
  const log = running.logging.named('script');
  const options = { log, knownModules, maxWhileLoops: core.maxWhileLoops, importable };
  const { script, problems } = await compileScript(path, functions, options);
  if (script === undefined) throw new ProblemsError(problems);
  return script;
}

async function removeModules({ host, runner }: Running, gone: readonly Planned[], steps: Steps): Promise<void> {
  if (gone.length === 0) return;
  // What is in flight on the old script may still call them.
  await runner.settled(leaveLimit);
  for (const planned of gone.toReversed()) {
    const { name } = planned.definition;
    await host.remove(name);
    steps.did(`${name} unloaded`, () => host.setUp(planned));
  }
}

async function closeSockets(running: Running, next: Config, steps: Steps): Promise<void> {
  const wanted = new Set(next.listen.map(formatListen));
  const isWanted = ({ spec }: Listening) => wanted.has(formatListen(spec));
  const leaving = running.listening.filter((each) => !isWanted(each));
  running.listening = running.listening.filter(isWanted);
  for (const { point } of leaving) {
    await point.close();
    steps.did(`no longer listens on ${formatListen(point)}`, () => {});
  }
}

/** The bounds of work, from the settings of the same meaning. */
export function overloadLimits(core: CoreSettings): OverloadLimits {
  return {
    working: core.overloadRequests,
    delay: core.overloadDelay,
    retryAfter: core.overloadRetryAfter,
  };
}

function takeSettings(running: Running, next: Config, steps: Steps): void {
  for (const name of changedSettings(running, next, true)) steps.did(`${name} changed`, () => {});
  if (running.config.core.logLevel !== next.core.logLevel) running.logging.setLevel(next.core.logLevel);
  running.runner.scriptTimeout = next.core.scriptTimeout;
  running.sip.transactions.overload.limits = overloadLimits(next.core);
}
