// Owns finding a module's code by its name: the server's own, and those in the operator's folders, in TypeScript as written.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, sep } from 'node:path';
import { compileFunction } from 'node:vm';
import { RollcallError } from '../base/errors';
import { takeOut } from './code';
import { compileModule } from './compile';
import { keepCompiled } from './compiled';
import type { ModuleDefinition } from './define';
import { told } from './told';

/** Where the server's compiled files lie: this file is core/module/loader.js in it. */
const dist = join(__dirname, '..', '..');
const builtIn = join(dist, 'modules');
const extensions = ['.ts', '.js'];
keepCompiled(builtIn);

/** A module's code as its files are now, loaded beside what is in use. One of the two must be called. */
export interface NewCode {
  readonly definition: ModuleDefinition;
  /** It is in use: the old code is forgotten. */
  keep(): void;
  /** It is not wanted: everything is as before. */
  discard(): void;
}

/** Finds and loads modules in the operator's folders, then among the server's own. */
export class ModuleLoader {
  readonly #files = new Map<string, string>();

  /** @param folders absolute; the first one that has a module wins. @throws RollcallError for a folder that cannot be read */
  constructor(folders: readonly string[], ownFolder: string = builtIn) {
    for (const folder of [...folders, ownFolder]) {
      for (const [name, file] of modulesIn(folder)) if (!this.#files.has(name)) this.#files.set(name, file);
    }
  }

  /** The modules there are. */
  get names(): string[] {
    return [...this.#files.keys()].sort();
  }

  /** Whether there is a module of this name. */
  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** Loads a module's declaration. @throws RollcallError that names the module and its file */
  async load(name: string): Promise<ModuleDefinition> {
    const file = this.#files.get(name);
    if (file === undefined) throw new RollcallError(`there is no module ${name}`);
    let exported: unknown;
    try {
      exported = file.startsWith(dist + sep) ? require(file) : await loadForeign(file);
    } catch (error) {
      throw new RollcallError(`module ${name} cannot be loaded from ${file}: ${told(error, name)}`, { cause: error });
    }
    const definition = (exported as { default?: unknown } | undefined)?.default;
    if (!isDefinition(definition)) {
      throw new RollcallError(`${file} is not a module: it has to \`export default defineModule({ … })\``);
    }
    if (definition.name !== name) {
      throw new RollcallError(
        `${file} declares a module named ${definition.name}: it has to be ${name}, as its file or folder`,
      );
    }
    return definition;
  }

  /**
   * Loads every file of a module anew. In a checkout of the sources it is compiled before, when a source has changed.
   * @throws RollcallError that says what is wrong with it, with file and line; everything is as before then
   */
  async loadAnew(name: string): Promise<NewCode> {
    const file = this.#files.get(name);
    // What an operator wrote is bundled at each load and leaves nothing in the cache.
    if (file === undefined || !file.startsWith(dist + sep)) {
      return { definition: await this.load(name), keep: () => {}, discard: () => {} };
    }
    const installed = await compileModule(dist, name).catch((error: unknown) => {
      throw new RollcallError(`module ${name} cannot be loaded: ${(error as Error).message}`, { cause: error });
    });
    const old = takeOut(basename(file) === 'index.js' ? dirname(file) : file);
    const discard = () => {
      old.putBack();
      installed?.discard();
    };
    try {
      const definition = await this.load(name);
      const keep = () => {
        old.forget();
        installed?.keep();
      };
      return { definition, keep, discard };
    } catch (error) {
      discard();
      throw error;
    }
  }
}

/** NAME.ts, NAME.js, NAME/index.ts, NAME/index.js; in that order when there are several. */
function* modulesIn(folder: string): Generator<[string, string]> {
  let entries: import('node:fs').Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new RollcallError(`the module folder ${folder} cannot be read: ${(error as Error).message}`);
  }
  for (const extension of extensions) {
    for (const entry of entries) {
      if (entry.isFile() && entry.name.endsWith(extension) && !entry.name.endsWith('.d.ts')) {
        yield [entry.name.slice(0, -extension.length), join(folder, entry.name)];
      }
    }
  }
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const inside = new Set(readdirSync(join(folder, entry.name)));
    const index = extensions.map((extension) => `index${extension}`).find((file) => inside.has(file));
    if (index !== undefined) yield [entry.name, join(folder, entry.name, index)];
  }
}

/**
 * Loads an operator's module as it is written: its own files are bundled, `rollcall/X` is the server's compiled file X
 * (`rollcall/core/api`, `rollcall/modules/presence/api`), packages come from where the module lies.
 */
async function loadForeign(file: string): Promise<unknown> {
  // Loaded here and not at the top: a server without such modules needs no compiler for them.
  const { build } = await import('esbuild');
  const result = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'silent',
  });
  const code = result.outputFiles[0]?.text ?? '';
  const own = createRequire(file);
  const requireFrom = (id: string): unknown =>
    id.startsWith('rollcall/') ? require(join(dist, id.slice('rollcall/'.length))) : own(id);
  const exported: { exports: unknown } = { exports: {} };
  const run = compileFunction(code, ['module', 'exports', 'require', '__filename', '__dirname'], { filename: file });
  run(exported, exported.exports, requireFrom, file, dirname(file));
  return exported.exports;
}

function isDefinition(value: unknown): value is ModuleDefinition {
  const candidate = value as Partial<ModuleDefinition> | undefined;
  return (
    typeof candidate?.name === 'string' && typeof candidate.setup === 'function' && typeof candidate.params === 'object'
  );
}
