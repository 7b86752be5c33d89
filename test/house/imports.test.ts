// Holds the floors of the house: reads every import in core/ and modules/ and follows it.
import assert from 'node:assert/strict';
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import test from 'node:test';
import { parse } from 'acorn';
import { simple } from 'acorn-walk';
import { transformSync } from 'esbuild';
import { filesBelow, source } from '../support/tree';

interface Import {
  file: string;
  /** as written */
  from: string;
  /** path in the tree without extension, for a relative import */
  target: string | undefined;
}

const floors = new Map([
  ['core/base', 0],
  ['core/sip', 1],
  ['core/config', 1],
  ['core/db', 1],
  ['core/module', 2],
  ['core/control', 2],
  ['core/script', 3],
  ['core/admin', 4],
  ['core/server.ts', 5],
  ['core/cli', 5],
]);

/** Every import, export from, import() and require() of a file, types included; text in strings is not taken for one. */
function importsOf(file: string): Import[] {
  // With its `type` gone an import of types stays, so that floors hold for types too.
  const text = source(file)
    .replace(/^import type /gm, 'import ')
    .replace(/^export type (?=[{*])/gm, 'export ');
  const compilerOptions = { verbatimModuleSyntax: true };
  const { code } = transformSync(text, { loader: 'ts', format: 'esm', tsconfigRaw: { compilerOptions } });
  const found: Import[] = [];
  const add = (node: unknown) => {
    const from = (node as { value?: unknown } | null | undefined)?.value;
    if (typeof from !== 'string') return;
    const target = from.startsWith('.') ? posix.join(posix.dirname(file), from) : undefined;
    found.push({ file, from, target });
  };
  simple(parse(code, { ecmaVersion: 'latest', sourceType: 'module' }), {
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    CallExpression: ({ callee, arguments: [argument] }) => {
      if (callee.type === 'Identifier' && callee.name === 'require') add(argument);
    },
  });
  return found;
}

/** `core/sip`, `core/server.ts`, `modules/presence`: the room a path is in. */
function roomOf(path: string): string {
  const parts = path.split('/');
  if (parts[0] === 'core' && parts.length === 2) return path.endsWith('.ts') ? path : `${path}.ts`;
  return parts.slice(0, 2).join('/');
}

const at = ({ file, from }: Import) => `${file} imports ${from}`;
const coreFiles = filesBelow('core', /\.ts$/);
const moduleFiles = filesBelow('modules', /\.ts$/);

test('every folder of core has its floor', () => {
  const rooms = new Set(coreFiles.map(roomOf));
  rooms.delete('core/api.ts');
  assert.deepEqual(
    [...rooms].filter((room) => !floors.has(room)),
    [],
  );
});

test('a core file imports from lower floors and from its own folder, never from a sibling, core/api or a module', () => {
  const wrong = coreFiles
    .filter((file) => file !== 'core/api.ts')
    .flatMap(importsOf)
    .filter(({ file, target }) => {
      if (target === undefined) return false;
      const own = roomOf(file);
      const other = roomOf(target);
      if (own === other || (own === 'core/cli' && other === 'core/server.ts')) return false;
      return !((floors.get(other) ?? 99) < (floors.get(own) ?? -1));
    });
  assert.deepEqual(wrong.map(at), []);
});

test('core/api gives out what lies on the floors below the script', () => {
  const wrong = importsOf('core/api.ts').filter(({ target }) => (floors.get(roomOf(target ?? '')) ?? 99) > 2);
  assert.deepEqual(wrong.map(at), []);
});

test('a module imports core/api, its own folder and the api of another module, nothing else', () => {
  const wrong = moduleFiles.flatMap(importsOf).filter(({ file, target }) => {
    if (target === undefined || target === 'core/api' || roomOf(target) === roomOf(file)) return false;
    return !/^modules\/[^/]+\/api$/.test(target);
  });
  assert.deepEqual(wrong.map(at), []);
});

test('relative imports carry no extension, and reach a file that exists', () => {
  const all = new Set([...coreFiles, ...moduleFiles]);
  const wrong = [...coreFiles, ...moduleFiles]
    .flatMap(importsOf)
    .filter(({ target }) => target !== undefined && !all.has(`${target}.ts`));
  assert.deepEqual(wrong.map(at), []);
});

test('Node is imported by node: names, and a package only when package.json has it', () => {
  const { dependencies, devDependencies } = JSON.parse(source('package.json')) as Record<
    string,
    Record<string, string>
  >;
  const runtime = new Set(Object.keys(dependencies ?? {}));
  const everything = new Set([...runtime, ...Object.keys(devDependencies ?? {})]);
  const bare = new Set(builtinModules);
  const wrong = [...coreFiles, ...moduleFiles, ...filesBelow('test', /\.ts$/)].flatMap(importsOf).filter((item) => {
    if (item.target !== undefined || item.from.startsWith('node:')) return false;
    const name = item.from
      .split('/')
      .slice(0, item.from.startsWith('@') ? 2 : 1)
      .join('/');
    if (bare.has(name)) return true;
    return !(item.file.startsWith('test/') ? everything : runtime).has(name);
  });
  assert.deepEqual(wrong.map(at), []);
});
