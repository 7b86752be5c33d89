// Holds the manuals of the small modules and the default script to the code: tables are the declarations, examples compile.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { silentLogger } from '../../../core/base/logger';
import { manualFunctions, manualTable } from '../../../core/module/manual';
import { compileScript } from '../../../core/script/load';
import maxfwd from '../../../modules/maxfwd';
import pike from '../../../modules/pike';
import rr from '../../../modules/rr';
import sanity from '../../../modules/sanity';
import sl from '../../../modules/sl';
import textops from '../../../modules/textops';
import xlog from '../../../modules/xlog';
import { openHost } from '../../support/modules';
import { root, source } from '../../support/tree';
import { type Functions, fn, problemsOf, req } from './harness';

const definitions = [maxfwd, pike, rr, sanity, sl, textops, xlog];

/** The functions of all small modules, and stand-ins for those of presence. */
async function functions(): Promise<Functions> {
  const { host } = openHost();
  for (const definition of definitions) await host.setUp({ definition, values: new Map() });
  const handle = fn([req], () => true, { waits: true });
  return new Map([...host.functions, ['presence', { handle_publish: handle, handle_subscribe: handle }]]);
}

for (const definition of definitions) {
  const manual = source(`modules/${definition.name}/README.md`);

  test(`the manual of ${definition.name} has the tables of its declarations`, async () => {
    const declared = (await functions()).get(definition.name) ?? {};
    assert.ok(manual.startsWith(`# ${definition.name}\n\n${definition.summary}`));
    assert.ok(manual.includes(`## Parameters\n\n${manualTable(definition)}\n## Functions\n`));
    assert.ok(manual.includes(`## Functions\n\n${manualFunctions(declared)}\n## Example\n`));
  });

  test(`the example of ${definition.name} compiles`, async (t) => {
    const [, example] = /```ts\n([^`]+)```/.exec(manual) ?? [];
    assert.ok(example);
    assert.deepEqual(await problemsOf(t, example, await functions()), []);
  });
}

test('the default script compiles', async () => {
  const options = { log: silentLogger, knownModules: [], maxWhileLoops: 1000 };
  const result = await compileScript(join(root, 'scripts/presence.ts'), await functions(), options);
  assert.deepEqual(result.problems ?? [], []);
});
