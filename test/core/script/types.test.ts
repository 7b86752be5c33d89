// Checks the types that editors get: signatures, overloads, comments, and that the same functions give the same text.
import assert from 'node:assert/strict';
import test from 'node:test';
import { rollcallFunctions } from '../../../core/script/facade';
import { requestFields } from '../../../core/script/fields';
import { type DescribedModule, generateTypes } from '../../../core/script/types';
import { fn, req } from './harness';

const modules = new Map<string, DescribedModule>([
  [
    'b',
    {
      summary: 'Does things */ and more.',
      functions: {
        look: { ...fn([req, { name: 'name', type: 'string', doc: 'of it' }], () => true), summary: 'Looks.' },
        go: { ...fn([{ name: 'n', type: 'number', optional: true }], () => 1, { waits: true, returns: 'number' }) },
        say: fn(
          [
            { ...req, optional: true },
            { name: 'text', type: 'string' },
          ],
          () => {},
          { returns: 'void' },
        ),
      },
    },
  ],
  ['a', { summary: 'Has none.', functions: {} }],
]);

test('functions have their signatures, promises for those that wait, two for a request that may be left out', () => {
  const text = generateTypes(modules);
  assert.match(text, /declare module 'b' \{\n {2}import type \{ Request \} from 'rollcall';\n/);
  assert.match(text, /export function go\(n\?: number\): Promise<number>;/);
  assert.match(
    text,
    /\* Looks\.\n {3}\* @param name of it\n {3}\*\/\n {2}export function look\(req: Request, name: string\): boolean;/,
  );
  assert.match(text, /export function say\(text: string\): void;/);
  assert.match(text, /export function say\(req: Request, text: string\): void;/);
});

test('text of modules cannot end a comment early, and modules without functions are left out', () => {
  const text = generateTypes(modules);
  assert.match(text, /\/\*\* Does things \*\\\/ and more\. \*\//);
  assert.doesNotMatch(text, /declare module 'a'/);
});

test('rollcall has every property and function that the sandbox has', () => {
  const text = generateTypes(new Map());
  for (const { name } of requestFields) assert.match(text, new RegExp(`readonly ${name}: `));
  for (const name of rollcallFunctions.keys()) assert.match(text, new RegExp(`export function ${name}\\(`));
});

test('the same modules in another order give the same text', () => {
  assert.equal(generateTypes(new Map([...modules].reverse())), generateTypes(modules));
});
