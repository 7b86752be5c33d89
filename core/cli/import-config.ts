// Owns `rollcall import-config`: makes a config of ours from a Kamailio or OpenSIPS one, and lists what has no counterpart.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { RollcallError } from '../base/errors';
import { readStatements } from '../config/foreign/statements';
import type { Files } from '../config/foreign/tokens';
import type { ModuleDefinition } from '../module/define';
import { ModuleLoader } from '../module/loader';
import type { Terminal } from './client-target';
import { type Item, type Left, type Translated, translate } from './foreign-config';

export const importConfigUsage = `rollcall import-config FILE   make a config from that of a Kamailio or OpenSIPS server

  -o FILE         where to write it; standard output when not given. It may hold passwords: only
                  its owner may read a new file
  -A NAME[=VALUE] define a name, as the old server's own -A does

listen (socket), loadmodule and modparam lines become ours; #!define, #!ifdef, #!subst and files that
are included count as there. What has no counterpart is listed on standard error, with its line
and why. Routing is not translated: the config names the script that comes with the server.`;

/** dist/core/cli is three folders below it. */
const root = join(__dirname, '..', '..', '..');
const script = join(root, 'scripts', 'presence.ts');

/** Runs the command. @throws RollcallError for a file that cannot be read or written */
export async function importConfig(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { out: { type: 'string', short: 'o' }, define: { type: 'string', short: 'A', multiple: true } },
  });
  const [file, extra] = positionals;
  if (file === undefined || extra !== undefined) {
    throw new RollcallError('which config? One file, please', {
      hint: 'For example: rollcall import-config /etc/kamailio/kamailio.cfg -o rollcall.yaml',
    });
  }
  const left: Left[] = [];
  const statements = readStatements(file, read(file), {
    defines: values.define ?? [],
    files: realFiles,
    complain: ({ file: at, line }, what, reason) => left.push({ file: at, line, what, reason }),
  });
  const translated = translate(statements, { definitions: await allModules(), forScript: importsOf(script) });
  const text = yamlOf(translated, file);
  if (values.out === undefined) terminal.out(text.trimEnd());
  else write(values.out, text);
  const all = [...left, ...translated.left];
  for (const each of all)
    terminal.err(`${each.line === 0 ? file : `${each.file}:${each.line}`}: ${each.what}: ${each.reason}`);
  const count =
    translated.listen.length + translated.modules.length + translated.modparams.length + translated.core.length;
  terminal.err(
    `${count} lines made${values.out === undefined ? '' : `, written to ${values.out}`}; ${all.length} lines of ${file} listed above`,
  );
  return 0;
}

const realFiles: Files = {
  environment: process.env,
  read(name, from) {
    const file = isAbsolute(name) ? name : resolve(dirname(from), name);
    return existsSync(file) ? { file, text: read(file) } : undefined;
  },
};

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RollcallError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new RollcallError(`${file} is there already`, { hint: 'name another file, or move it away' });
  }
}

async function allModules(): Promise<Map<string, ModuleDefinition>> {
  const loader = new ModuleLoader([]);
  const modules = new Map<string, ModuleDefinition>();
  for (const name of loader.names) modules.set(name, await loader.load(name));
  return modules;
}

/** The modules that a script's import statements name. */
function importsOf(file: string): string[] {
  const names = [...read(file).matchAll(/^import .* from '(\w+)';$/gm)].map(([, name = '']) => name);
  return names.filter((name) => name !== 'rollcall');
}

function yamlOf({ listen, modules, modparams, core }: Translated, file: string): string {
  const items = <T>(key: string, list: readonly Item<T>[], show: (value: T) => string) =>
    list.length === 0
      ? []
      : [
          `${key}:`,
          ...list.map(
            ({ value, at }) =>
              `  ${show(value)}${at === undefined ? '' : ` # ${at.file === file ? '' : `${at.file}:`}${at.line}`}`,
          ),
        ];
  return [
    `# Made from ${file} by \`rollcall import-config\`; the numbers are its lines.`,
    ...items('listen', listen, (socket) => `- ${socket}`),
    `script: ${scalar(script)}`,
    ...items('loadmodule', modules, (name) => `- ${name}`),
    ...items('modparam', modparams, ([module, name, value]) => `- [${module}, ${name}, ${scalar(value)}]`),
    ...items('core', core, ([name, value]) => `${name}: ${scalar(value)}`),
    '',
  ].join('\n');
}

/** A text that is taken as it is: `\${` would ask for a variable. */
function scalar(value: string | number): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value).replaceAll('${', () => '$${');
}
