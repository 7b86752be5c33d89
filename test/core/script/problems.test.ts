// Checks what is said about scripts that cannot be used: every problem with its place, before anything runs.
import assert from 'node:assert/strict';
import test from 'node:test';
import { problemsOf } from './harness';

const route = 'export async function request_route(req) {}';

test('a script without faults has no problems', async (t) => {
  const script = "import { answer } from 'm';\nimport type { Request } from 'rollcall';\n";
  const body = 'export async function request_route(req: Request) { return answer(req, 200); }\n';
  assert.deepEqual(await problemsOf(t, script + body), []);
});

test('a syntax error has file, line and column', async (t) => {
  assert.deepEqual(await problemsOf(t, `${route}\nconst a = ;\n`), ['main.ts:2:11: Unexpected ";"']);
});

test('a module that does not exist is named with the nearest one', async (t) => {
  assert.deepEqual(await problemsOf(t, `import { answer } from 'pikee';\n${route}`), [
    'main.ts:1:24: there is no module "pikee" (did you mean "pike"?)',
  ]);
});

test('a module that exists and is not loaded is named as that', async (t) => {
  assert.deepEqual(await problemsOf(t, `import { pike_check_req } from 'pike';\n${route}`), [
    'main.ts:1:32: the module "pike" is not loaded: add it to loadmodule',
  ]);
});

test('a function that a module does not have is named with the nearest one, whether it is used or not', async (t) => {
  assert.deepEqual(await problemsOf(t, `import {\n  answer,\n  anwser as other,\n} from 'm';\n${route}`), [
    'main.ts:3:3: the module "m" has no function "anwser" (did you mean "answer"?)',
  ]);
});

test('a function of another module is found there', async (t) => {
  assert.deepEqual(await problemsOf(t, `import { note } from 'rollcall';\n${route}`), [
    'main.ts:1:10: the module "rollcall" has no function "note" ("m" has it)',
  ]);
});

test('a type may be imported without saying that it is one', async (t) => {
  const script =
    "import { Request, avp } from 'rollcall';\nexport const request_route = (req: Request) => avp(req, 1);";
  assert.deepEqual(await problemsOf(t, script), []);
});

test('code cannot be loaded in another way: node:, require, import()', async (t) => {
  const script = `import fs from 'node:fs';\n${route}\nconst a = () => require('m');\nconst b = () => import('m');`;
  assert.deepEqual(await problemsOf(t, script), [
    `main.ts:1:16: "node:fs" cannot be imported: scripts run in a sandbox without Node's own modules`,
    'main.ts:3:17: require() does not exist in scripts: write an import statement',
    'main.ts:4:17: import() does not exist in scripts: write an import statement',
  ]);
});

test('the problems of all files come together, each with its file', async (t) => {
  const files = {
    'main.ts': `import { a, helpful } from './lib/helpers';\nimport './missing';\n${route}\na(helpful);`,
    'lib/helpers.ts': "import { nothing } from 'm';\nexport function helpfull() {}\n",
  };
  assert.deepEqual(await problemsOf(t, files), [
    'lib/helpers.ts:1:10: the module "m" has no function "nothing"',
    'main.ts:1:10: "./lib/helpers" exports no "a"',
    'main.ts:1:13: "./lib/helpers" exports no "helpful" (did you mean "helpfull"?)',
    'main.ts:2:8: there is no file "./missing"',
  ]);
});

test('types of other files of the script are no problem', async (t) => {
  const files = {
    'main.ts': `import { Thing, type Other } from './types';\nimport * as all from './types';\nconst x: Thing | Other | undefined = all && undefined;\n${route}`,
    'types.ts': 'export interface Thing { a: number }\nexport type Other = string;\n',
  };
  assert.deepEqual(await problemsOf(t, files), []);
});

test('files that import each other in a circle, and hand on what others export, work', async (t) => {
  const files = {
    'main.ts': "export * from './a';\nexport function one() { return 1; }\n",
    'a.ts': "import { one } from './main';\nexport async function request_route() { return one(); }\n",
  };
  assert.deepEqual(await problemsOf(t, files), []);
});

test('a script without request_route is told what to export', async (t) => {
  const [problem, ...more] = await problemsOf(t, 'export const request_rout = () => {};');
  assert.match(problem ?? '', /^main\.ts:1:1: the script exports no function request_route/);
  assert.deepEqual(more, []);
});

test('an event route that is no function is a problem', async (t) => {
  const [problem] = await problemsOf(t, `${route}\nexport const event_route = { 'presence:notify-reply': 5 };`);
  assert.match(problem ?? '', /TypeError: event_route\['presence:notify-reply'\] must be a function, not a number/);
});

test('an error at the top level is a problem at its line', async (t) => {
  assert.deepEqual(await problemsOf(t, `${route}\nconst table = undefined as any;\n\ntable.x = 1;`), [
    "main.ts:4:1: TypeError: Cannot set properties of undefined (setting 'x')",
  ]);
});

test('a loop at the top level that never ends does not hang the start', async (t) => {
  const problems = await problemsOf(t, `${route}\nlet i = 0;\nwhile (true) i++;`);
  assert.deepEqual(problems, [
    'main.ts:3:1: RangeError: more than 1000 loop turns and calls in one run (max_while_loops)',
  ]);
});

test('await at the top level is refused, in functions it is not', async (t) => {
  const script = `${route}\nconst later = async () => { await 1; };\nawait later();\nfor await (const x of []) later();`;
  assert.deepEqual(await problemsOf(t, script), [
    'main.ts:3:1: await can only stand inside an async function',
    'main.ts:4:1: for await can only stand inside an async function',
  ]);
});

test('functions of modules cannot be called while the script is loaded', async (t) => {
  const problems = await problemsOf(t, `import { note, wait } from 'm';\n${route}\nwait('x').catch(() => {});\n`);
  assert.deepEqual(problems, ['main.ts:3:1: wait: can only be called by a route']);
});

test('the names of the instruments are reserved', async (t) => {
  assert.deepEqual(await problemsOf(t, `${route}\nlet __rollcall1 = 1;`), [
    'main.ts:2:5: names that start with __rollcall are reserved',
  ]);
});

test('a script that is not there is a problem, not an exception', async (t) => {
  const problems = await problemsOf(t, { 'other.ts': '' });
  assert.deepEqual(problems, ['main.ts:1:1: cannot read main.ts: there is no such file']);
});
