// Owns `rollcall types`: writes what the editor needs to know of the loaded modules beside the routing script.
import { writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { readConfig } from '../config/config';
import { generateTypes } from '../script/types';
import type { Terminal } from './client-target';
import { configArguments } from './command';
import { inspect } from './inspect';

export const typesUsage = `rollcall types -f FILE     write the types of the loaded modules for the routing script

  -o FILE   where to (rollcall.d.ts in the script's folder)`;

/** Runs the command. */
export async function types(args: readonly string[], terminal: Terminal): Promise<number> {
  const { file, out } = configArguments(args);
  return inspect(readConfig(file), ({ config, plan, host }) => {
    const target = out ?? join(dirname(config.script), 'rollcall.d.ts');
    const described = plan.modules.map(({ definition: { name, summary } }) => {
      return [name, { summary, functions: host.functions.get(name) ?? {} }] as const;
    });
    writeFileSync(target, generateTypes(new Map(described)));
    terminal.out(`wrote ${relative('.', target)}`);
    return 0;
  });
}
