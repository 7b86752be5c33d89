// Owns the judging of settings by their declarations: `modparam` lines against the loaded modules, `core:` against its own.
import { didYouMean } from '../base/nearest';
import {
  type ParamDeclaration,
  type ParamDeclarations,
  type ParamValue,
  type ParamValues,
  paramValues,
  readParam,
  type WrittenValue,
} from '../base/params';
import type { Place, Problem } from '../base/problem';
import type { Entry, Source } from './source';

/** A word of the file and where it stands. */
export interface Named {
  readonly name: string;
  readonly place: Place;
}

/** One `modparam` line. */
export interface ModparamLine {
  readonly module: Named;
  readonly parameter: Named;
  readonly value: WrittenValue;
  readonly valuePlace: Place;
}

/** What of a module a config is checked against. */
export interface Declared {
  readonly name: string;
  readonly depends: readonly string[];
  readonly params: ParamDeclarations;
}

export interface Parameters {
  /** Every value that is right, by snake_case name, for each loaded module. */
  readonly values: ReadonlyMap<string, ReadonlyMap<string, ParamValue>>;
  /** Modules that a module needs: declared ones and those its values ask for. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly Problem[];
  /** Not wrong, and worth a look. */
  readonly warnings: readonly Problem[];
}

/** Reads a map of declared settings. Wrong ones are reported and keep their default. */
export function readDeclared<P extends ParamDeclarations>(
  source: Source,
  entry: Entry | undefined,
  what: string,
  declarations: P,
): ParamValues<P> {
  const given = new Map<string, ParamValue>();
  const empty = entry === undefined || entry.node === null;
  for (const { key, keyPlace, node } of empty ? [] : source.entries(entry.node, entry.keyPlace, what)) {
    const declaration = declarations[key];
    if (declaration === undefined || !Object.hasOwn(declarations, key)) {
      source.report(keyPlace, `${what} has no setting "${key}"${didYouMean(key, Object.keys(declarations))}`);
      continue;
    }
    const written = source.value(node);
    if (written === undefined) continue;
    const result = readParam(key, declaration, written);
    if ('problem' in result) source.report(source.placeOf(node, keyPlace), result.problem);
    else given.set(key, result.value);
  }
  return paramValues(declarations, given);
}

/**
 * Judges `modparam` lines and dependencies. A module that could not be found is in `modules` and not in `declared`: it
 * has been reported, and its lines are passed over. A parameter that is set twice keeps the last value, as in Kamailio,
 * and is worth a warning.
 */
export function checkModparams(
  modules: readonly Named[],
  lines: readonly ModparamLine[],
  declared: ReadonlyMap<string, Declared>,
): Parameters {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const values = new Map<string, Map<string, ParamValue>>();
  const needs = new Map<string, string[]>();
  const loaded = new Set(modules.map((module) => module.name));
  const need = (module: string, other: string, place: Place, message: string) => {
    needs.get(module)?.push(other);
    if (!loaded.has(other)) problems.push({ ...place, message: `${message}: add \`- ${other}\` to loadmodule` });
  };
  for (const { name, place } of modules) {
    values.set(name, new Map());
    needs.set(name, []);
    for (const other of declared.get(name)?.depends ?? [])
      need(name, other, place, `${name} needs the module ${other}`);
  }
  const before = new Map<string, Place>();
  for (const { module, parameter, value, valuePlace } of lines) {
    const definition = declared.get(module.name);
    if (definition === undefined) {
      if (loaded.has(module.name)) continue;
      const hint = didYouMean(module.name, loaded) || `: add \`- ${module.name}\` to loadmodule`;
      problems.push({ ...module.place, message: `the module "${module.name}" is not loaded${hint}` });
      continue;
    }
    const declaration = declarationOf(definition, parameter.name);
    if (declaration === undefined) {
      const message = `${module.name} has no parameter "${parameter.name}"${whereElse(definition, parameter.name, declared)}`;
      problems.push({ ...parameter.place, message });
      continue;
    }
    const key = `${module.name} ${parameter.name}`;
    const first = before.get(key);
    if (first !== undefined) {
      warnings.push({ ...parameter.place, message: `${key} is set in line ${first.line} already: this value counts` });
    }
    before.set(key, parameter.place);
    const result = readParam(parameter.name, declaration, value);
    if ('problem' in result) {
      problems.push({ ...valuePlace, message: `${module.name} ${result.problem}` });
      continue;
    }
    values.get(module.name)?.set(parameter.name, result.value);
  }
  for (const { module, parameter, valuePlace } of lines) {
    const value = values.get(module.name)?.get(parameter.name);
    const definition = declared.get(module.name);
    const declaration = definition && declarationOf(definition, parameter.name);
    if (declaration?.type !== 'string' || typeof value !== 'string') continue;
    const other = declaration.needs?.(value);
    if (other === undefined || needs.get(module.name)?.includes(other)) continue;
    need(module.name, other, valuePlace, `this value of ${module.name} ${parameter.name} needs the module ${other}`);
  }
  return { values, needs, problems, warnings };
}

function declarationOf(module: Declared, name: string): ParamDeclaration | undefined {
  return Object.hasOwn(module.params, name) ? module.params[name] : undefined;
}

/** A parameter of that very name in another loaded module says more than a similar word in this one. */
function whereElse(module: Declared, name: string, declared: ReadonlyMap<string, Declared>): string {
  const owners = [...declared.values()].filter((other) => declarationOf(other, name) !== undefined);
  if (owners.length > 0) return `: it belongs to ${owners.map((owner) => owner.name).join(' and ')}`;
  return didYouMean(name, Object.keys(module.params));
}
