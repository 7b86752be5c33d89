// Owns compiling one module of a source checkout: types checked, output beside the old one until it is known to be good.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { RollcallError } from '../base/errors';

/** Compiled files in the place of older ones. */
export interface Installed {
  /** The older ones are not needed any more. */
  keep(): void;
  /** Puts the older ones back. */
  discard(): void;
}

/** Longest list of errors that is shown. */
const maxErrors = 20;

/**
 * Compiles `modules/NAME` when a source is newer than what was compiled from it.
 * @param dist where the server's compiled files lie; without sources beside it there is nothing to do
 * @returns undefined when what is there is up to date
 * @throws RollcallError with `file:line:column: message` for each error; nothing has changed then
 */
export async function compileModule(dist: string, name: string): Promise<Installed | undefined> {
  const root = dirname(dist);
  const sources = join(root, 'modules', name);
  const target = join(dist, 'modules', name);
  if (!existsSync(join(root, 'tsconfig.json')) || !existsSync(sources) || isUpToDate(sources, target)) return undefined;
  // Beside the folder it is meant for, so that the ways from compiled files to their sources are the same.
  const output = `${dist}.reload`;
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  const project = join(output, 'tsconfig.json');
  const settings = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { rootDir: root, outDir: output, noEmitOnError: true },
    include: [join(sources, '**/*.ts')],
  };
  writeFileSync(project, JSON.stringify(settings));
  try {
    await runCompiler(root, project);
    refuseChangedCore(root, dist, output);
    return install(join(output, 'modules', name), target, output);
  } catch (error) {
    rmSync(output, { recursive: true, force: true });
    throw error;
  }
}

/** Whether every source has a compiled file that is younger, and nothing is left of a source that has gone. */
function isUpToDate(sources: string, target: string): boolean {
  const wanted = new Set<string>();
  for (const file of filesBelow(sources, '.ts')) {
    const compiled = join(target, `${relative(sources, file).slice(0, -'.ts'.length)}.js`);
    wanted.add(compiled);
    const made = statSync(compiled, { throwIfNoEntry: false });
    if (made === undefined || made.mtimeMs < statSync(file).mtimeMs) return false;
  }
  return existsSync(target) && filesBelow(target, '.js').every((file) => wanted.has(file));
}

function filesBelow(folder: string, extension: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath, entry.name));
}

async function runCompiler(root: string, project: string): Promise<void> {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(compiler)) {
    throw new RollcallError('the sources are newer than the server, and there is no compiler', {
      hint: '`npm run setup` installs it',
    });
  }
  const child = spawn(process.execPath, [compiler, '-p', project, '--pretty', 'false'], { cwd: root });
  try {
    // Requests come first.
    if (child.pid !== undefined) setPriority(child.pid, 10);
  } catch {
    // It has ended already.
  }
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  const errors = output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.replace(/^([^()]+)\((\d+),(\d+)\): error TS\d+: /, '$1:$2:$3: '));
  const more = errors.length > maxErrors ? [`… and ${errors.length - maxErrors} lines more`] : [];
  throw new RollcallError(['it does not compile', ...errors.slice(0, maxErrors), ...more].join('\n'));
}

/** The module was checked against the sources of the core, and runs with the core that was loaded at the start. */
function refuseChangedCore(root: string, dist: string, output: string): void {
  for (const file of filesBelow(join(output, 'core'), '.js')) {
    const place = relative(output, file);
    const running = join(dist, place);
    if (existsSync(running) && readFileSync(running).equals(readFileSync(file))) continue;
    throw new RollcallError(`${relative(root, join(root, place)).replace(/\.js$/, '.ts')} has changed as well`, {
      hint: 'the core is not reloaded: build and restart the server',
    });
  }
}

function install(fresh: string, target: string, output: string): Installed {
  const old = join(output, 'old');
  const before = existsSync(target);
  if (before) renameSync(target, old);
  renameSync(fresh, target);
  return {
    keep: () => rmSync(output, { recursive: true, force: true }),
    discard() {
      rmSync(target, { recursive: true, force: true });
      if (before) renameSync(old, target);
      rmSync(output, { recursive: true, force: true });
    },
  };
}
