// Tests the step from a config to modules: code found and loaded, TypeScript included, and each refusal in its words.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { formatProblem } from '../../../core/base/problem';
import { parseConfig } from '../../../core/config/config';
import { ModuleLoader } from '../../../core/module/loader';
import { planModules } from '../../../core/module/plan';

const folder = mkdtempSync(join(tmpdir(), 'rollcall-plan-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'c.yaml');

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const moduleText = (name: string, more: string) => `
import { defineModule } from 'rollcall/core/api';
export default defineModule({ name: '${name}', summary: '', setup: () => ({}), ${more} });
`;

write('script.ts', '');
write(
  'modules/phone/index.ts',
  `${moduleText('phone', "depends: ['store'], params")}
import { params } from './params';`,
);
write(
  'modules/phone/params.ts',
  `import { databaseUrlParam, declareParams } from 'rollcall/core/api';
export const params = declareParams({
  max_expires: { type: 'integer', default: 3600, min: 1, max: 86400, unit: 's', doc: '' },
  password: { type: 'string', default: undefined, secret: true, doc: '', check: (v: string) => v.length < 8 ? 'is too short' : undefined },
  db_url: databaseUrlParam('Where.'),
});`,
);
write(
  'modules/store.ts',
  moduleText('store', "params: { force_active: { type: 'boolean', default: false, doc: '' } }"),
);
write('modules/plain.js', "module.exports = { default: { name: 'plain', depends: [], params: {}, setup() {} } };");
write('modules/chicken.ts', moduleText('chicken', "depends: ['egg'], params: {}"));
write('modules/egg.ts', moduleText('egg', "depends: ['chicken'], params: {}"));
write('modules/broken.ts', 'export default defineModule({');
write('modules/nothing.ts', 'export const x = 1;');
write('modules/misnamed.ts', moduleText('other', 'params: {}'));
write('modules/note.d.ts', '');

async function plan(lines: string) {
  const text = `listen: ["udp:127.0.0.1:0"]\nscript: script.ts\nmodule_path: [modules]\n${lines}`;
  const config = parseConfig(file, text);
  assert.deepEqual(config.problems, []);
  const result = await planModules(config, new ModuleLoader(config.modulePath, join(folder, 'none')));
  const shown = (list: typeof result.problems) =>
    list.map((problem) => formatProblem(problem).replace(`${file}:`, '').replaceAll(folder, 'DIR'));
  return { ...result, problems: shown(result.problems), warnings: shown(result.warnings) };
}

test('modules come in the order of their needs, with the values of their modparam lines', async () => {
  const { modules, problems, warnings } = await plan(
    'loadmodule: [phone, plain, store]\nmodparam: [[phone, max_expires, 60], [store, force_active, 1]]\n',
  );
  assert.deepEqual([problems, warnings], [[], []]);
  assert.deepEqual(
    modules.map(({ definition, values }) => [definition.name, [...values]]),
    [
      ['store', [['force_active', true]]],
      ['phone', [['max_expires', 60]]],
      ['plain', []],
    ],
  );
});

test('a module that is not there is told the nearest, and its modparam lines say no more', async () => {
  const { problems } = await plan('loadmodule: [sotre]\nmodparam: [[sotre, x, 1]]\n');
  assert.deepEqual(problems, ['4:14: there is no module "sotre" (did you mean "store"?)']);
});

test('a missing need is told with what to add, at the module that needs it', async () => {
  assert.deepEqual((await plan('loadmodule:\n  - phone\n')).problems, [
    '5:5: phone needs the module store: add `- store` to loadmodule',
  ]);
});

test('a database URL asks for the module of its scheme, at its value', async () => {
  const { problems } = await plan('loadmodule: [phone, store]\nmodparam:\n  - [phone, db_url, "sqlite:x.db"]\n');
  assert.deepEqual(problems, [
    '6:21: this value of phone db_url needs the module db_sqlite: add `- db_sqlite` to loadmodule',
  ]);
});

test('modules that need each other are named as a circle', async () => {
  assert.deepEqual((await plan('loadmodule: [egg, chicken]\n')).problems, [
    '4:14: modules need each other in a circle: egg → chicken → egg',
  ]);
});

test('an unknown parameter is told the nearest, or whose it is', async () => {
  const { problems } = await plan(
    'loadmodule: [phone, store]\nmodparam:\n  - [phone, max_expire, 1]\n  - [phone, force_active, 1]\n  - [store, constructor, 1]\n',
  );
  assert.deepEqual(problems, [
    '6:13: phone has no parameter "max_expire" (did you mean "max_expires"?)',
    '7:13: phone has no parameter "force_active": it belongs to store',
    '8:13: store has no parameter "constructor"',
  ]);
});

test('a parameter of a module that is not loaded is told so', async () => {
  const { problems } = await plan('loadmodule: [store]\nmodparam:\n  - [stor, x, 1]\n  - [plain, x, 1]\n');
  assert.deepEqual(problems, [
    '6:6: the module "stor" is not loaded (did you mean "store"?)',
    '7:6: the module "plain" is not loaded: add `- plain` to loadmodule',
  ]);
});

test('a wrong value is told at the value, with module, range and unit, and a secret one without the value', async () => {
  const { problems } = await plan(
    'loadmodule: [phone, store]\nmodparam:\n  - [phone, max_expires, soon]\n  - [phone, max_expires, 0]\n  - [phone, password, hunter2]\n  - [phone, db_url, "mysql://u:hunter2@"]\n',
  );
  assert.deepEqual(problems, [
    '6:26: phone max_expires expects an integer (s), not "soon"',
    '7:26: phone max_expires must be from 1 to 86400 s, not 0',
    '8:23: phone password is too short',
    '9:21: phone db_url must end in the name of one database',
  ]);
});

test('of a parameter set twice the last value counts, with a warning', async () => {
  const { modules, problems, warnings } = await plan(
    'loadmodule: [store]\nmodparam:\n  - [store, force_active, 1]\n  - [store, force_active, 0]\n',
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(warnings, ['7:13: store force_active is set in line 6 already: this value counts']);
  assert.deepEqual([...(modules[0]?.values ?? [])], [['force_active', false]]);
});

test('code that is not a module is refused with its file', async () => {
  const { problems } = await plan('loadmodule:\n  - broken\n  - nothing\n  - misnamed\n');
  assert.match(problems[0] ?? '', /^5:5: module broken cannot be loaded from DIR\/modules\/broken\.ts: /);
  assert.deepEqual(problems.slice(1), [
    '6:5: DIR/modules/nothing.ts is not a module: it has to `export default defineModule({ … })`',
    '7:5: DIR/modules/misnamed.ts declares a module named other: it has to be misnamed, as its file or folder',
  ]);
});

test('the modules there are come from the operator’s folders and the server’s own, types left out', () => {
  const names = new ModuleLoader([join(folder, 'modules')], join(folder, 'none')).names;
  assert.deepEqual(names, ['broken', 'chicken', 'egg', 'misnamed', 'nothing', 'phone', 'plain', 'store']);
});
