// Owns looking at a config without serving it: modules are set up on nothing, so that what they would lend is known.
import { systemClock } from '../base/clock';
import { createLogging } from '../base/logging';
import { type Problem, sortProblems } from '../base/problem';
import { systemRandom } from '../base/random';
import { type Config, parseConfig } from '../config/config';
import { openMemoryDatabase } from '../db/memory';
import type { OpenDatabase } from '../module/databases';
import { ModuleHost } from '../module/host';
import type { ModuleLoader } from '../module/loader';
import { type Plan, planModules } from '../module/plan';
import { compileScript } from '../script/load';
import { createSip } from '../server';

/** What is known of a config and the script it names. */
export interface Inspection {
  readonly config: Config;
  readonly plan: Plan;
  /** With every module set up that could be. Nothing listens, no timer runs. */
  readonly host: ModuleHost;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * Sets a config's modules up on nothing, compiles its script, hands the result to `use`, and takes all of it down.
 * @param openDatabase what modules get for a database: an empty one in memory when not given
 */
export async function inspect<T>(
  config: Config,
  use: (inspection: Inspection) => Promise<T> | T,
  openDatabase: OpenDatabase = async () => openMemoryDatabase(),
): Promise<T> {
  const plan = await planModules(config);
  const logging = createLogging({ level: 'silent', format: 'json' });
  const random = systemRandom();
  const sip = createSip(config.core, logging, systemClock, random);
  const host = new ModuleHost({
    logging,
    clock: systemClock,
    random,
    sip,
    baseDir: config.baseDir,
    openDatabase,
  });
  let problems = [...config.problems, ...plan.problems];
  try {
    const failures = await setUp(plan, host, config);
    // A module that lacks what another problem is about fails for that reason: one report is enough.
    if (problems.length === 0) problems.push(...failures);
    problems = sortProblems(problems);
    // Without a module's functions, every import from it would look wrong.
    if (failures.length === 0 && config.script !== '') {
      const { maxWhileLoops } = config.core;
      const options = { log: logging.named('script'), knownModules: plan.available, maxWhileLoops };
      problems.push(...((await compileScript(config.script, host.functions, options)).problems ?? []));
    }
    return await use({ config, plan, host, problems, warnings: plan.warnings });
  } finally {
    await host.stop();
    await sip.transports.close();
    logging.close();
  }
}

/** Sets one module up on nothing, with everything it needs. `folders` are those of `module_path`. */
export async function inspectModule<T>(
  name: string,
  loader: ModuleLoader,
  folders: readonly string[],
  use: (inspection: Inspection) => Promise<T> | T,
): Promise<T> {
  // What a module lends is known once it is set up; a config of it and what it needs is enough for that.
  const text = JSON.stringify({ module_path: folders, loadmodule: [...(await withNeeds(name, loader))] });
  return inspect(parseConfig('module', text), use);
}

/** A module and everything it needs, as far as it can be found. */
async function withNeeds(name: string, loader: ModuleLoader, found = new Set<string>()): Promise<Set<string>> {
  if (found.has(name) || !loader.has(name)) return found;
  found.add(name);
  for (const other of (await loader.load(name)).depends) await withNeeds(other, loader, found);
  return found;
}

async function setUp(plan: Plan, host: ModuleHost, config: Config): Promise<Problem[]> {
  const failures: Problem[] = [];
  for (const planned of plan.modules) {
    try {
      await host.setUp(planned);
    } catch (error) {
      const place = config.modules.find((module) => module.name === planned.definition.name)?.place;
      failures.push({ ...(place ?? { file: config.file, line: 1, column: 1 }), message: (error as Error).message });
    }
  }
  return failures;
}
