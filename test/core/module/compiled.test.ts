// Tests that a module file is compiled once for each text it has, and made anew at each load.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { takeOut } from '../../../core/module/code';
import { keepCompiled } from '../../../core/module/compiled';
import { Scratch } from '../../support/scratch';

function scratchFolder(t: TestContext): string {
  const scratch = new Scratch();
  t.after(() => scratch.remove());
  return scratch.folder;
}

/** Loads a file as at a reload, and says how often V8 was given its text. */
function loader(folder: string) {
  const session = new Session();
  session.connect();
  const scripts = new Map<string, string>();
  // An empty script of the same name is Node's, for the source map.
  session.on('Debugger.scriptParsed', ({ params: { scriptId, url, length = 0 } }) => {
    if (length > 0) scripts.set(scriptId, url);
  });
  session.post('Debugger.enable');
  return {
    load: (file: string) => {
      takeOut(folder);
      return require(file) as { count(): number; where: unknown; fail(): never };
    },
    compilations: (file: string) => [...scripts.values()].filter((url) => url.endsWith(file)).length,
    close: () => session.disconnect(),
  };
}

const text = (step: number) => `"use strict";
let calls = 0;
exports.count = () => (calls += ${step});
exports.where = [__filename, __dirname, module.id, this === exports, require('./other')];
exports.fail = () => { throw new Error('here'); };
`;

test('a file that has not changed is not compiled again, what it holds is made anew, and one that has changed is', (t) => {
  const folder = scratchFolder(t);
  keepCompiled(folder);
  const file = join(folder, 'file.js');
  writeFileSync(join(folder, 'other.js'), 'module.exports = "the other one";');
  writeFileSync(file, text(1));
  const { load, compilations, close } = loader(folder);
  const first = load(file);
  assert.deepEqual([first.count(), first.count()], [1, 2]);
  assert.deepEqual(first.where, [file, folder, file, true, 'the other one']);
  const second = load(file);
  assert.equal(compilations('file.js'), 1);
  assert.equal(second.count(), 1, 'it has its own variables');
  assert.notEqual(second.count, first.count);
  writeFileSync(file, text(10));
  const third = load(file);
  assert.equal(third.count(), 10);
  assert.equal(compilations('file.js'), 2);
  close();
});

test('errors have the line and column of the file', (t) => {
  const folder = scratchFolder(t);
  keepCompiled(folder);
  mkdirSync(join(folder, 'deep'));
  const file = join(folder, 'deep', 'file.js');
  writeFileSync(file, 'exports.fail = () => {\n  throw new Error("here");\n};\n');
  const { fail } = require(file) as { fail(): never };
  assert.throws(fail, ({ stack }: Error) => stack?.includes(`${file}:2:9`) ?? false);
  const broken = join(folder, 'broken.js');
  writeFileSync(broken, 'const a = 1;\nconst a = 2;\n');
  assert.throws(
    () => require(broken),
    ({ stack }: Error) => stack?.startsWith(`${broken}:2`) ?? false,
  );
});

test('errors name the line of the source, after another load too', (t) => {
  const folder = scratchFolder(t);
  keepCompiled(folder);
  const file = join(folder, 'file.js');
  // Line 3 of the file is line 2 of the source (AACA: file 0, one line on, column 0).
  const map = { version: 3, sources: ['written.ts'], names: [], mappings: 'AAAA;;AACA' };
  const encoded = Buffer.from(JSON.stringify(map)).toString('base64');
  const code = 'exports.fail = () => {\n\nthrow new Error("here");\n};\n';
  writeFileSync(file, `${code}//# sourceMappingURL=data:application/json;base64,${encoded}\n`);
  for (let times = 0; times < 2; times++) {
    takeOut(folder);
    const { fail } = require(file) as { fail(): never };
    assert.throws(fail, ({ stack }: Error) => stack?.includes(`${join(folder, 'written.ts')}:2:`) ?? false);
  }
});
