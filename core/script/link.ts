// Owns the check of a script's imports and exports: a wrong one is named before anything runs, with the nearest right word.
import type { AnyNode, Identifier, Literal, Node, Program } from 'acorn';
import { simple } from 'acorn-walk';
import { didYouMean } from '../base/nearest';
import { rollcallFunctions, rollcallTypes } from './facade';

/** Something wrong at a node of a file. */
export type Complain = (node: Node, message: string) => void;

/** What a script may import from. */
export interface Importable {
  /** Function names by loaded module. */
  readonly functions: ReadonlyMap<string, readonly string[]>;
  /** Modules that exist, whether `loadmodule` lists them or not. */
  readonly knownModules: readonly string[];
}

/** One import of a name from another file of the script. */
interface LocalImport {
  readonly from: string;
  readonly imported: Identifier | Literal;
  /** Undefined when it is handed on by `export { x } from`. */
  readonly local: string | undefined;
}

/** What one file imports from other files and gives to them. */
export interface Links {
  /** The relative specifiers, each with the node to blame when there is no such file. */
  readonly files: ReadonlyMap<string, Node>;
  readonly names: readonly LocalImport[];
  readonly exports: ReadonlySet<string>;
  /** The specifiers of `export * from`. */
  readonly exportsAll: readonly string[];
  /** Functions of modules that it names, by module; `*` when it takes a module whole. */
  readonly uses: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Whether a specifier names a file of the script, not a module of the server. */
export function isLocal(specifier: string): boolean {
  return specifier.startsWith('./') || specifier.startsWith('../');
}

/** Checks imports from modules, and collects what concerns other files. */
export function readLinks(program: Program, importable: Importable, complain: Complain): Links {
  const files = new Map<string, Node>();
  const names: LocalImport[] = [];
  const exports = new Set<string>();
  const exportsAll: string[] = [];
  const uses = new Map<string, Set<string>>();
  const use = (module: string, name: string) => {
    const known = uses.get(module);
    if (known === undefined) uses.set(module, new Set([name]));
    else known.add(name);
  };
  for (const node of program.body) {
    if (node.type === 'ImportDeclaration') {
      const from = String(node.source.value);
      if (isLocal(from)) files.set(from, node.source);
      else if (!checkModule(from, node.source, importable, complain)) continue;
      for (const specifier of node.specifiers) {
        if (specifier.type === 'ImportNamespaceSpecifier') {
          if (!isLocal(from)) use(from, '*');
          continue;
        }
        const imported = specifier.type === 'ImportDefaultSpecifier' ? defaultOf(specifier) : specifier.imported;
        if (isLocal(from)) names.push({ from, imported, local: specifier.local.name });
        else {
          checkFunction(from, imported, importable, complain);
          use(from, nameOf(imported));
        }
      }
    } else if (node.type === 'ExportNamedDeclaration') {
      const from = node.source === null || node.source === undefined ? undefined : String(node.source.value);
      if (node.source && from !== undefined) {
        if (isLocal(from)) files.set(from, node.source);
        else if (!checkModule(from, node.source, importable, complain)) continue;
      }
      for (const specifier of node.specifiers) {
        exports.add(nameOf(specifier.exported));
        if (from === undefined) continue;
        if (isLocal(from)) names.push({ from, imported: specifier.local, local: undefined });
        else {
          checkFunction(from, specifier.local, importable, complain);
          use(from, nameOf(specifier.local));
        }
      }
      if (node.declaration?.type === 'VariableDeclaration') {
        for (const { id } of node.declaration.declarations) for (const name of boundNames(id)) exports.add(name);
      } else if (node.declaration) {
        exports.add(node.declaration.id.name);
      }
    } else if (node.type === 'ExportDefaultDeclaration') {
      exports.add('default');
    } else if (node.type === 'ExportAllDeclaration') {
      const from = String(node.source.value);
      if (node.exported) exports.add(nameOf(node.exported));
      else if (isLocal(from)) exportsAll.push(from);
      if (isLocal(from)) files.set(from, node.source);
      else {
        checkModule(from, node.source, importable, complain);
        use(from, '*');
      }
    }
  }
  complainOfLoaders(program, complain);
  return { files, names, exports, exportsAll, uses };
}

/**
 * Checks what a file imports from other files of the script. A name that is imported and never used may be that of a type,
 * of which nothing is left to check.
 */
export function checkLocalNames(
  program: Program,
  links: Links,
  exportsOf: (specifier: string) => ReadonlySet<string> | undefined,
  complain: Complain,
): void {
  if (links.names.length === 0) return;
  const used = new Set<string>();
  simple(program, { Identifier: (node) => void used.add(node.name) });
  for (const { from, imported, local } of links.names) {
    const exported = exportsOf(from);
    const name = nameOf(imported);
    if (exported === undefined || exported.has(name)) continue;
    if (local !== undefined && !used.has(local)) continue;
    complain(imported, `"${from}" exports no "${name}"${didYouMean(name, exported)}`);
  }
}

function checkModule(name: string, node: Node, importable: Importable, complain: Complain): boolean {
  if (name === 'rollcall' || importable.functions.has(name)) return true;
  if (importable.knownModules.includes(name)) {
    complain(node, `the module "${name}" is not loaded: add it to loadmodule`);
  } else if (name.startsWith('node:')) {
    complain(node, `"${name}" cannot be imported: scripts run in a sandbox without Node's own modules`);
  } else {
    const candidates = ['rollcall', ...importable.functions.keys(), ...importable.knownModules];
    complain(node, `there is no module "${name}"${didYouMean(name, candidates)}`);
  }
  return false;
}

function checkFunction(module: string, node: Identifier | Literal, importable: Importable, complain: Complain): void {
  const name = nameOf(node);
  const known = module === 'rollcall' ? [...rollcallFunctions.keys()] : (importable.functions.get(module) ?? []);
  if (known.includes(name) || (module === 'rollcall' && rollcallTypes.includes(name))) return;
  if (name === 'default') {
    complain(node, `"${module}" has no default export: write import { … } from '${module}'`);
    return;
  }
  const elsewhere = [...importable.functions].find(([, names]) => names.includes(name))?.[0];
  const hint = elsewhere === undefined ? didYouMean(name, known) : ` ("${elsewhere}" has it)`;
  complain(node, `the module "${module}" has no function "${name}"${hint}`);
}

/** The two other ways to load code, which the sandbox does not have. */
function complainOfLoaders(program: Program, complain: Complain): void {
  simple(program, {
    ImportExpression: (node) => complain(node, 'import() does not exist in scripts: write an import statement'),
    CallExpression(node) {
      if (node.callee.type === 'Identifier' && node.callee.name === 'require') {
        complain(node, 'require() does not exist in scripts: write an import statement');
      }
    },
  });
}

function defaultOf(node: Node): Identifier {
  return {
    type: 'Identifier',
    name: 'default',
    start: node.start,
    end: node.end,
    ...(node.loc ? { loc: node.loc } : {}),
  };
}

function nameOf(node: Identifier | Literal): string {
  return node.type === 'Identifier' ? node.name : String(node.value);
}

/** The names that a pattern binds: `{ a, b: [c] }`. */
function boundNames(pattern: AnyNode): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        boundNames(property.type === 'RestElement' ? property.argument : property.value),
      );
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element === null ? [] : boundNames(element)));
    case 'AssignmentPattern':
      return boundNames(pattern.left);
    case 'RestElement':
      return boundNames(pattern.argument);
    default:
      return [];
  }
}
