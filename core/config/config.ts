// Owns the config file as the server uses it: every key read and checked, what modules must judge kept with its place.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { RollcallError } from '../base/errors';
import { didYouMean } from '../base/nearest';
import type { Place, Problem } from '../base/problem';
import { formatListen, type ListenSpec, parseListen } from './listen';
import { type ModparamLine, type Named, readDeclared } from './modparams';
import { type CoreSettings, coreSettings } from './settings';
import { type Entry, Source } from './source';

/** A config file, read. Paths are absolute. */
export interface Config {
  /** As given. */
  readonly file: string;
  readonly baseDir: string;
  readonly listen: readonly ListenSpec[];
  /** Empty when there is none, which is a problem. */
  readonly script: string;
  /** The control socket's path. */
  readonly control: string | undefined;
  /** Folders to look for modules in beside the server's own, first one first. */
  readonly modulePath: readonly string[];
  readonly modules: readonly Named[];
  readonly modparams: readonly ModparamLine[];
  readonly core: CoreSettings;
  /** What is wrong so far. The rest of the config holds what could be read all the same. */
  readonly problems: readonly Problem[];
}

const keys = ['listen', 'script', 'control', 'module_path', 'loadmodule', 'modparam', 'core'] as const;
type Key = (typeof keys)[number];

/** Longest path of a unix socket, without its NUL (unix(7)). */
const maxSocketPath = 107;

/**
 * Reads a config file.
 * @throws RollcallError when there is no such file or it cannot be read; everything else ends up in `problems`.
 */
export function readConfig(
  file: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Config {
  return parseConfig(file, readText(file), environment);
}

/** Reads the text of a config file that is, or could be, at `file`. */
export function parseConfig(
  file: string,
  text: string,
  environment: Readonly<Record<string, string | undefined>> = {},
): Config {
  const source = new Source(file, text, environment);
  const baseDir = dirname(resolve(file));
  const start: Place = { file, line: 1, column: 1 };
  const entries = topLevel(source, start);
  const place = (key: Key) => entries.get(key)?.keyPlace ?? start;
  const node = (key: Key) => entries.get(key)?.node ?? null;
  return {
    file,
    baseDir,
    listen: readListen(source, entries.get('listen'), start),
    script: readScript(source, entries.get('script'), start, baseDir),
    control: entries.has('control') ? readControl(source, entries.get('control'), baseDir) : undefined,
    modulePath: readModulePath(source, entries.get('module_path'), baseDir),
    modules: readModules(source, node('loadmodule'), place('loadmodule')),
    modparams: readModparams(source, node('modparam'), place('modparam')),
    core: readDeclared(source, entries.get('core'), 'core', coreSettings),
    problems: source.problems,
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'that is a folder' : String(error);
    throw new RollcallError(`${file}: ${reason}`, { hint: 'name the config file with -f FILE' });
  }
}

function topLevel(source: Source, start: Place): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  if (source.root === null) {
    if (source.problems.length === 0) source.report(start, 'the file is empty');
    return entries;
  }
  for (const entry of source.entries(source.root, start, 'a config file')) {
    if (!(keys as readonly string[]).includes(entry.key)) {
      const inCore = Object.hasOwn(coreSettings, entry.key)
        ? ': it belongs under "core:"'
        : didYouMean(entry.key, keys);
      source.report(entry.keyPlace, `unknown key "${entry.key}"${inCore}`);
    }
    entries.set(entry.key, entry);
  }
  return entries;
}

function readListen(source: Source, entry: Entry | undefined, start: Place): ListenSpec[] {
  const seen = new Map<string, Place>();
  const list: ListenSpec[] = [];
  const items = entry === undefined ? [] : source.items(entry.node, entry.keyPlace, 'listen');
  for (const { node, place } of items) {
    const text = source.string(node, place, 'protocol:address:port, for instance udp:127.0.0.1:5060');
    if (text === undefined) continue;
    const spec = parseListen(text);
    if (typeof spec === 'string') {
      source.report(place, spec);
      continue;
    }
    const name = formatListen(spec);
    const before = seen.get(name);
    if (before !== undefined && spec.port !== 0)
      source.report(place, `${name} is listed in line ${before.line} already`);
    seen.set(name, place);
    list.push(spec);
  }
  if (items.length === 0 && source.root !== null) {
    source.report(entry?.keyPlace ?? start, 'listen names no socket: add one, for instance `- udp:127.0.0.1:5060`');
  }
  return list;
}

function readScript(source: Source, entry: Entry | undefined, start: Place, baseDir: string): string {
  if (entry === undefined) {
    if (source.root !== null)
      source.report(start, 'script is missing: name the routing script, for instance `script: presence.ts`');
    return '';
  }
  const text = source.string(entry.node, entry.keyPlace, 'the path of the routing script');
  if (text === undefined) return '';
  const path = resolve(baseDir, text);
  if (isFile(path)) return path;
  source.report(source.placeOf(entry.node), `there is no file ${path}`);
  return '';
}

function readControl(source: Source, entry: Entry | undefined, baseDir: string): string | undefined {
  if (entry === undefined) return undefined;
  const place = source.placeOf(entry.node, entry.keyPlace);
  const text = source.string(entry.node, entry.keyPlace, 'unix:PATH');
  if (text === undefined) return undefined;
  if (!text.startsWith('unix:') || text.length === 5) {
    source.report(place, `"${text}" is not unix:PATH`);
    return undefined;
  }
  const path = resolve(baseDir, text.slice(5));
  if (Buffer.byteLength(path) > maxSocketPath) {
    source.report(place, `${path} is too long for a unix socket: at most ${maxSocketPath} bytes`);
  }
  return path;
}

function readModulePath(source: Source, entry: Entry | undefined, baseDir: string): string[] {
  if (entry === undefined) return [];
  return source.items(entry.node, entry.keyPlace, 'module_path').flatMap(({ node, place }) => {
    const text = source.string(node, place, 'a folder of modules');
    if (text === undefined) return [];
    const path = resolve(baseDir, text);
    if (!existsSync(path) || !statSync(path).isDirectory()) source.report(place, `there is no folder ${path}`);
    return [path];
  });
}

function readModules(source: Source, node: Entry['node'], at: Place): Named[] {
  const modules: Named[] = [];
  for (const item of source.items(node, at, 'loadmodule')) {
    const name = source.string(item.node, item.place, 'the name of a module')?.replace(/\.so$/, '');
    if (name === undefined) continue;
    const before = modules.find((module) => module.name === name);
    if (before === undefined) modules.push({ name, place: item.place });
    else source.report(item.place, `${name} is loaded in line ${before.place.line} already`);
  }
  return modules;
}

function readModparams(source: Source, node: Entry['node'], at: Place): ModparamLine[] {
  const lines: ModparamLine[] = [];
  for (const { node: item, place } of source.items(node, at, 'modparam')) {
    const parts = source.isList(item) ? source.items(item, place, 'a modparam line') : [];
    const [module, parameter, value] = parts;
    if (module === undefined || parameter === undefined || value === undefined || parts.length > 3) {
      source.report(place, 'a modparam line is [module, parameter, value]');
      continue;
    }
    const moduleName = source.string(module.node, module.place, 'the name of a module');
    const name = source.string(parameter.node, parameter.place, 'the name of a parameter');
    const written = source.value(value.node);
    if (moduleName === undefined || name === undefined || written === undefined) continue;
    lines.push({
      module: { name: moduleName, place: module.place },
      parameter: { name, place: parameter.place },
      value: written,
      valuePlace: value.place,
    });
  }
  return lines;
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}
