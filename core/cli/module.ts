// Owns `rollcall module`: prints a module's manual from its declarations, or the names of all modules.
import { parseArgs } from 'node:util';
import { RollcallError } from '../base/errors';
import { didYouMean } from '../base/nearest';
import { readConfig } from '../config/config';
import { coreSettings } from '../config/settings';
import { ModuleLoader } from '../module/loader';
import { manual, manualTable } from '../module/manual';
import type { Terminal } from './client-target';
import { inspectModule } from './inspect';

export const moduleUsage = `rollcall module [NAME]     print a module's manual, or the names of all modules

  -f FILE   look into the folders that module_path of this config file names as well

The name \`core\` prints the settings under \`core:\`.`;

/** Runs the command. */
export async function moduleManual(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { file: { type: 'string', short: 'f' } },
  });
  const folders = values.file === undefined ? [] : readConfig(values.file).modulePath;
  const loader = new ModuleLoader(folders);
  const [name] = positionals;
  if (name === undefined) {
    for (const known of loader.names) terminal.out(`${known.padEnd(16)} ${(await loader.load(known)).summary}`);
    return 0;
  }
  if (name === 'core') {
    terminal.out(manualTable({ params: coreSettings }).trimEnd());
    return 0;
  }
  if (!loader.has(name)) {
    throw new RollcallError(`there is no module "${name}"${didYouMean(name, [...loader.names, 'core'])}`, {
      hint: '`rollcall module` lists them; -f FILE finds those in the folders of module_path',
    });
  }
  return inspectModule(name, loader, folders, ({ plan, host }) => {
    const definition = plan.modules.find((planned) => planned.definition.name === name)?.definition;
    if (definition !== undefined) terminal.out(manual(definition, host.functions.get(name) ?? {}).trimEnd());
    return 0;
  });
}
