// Owns the way from a script's path to a script that can take requests, or to everything that is wrong with it.
import type { Logger } from '../base/logger';
import { type Problem, sortProblems } from '../base/problem';
import { compileFiles } from './compile';
import type { FunctionTable } from './facade';
import { Script } from './script';

export interface ScriptOptions {
  readonly log: Logger;
  /** Modules that exist, for a better message about an import that `loadmodule` lacks. */
  readonly knownModules: readonly string[];
  /** `max_while_loops`: most loop turns and calls of the script's own functions in one run. */
  readonly maxWhileLoops: number;
  /** What imports are checked against, when that is not `functions`: those of a module that is to go are in one and not in the other. */
  readonly importable?: FunctionTable;
}

/** One of the two. */
export type ScriptResult =
  | { readonly script: Script; readonly problems?: undefined }
  | { readonly script?: undefined; readonly problems: readonly Problem[] };

/**
 * Compiles a script, checks its imports against `functions`, and runs its top level in a new sandbox. Never rejects for
 * anything the operator wrote: that is in `problems`.
 * @param path of the script, TypeScript or JavaScript with import and export
 * @param functions of the loaded modules; kept, and looked up at each call
 */
export async function compileScript(
  path: string,
  functions: FunctionTable,
  options: ScriptOptions,
): Promise<ScriptResult> {
  const names = new Map(
    [...(options.importable ?? functions)].map(([module, declared]) => [module, Object.keys(declared)]),
  );
  const { files, problems } = await compileFiles(path, { functions: names, knownModules: options.knownModules });
  if (files === undefined) return { problems: sortProblems(problems) };
  const script = new Script(files, functions, { log: options.log, maxTurns: options.maxWhileLoops });
  const { loadError } = script;
  if (loadError !== undefined) {
    return { problems: [{ ...files.positions.place(loadError.position, files.main), message: loadError.message }] };
  }
  if (!script.hasRoute('request_route')) {
    const message = 'the script exports no function request_route: export async function request_route(req) { … }';
    return { problems: [{ file: files.main, line: 1, column: 1, message }] };
  }
  return { script };
}
