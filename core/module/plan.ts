// Owns the step from a config file to modules that can be set up: found, judged by their declarations, put in order.

import { RollcallError } from '../base/errors';
import { didYouMean } from '../base/nearest';
import type { Problem } from '../base/problem';
import type { Config } from '../config/config';
import { checkModparams } from '../config/modparams';
import type { ModuleDefinition } from './define';
import { ModuleLoader } from './loader';
import { dependencyOrder } from './order';
import type { Planned } from './running';

export interface Plan {
  /** In the order of setup. With problems: what could be found, wrong values at their default. */
  readonly modules: readonly Planned[];
  /** The names of all modules that could be loaded. */
  readonly available: readonly string[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Loads the declarations of all modules that a config names and checks its `modparam` lines against them. */
export async function planModules(
  config: Config,
  loader: Pick<ModuleLoader, 'has' | 'names' | 'load'> = new ModuleLoader(config.modulePath),
): Promise<Plan> {
  const problems: Problem[] = [];
  const definitions = new Map<string, ModuleDefinition>();
  for (const { name, place } of config.modules) {
    if (!loader.has(name)) {
      problems.push({ ...place, message: `there is no module "${name}"${didYouMean(name, loader.names)}` });
      continue;
    }
    try {
      definitions.set(name, await loader.load(name));
    } catch (error) {
      problems.push({ ...place, message: error instanceof RollcallError ? error.message : String(error) });
    }
  }
  const parameters = checkModparams(config.modules, config.modparams, definitions);
  problems.push(...parameters.problems);
  let order: readonly string[] = [...definitions.keys()];
  try {
    order = dependencyOrder(order, parameters.needs);
  } catch (error) {
    const place = config.modules[0]?.place ?? { file: config.file, line: 1, column: 1 };
    problems.push({ ...place, message: (error as Error).message });
  }
  const modules = order.flatMap((name) => {
    const definition = definitions.get(name);
    return definition === undefined ? [] : [{ definition, values: parameters.values.get(name) ?? new Map() }];
  });
  return { modules, available: loader.names, problems, warnings: parameters.warnings };
}
