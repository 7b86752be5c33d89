// Owns changes of one module while the server runs: reload, load, unload, and the setting of a live parameter.
import { RollcallError } from '../base/errors';
import { didYouMean } from '../base/nearest';
import { readParam } from '../base/params';
import { ProblemsError } from '../base/problem';
import { checkModparams, type Named } from '../config/modparams';
import type { ModuleDefinition } from '../module/define';
import type { Exchange } from '../module/host';
import { ModuleLoader } from '../module/loader';
import type { Planned } from '../module/running';
import type { Running } from './running';

/** A module's new code with its parameters as the config file says now. @throws ProblemsError for what is wrong there */
function planned(running: Running, definition: ModuleDefinition): Planned {
  const config = running.readConfig();
  if (config.problems.length > 0) throw new ProblemsError(config.problems);
  const { name } = definition;
  const definitions = new Map(loadedDefinitions(running)).set(name, definition);
  const place = config.modules.find((module) => module.name === name)?.place;
  const start = { file: config.file, line: 1, column: 1 };
  const modules: Named[] = [...definitions.keys()].map((each) => ({ name: each, place: place ?? start }));
  const lines = config.modparams.filter((line) => line.module.name === name);
  // Only this module's own needs count: the others have been judged before.
  const depends = new Map([...definitions].map(([each, one]) => [each, each === name ? one : { ...one, depends: [] }]));
  const { values, problems } = checkModparams(modules, lines, depends);
  if (problems.length > 0) throw new ProblemsError(problems);
  return { definition, values: values.get(name) ?? new Map() };
}

/** The definitions in force, by name. */
export function loadedDefinitions(running: Running): ReadonlyMap<string, ModuleDefinition> {
  return new Map(running.host.modules.map(({ definition }) => [definition.name, definition]));
}

/** A loaded module. @throws RollcallError with the nearest name when there is none */
export function findLoaded(running: Running, name: string): Planned {
  const { modules } = running.host;
  const found = modules.find(({ definition }) => definition.name === name);
  if (found !== undefined) return found;
  const names = modules.map(({ definition }) => definition.name);
  throw new RollcallError(`there is no loaded module "${name}"${didYouMean(name, names)}`);
}

/** Takes up a module's code and parameters as they are now. @throws RollcallError; the old ones are in force then */
export async function reloadModule(running: Running, name: string): Promise<Exchange> {
  findLoaded(running, name);
  const code = await new ModuleLoader(running.config.modulePath).loadAnew(name);
  try {
    const exchange = await running.host.exchange(planned(running, code.definition), (functions) =>
      running.runner.script.refuses(name, functions),
    );
    code.keep();
    return exchange;
  } catch (error) {
    code.discard();
    throw error;
  }
}

/** Loads one more module. Scripts can call it once they are reloaded. @throws RollcallError; nothing of it is left then */
export async function loadModule(running: Running, name: string): Promise<void> {
  if (loadedDefinitions(running).has(name)) throw new RollcallError(`${name} is loaded already`);
  const loader = new ModuleLoader(running.readConfig().modulePath);
  if (!loader.has(name)) throw new RollcallError(`there is no module "${name}"${didYouMean(name, loader.names)}`);
  const code = await loader.loadAnew(name);
  try {
    await running.host.setUp(planned(running, code.definition));
    code.keep();
  } catch (error) {
    code.discard();
    throw error;
  }
}

/** Unloads a module that nothing depends on. @throws RollcallError that says what does */
export async function unloadModule(running: Running, name: string): Promise<void> {
  findLoaded(running, name);
  const refused = running.runner.script.refuses(name, {});
  if (refused !== undefined) throw new RollcallError(`${name} cannot go: the script calls it`);
  await running.host.remove(name);
}

/** Changes one live parameter until the module or the config is reloaded. @throws RollcallError; the old value stays then */
export function setParameter(running: Running, name: string, parameter: string, text: string): void {
  const { definition, values } = findLoaded(running, name);
  const declaration = Object.hasOwn(definition.params, parameter) ? definition.params[parameter] : undefined;
  if (declaration === undefined) {
    const known = Object.keys(definition.params);
    throw new RollcallError(`${name} has no parameter "${parameter}"${didYouMean(parameter, known)}`);
  }
  if (declaration.live !== true) {
    throw new RollcallError(`${name} ${parameter} cannot be changed by itself`, {
      hint: `change it in ${running.config.file}, then \`reload config\``,
    });
  }
  const result = readParam(parameter, declaration, { value: text, text });
  if ('problem' in result) throw new RollcallError(`${name} ${result.problem}`);
  running.host.configure(name, new Map([...values, [parameter, result.value]]));
}
