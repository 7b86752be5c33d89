// Owns the way from a script's files to code the sandbox can run: types stripped, imports checked, instruments added.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { type Node, type Program, parse } from 'acorn';
import { base, full, type RecursiveVisitors, simple } from 'acorn-walk';
import { type Message, transform } from 'esbuild';
import type { Place, Problem } from '../base/problem';
import { instrument, instrumentName } from './instrument';
import { checkLocalNames, type Importable, type Links, readLinks } from './link';
import { Origin, Positions } from './positions';

/** One file, ready to run. */
export interface CompiledFile {
  /** As it is named in messages: relative to the working folder when it lies in it. */
  readonly name: string;
  /** CommonJS: what `function (module, exports, require, __rollcall, __rollcall0) { … }` has between its braces. */
  readonly code: string;
  /** The files behind its relative imports, by specifier. */
  readonly imports: ReadonlyMap<string, string>;
}

/** A script and the files it imports, ready to run. */
export interface CompiledFiles {
  readonly main: string;
  readonly files: ReadonlyMap<string, CompiledFile>;
  readonly positions: Positions;
  /** What all files together name of modules, by module; `*` when a module is taken whole. */
  readonly uses: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What vm2 can read. */
const target = 'es2022';

interface SourceFile {
  readonly name: string;
  readonly path: string;
  readonly code: string;
  readonly origin: Origin;
  readonly program: Program;
  readonly arrows: readonly number[];
  readonly links: Links;
  readonly imports: Map<string, string>;
}

/**
 * Compiles the script and every file it imports. Types are stripped and not checked: that is for the editor and for `npm
 * run types`. All problems of all files come together; nothing is run here.
 */
export async function compileFiles(
  path: string,
  importable: Importable,
): Promise<{ readonly files?: CompiledFiles; readonly problems: readonly Problem[] }> {
  const problems: Problem[] = [];
  const sources = new Map<string, SourceFile>();
  const main = displayName(path);
  const pending = [{ path, place: { file: main, line: 1, column: 1 } }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const name = displayName(next.path);
    if (sources.has(name)) continue;
    const source = await readSource(next.path, next.place, importable, problems);
    if (source === undefined) continue;
    sources.set(name, source);
    for (const [specifier, node] of source.links.files) {
      const found = resolveLocal(next.path, specifier);
      const place = placeOf(source.origin, node);
      if (found === undefined) problems.push({ ...place, message: `there is no file "${specifier}"` });
      else {
        source.imports.set(specifier, displayName(found));
        pending.push({ path: found, place });
      }
    }
  }
  for (const source of sources.values()) checkNames(source, sources, problems);
  if (problems.length > 0) return { problems };
  const positions = new Positions();
  const files = new Map<string, CompiledFile>();
  for (const source of sources.values()) files.set(source.name, await emit(source, positions));
  return { files: { main, files, positions, uses: usesOf(sources.values()) }, problems };
}

async function readSource(
  path: string,
  importedAt: Place,
  importable: Importable,
  problems: Problem[],
): Promise<SourceFile | undefined> {
  const name = displayName(path);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(error);
    problems.push({ ...importedAt, message: `cannot read ${name}: ${reason}` });
    return undefined;
  }
  let result: Awaited<ReturnType<typeof transform>>;
  try {
    result = await transform(text, {
      loader: /\.[cm]?ts$/.test(path) ? 'ts' : 'js',
      format: 'esm',
      target,
      sourcemap: 'external',
      sourcefile: name,
      logLevel: 'silent',
      // Unused imports stay, so that a wrong name is found whether it is used or not.
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    });
  } catch (error) {
    for (const message of messagesOf(error)) problems.push(problemOf(message, name));
    return undefined;
  }
  const origin = new Origin(name, result.map);
  const arrows: number[] = [];
  const program = parse(result.code, {
    ecmaVersion: 'latest',
    sourceType: 'module',
    locations: true,
    onToken: (token) => {
      if (token.type.label === '=>') arrows.push(token.start);
    },
  });
  const complain = (node: Node, message: string) => problems.push({ ...placeOf(origin, node), message });
  complainOfNames(program, complain);
  const links = readLinks(program, importable, complain);
  return { name, path, code: result.code, origin, program, arrows, links, imports: new Map() };
}

function usesOf(sources: Iterable<SourceFile>): Map<string, Set<string>> {
  const uses = new Map<string, Set<string>>();
  for (const { links } of sources) {
    for (const [module, names] of links.uses) uses.set(module, new Set([...(uses.get(module) ?? []), ...names]));
  }
  return uses;
}

/** Top-level await would make loading wait; the names of the instruments are taken. */
function complainOfNames(program: Program, complain: (node: Node, message: string) => void): void {
  full(program, (node) => {
    if (node.type === 'Identifier' && node.name.startsWith(instrumentName)) {
      complain(node, `names that start with ${instrumentName} are reserved`);
    }
  });
  for (const statement of program.body) {
    simple(
      statement,
      {
        AwaitExpression: (node) => complain(node, 'await can only stand inside an async function'),
        ForOfStatement(node) {
          if (node.await) complain(node, 'for await can only stand inside an async function');
        },
      },
      outsideFunctions,
    );
  }
}

/** Walks a file without going into its functions. */
const outsideFunctions: RecursiveVisitors<unknown> = { ...base, Function: () => {} };

function checkNames(source: SourceFile, sources: ReadonlyMap<string, SourceFile>, problems: Problem[]): void {
  const exportsOf = (file: SourceFile, specifier: string, seen = new Set<string>()): Set<string> | undefined => {
    const other = sources.get(file.imports.get(specifier) ?? '');
    if (other === undefined || seen.has(other.name)) return undefined;
    seen.add(other.name);
    const names = new Set(other.links.exports);
    for (const all of other.links.exportsAll) for (const name of exportsOf(other, all, seen) ?? []) names.add(name);
    return names;
  };
  checkLocalNames(
    source.program,
    source.links,
    (specifier) => exportsOf(source, specifier),
    (node, message) => problems.push({ ...placeOf(source.origin, node), message }),
  );
}

async function emit(source: SourceFile, positions: Positions): Promise<CompiledFile> {
  const numbers = new Map<number, number>();
  const instrumented = instrument(source.code, source.program, source.arrows, (node) => {
    const known = numbers.get(node.start);
    if (known !== undefined) return known;
    const number = positions.add(placeOf(source.origin, node));
    numbers.set(node.start, number);
    return number;
  });
  const { code } = await transform(instrumented, { loader: 'js', format: 'cjs', target, logLevel: 'silent' });
  return { name: source.name, code, imports: source.imports };
}

/** As TypeScript looks: the file itself, then with `.ts` or `.js` added, then `.ts` in place of `.js`. */
function resolveLocal(importer: string, specifier: string): string | undefined {
  const path = join(dirname(importer), specifier);
  const candidates = /\.[cm]?[jt]s$/.test(path) ? [path, path.replace(/\.js$/, '.ts')] : [`${path}.ts`, `${path}.js`];
  return candidates.find((candidate) => existsSync(candidate));
}

function displayName(path: string): string {
  const name = relative(process.cwd(), path);
  return name.startsWith('..') || isAbsolute(name) ? path : name;
}

function placeOf(origin: Origin, node: Node): Place {
  return origin.place(node.loc?.start.line ?? 1, node.loc?.start.column ?? 0);
}

function messagesOf(error: unknown): readonly Message[] {
  if (error instanceof Error && 'errors' in error && Array.isArray(error.errors)) return error.errors;
  throw error;
}

function problemOf({ text, location }: Message, file: string): Problem {
  return { file, line: location?.line ?? 1, column: (location?.column ?? 0) + 1, message: text };
}
