// Holds the shape of the files: each says what it owns, none is long, none keeps leftovers or names a forbidden host.
import assert from 'node:assert/strict';
import test from 'node:test';
import { filesBelow, source } from '../support/tree';

const code = filesBelow('.', /\.(ts|mjs)$/);
const text = filesBelow('.', /\.(ts|mjs|json|md|ya?ml|xml|sh|c|npmrc)$/).filter((file) => file !== 'package-lock.json');

const maxLines = 300;

/** The first line that is not `#!`. */
function firstLine(file: string): string {
  return (
    source(file)
      .replace(/^#!.*\n/, '')
      .split('\n', 1)[0] ?? ''
  );
}

test('the first line of each source file says in a sentence what the file owns', () => {
  const wrong = code.filter((file) => !/^\/\/ \S.{15,160}[.:]$/.test(firstLine(file)));
  assert.deepEqual(
    wrong.map((file) => `${file}: ${firstLine(file)}`),
    [],
  );
});

const native = filesBelow('core', /\.[ch]$/);

test('the first line of each native source file says the same in the comment of C', () => {
  assert.ok(native.length > 0);
  assert.deepEqual(
    native.filter((file) => !/^\/\* \S.{15,160}\. \*\/$/.test(firstLine(file))),
    [],
  );
});

test(`no source file is longer than ${maxLines} lines`, () => {
  const lengths = [...code, ...native].map((file) => ({ file, lines: source(file).split('\n').length - 1 }));
  const wrong = lengths.filter(({ lines }) => lines > maxLines);
  assert.deepEqual(
    wrong.map(({ file, lines }) => `${file}: ${lines} lines`),
    [],
  );
});

test('nothing is left to do, switched off or left behind in a source file', () => {
  const words = ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|'); // in pieces, so as not to find itself
  const leftover = new RegExp(`\\b(${words})\\b|\\bdebugger;|\\btest\\.only\\(`);
  const wrong = code.flatMap((file) =>
    source(file)
      .split('\n')
      .flatMap((line, index) => (leftover.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
  assert.deepEqual(wrong, []);
});

test('the clock comes from outside: nothing but core/base/clock.ts asks the machine for the time', () => {
  const asking = /\bDate\.now\(\)|\bnew Date\(\)/;
  const wrong = [...filesBelow('core', /\.ts$/), ...filesBelow('modules', /\.ts$/)]
    .filter((file) => file !== 'core/base/clock.ts')
    .flatMap((file) =>
      source(file)
        .split('\n')
        .flatMap((line, index) => (asking.test(line.replace(/(^|\s)(\/\/|\*).*/, '')) ? [`${file}:${index + 1}`] : [])),
    );
  assert.deepEqual(wrong, []);
});

// A file that names a host may one day be fetched from it. Namespaces, documentation names and loopback are not fetched.
const allowedHosts =
  /^(localhost|127(\.\d+){3}|\[::1\]|[\w.-]+\.(example|invalid|test|localhost)|(.+\.)?example\.(com|net|org)|www\.w3\.org|www\.rfc-editor\.org|keepachangelog\.com|semver\.org)$/;

test('no file names a host to fetch from', () => {
  const wrong = text.flatMap((file) =>
    [...source(file).matchAll(/\bhttps?:\/\/([^\s/:'"`<>)\\]+)/g)]
      .filter((match) => !allowedHosts.test(match[1] ?? '') && !/[${]/.test(match[1] ?? ''))
      .map((match) => `${file}: ${match[0]}`),
  );
  assert.deepEqual(wrong, []);
});

test('package-lock.json holds no address to fetch from', () => {
  assert.doesNotMatch(source('package-lock.json'), /"resolved"/);
});
