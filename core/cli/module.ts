// Owns `rollcall module`: prints a module's manual from its declarations, or the names of all modules.
import { RollcallError } from '../base/errors';
import { didYouMean } from '../base/nearest';
import { parseConfig } from '../config/config';
import type { ModuleDefinition } from '../module/define';
import { ModuleLoader } from '../module/loader';
import { manual } from '../module/manual';
import type { Terminal } from './client-target';
import { inspect } from './inspect';

export const moduleUsage = `rollcall module [NAME]     print a module's manual, or the names of all modules`;

/** Runs the command. */
export async function moduleManual(args: readonly string[], terminal: Terminal): Promise<number> {
  const loader = new ModuleLoader([]);
  const [name] = args;
  if (name === undefined) {
    for (const known of loader.names) terminal.out(`${known.padEnd(16)} ${(await loader.load(known)).summary}`);
    return 0;
  }
  if (!loader.has(name)) {
    throw new RollcallError(`there is no module "${name}"${didYouMean(name, loader.names)}`, {
      hint: '`rollcall module` lists them',
    });
  }
  const definition = await loader.load(name);
  const needed = await withNeeds(definition, loader);
  // Functions are known once a module is set up; a config of it and what it needs is enough for that.
  const config = parseConfig('module', `loadmodule: ${JSON.stringify([...needed])}`);
  return inspect(config, ({ host }) => {
    terminal.out(manual(definition, host.functions.get(name) ?? {}).trimEnd());
    return 0;
  });
}

async function withNeeds(
  definition: ModuleDefinition,
  loader: ModuleLoader,
  names = new Set<string>(),
): Promise<Set<string>> {
  if (names.has(definition.name)) return names;
  names.add(definition.name);
  for (const name of definition.depends) if (loader.has(name)) await withNeeds(await loader.load(name), loader, names);
  return names;
}
