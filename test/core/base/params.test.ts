// Tests parameter declarations: how values are read, what a wrong one is told, and what a declaration says of itself.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  camelCase,
  declareParams,
  describeRange,
  describeType,
  type ParamDeclaration,
  type ParamResult,
  paramValues,
  readParam,
} from '../../../core/base/params';

const seconds: ParamDeclaration = { type: 'integer', default: 3600, min: 1, max: 86_400, unit: 's', doc: '' };
const flag: ParamDeclaration = { type: 'boolean', default: false, doc: '' };
const word: ParamDeclaration = { type: 'string', default: 'text', oneOf: ['text', 'json'], doc: '' };
const password: ParamDeclaration = {
  type: 'string',
  default: undefined,
  secret: true,
  doc: '',
  check: (value) => (value.length < 8 ? 'must have 8 characters' : undefined),
};

function read(declaration: ParamDeclaration, value: unknown, text = String(value)): ParamResult {
  return readParam('name', declaration, { value, text });
}

test('a value of the right type and range is taken', () => {
  assert.deepEqual(read(seconds, 60), { value: 60 });
  assert.deepEqual(read({ type: 'number', default: 1, doc: '' }, 0.5), { value: 0.5 });
  assert.deepEqual(read(word, 'json'), { value: 'json' });
});

test('a number that came as text, as from the environment, is a number', () => {
  assert.deepEqual(read(seconds, '60'), { value: 60 });
  assert.deepEqual(read(seconds, '6x'), { problem: 'name expects an integer (s), not "6x"' });
});

test('a number where a string belongs is the string as it was written', () => {
  assert.deepEqual(read({ type: 'string', default: '', doc: '' }, 10, '0010'), { value: '0010' });
});

test('booleans are true and false, 1 and 0, and the words of shells', () => {
  for (const yes of [true, 1, 'true', '1', 'yes', 'on']) assert.deepEqual(read(flag, yes), { value: true });
  for (const no of [false, 0, 'false', '0', 'no', 'off']) assert.deepEqual(read(flag, no), { value: false });
  assert.deepEqual(read(flag, 2), { problem: 'name expects true or false (or 1 or 0), not 2' });
});

test('a wrong type is told with what was expected and what was found', () => {
  assert.deepEqual(read(seconds, 1.5), { problem: 'name expects an integer (s), not 1.5' });
  assert.deepEqual(read(seconds, null), { problem: 'name has no value' });
  assert.deepEqual(read(seconds, []), { problem: 'name expects an integer (s), not a list' });
  assert.deepEqual(read(word, {}), { problem: 'name expects a string, not a map' });
  assert.deepEqual(read(seconds, Number.POSITIVE_INFINITY, '.inf'), {
    problem: 'name expects an integer (s), not .inf',
  });
});

test('a value out of range is told the range with its unit', () => {
  assert.deepEqual(read(seconds, 0), { problem: 'name must be from 1 to 86400 s, not 0' });
  const open: ParamDeclaration = { type: 'integer', default: 0, min: 0, doc: '' };
  assert.deepEqual(read(open, -1), { problem: 'name must be at least 0, not -1' });
  assert.deepEqual(read({ type: 'integer', default: 0, max: 5, unit: 'ms', doc: '' }, 6), {
    problem: 'name must be at most 5 ms, not 6',
  });
});

test('a word that is none of the words is told the nearest', () => {
  assert.deepEqual(read(word, 'jason'), {
    problem: 'name must be one of text, json, not "jason" (did you mean "json"?)',
  });
});

test('a secret is never shown, however wrong it is', () => {
  assert.deepEqual(read(password, 'hunter2'), { problem: 'name must have 8 characters' });
  assert.deepEqual(read({ ...password, oneOf: ['a'] }, 'hunter2'), { problem: 'name must be one of a' });
  assert.deepEqual(read({ type: 'integer', default: 0, secret: true, doc: '' }, 'hunter2'), {
    problem: 'name expects an integer',
  });
});

test('values come by camelCase name, given or default, and what has no default may be unset', () => {
  const declarations = declareParams({
    max_expires: { type: 'integer', default: 3600, doc: '' },
    db_url: { type: 'string', default: undefined, doc: '' },
    mode: { type: 'string', oneOf: ['one', 'two'], default: 'one', doc: '' },
  });
  const values = paramValues(declarations, new Map([['mode', 'two']]));
  const expires: number = values.maxExpires;
  const url: string | undefined = values.dbUrl;
  const mode: 'one' | 'two' = values.mode;
  assert.deepEqual([expires, url, mode], [3600, undefined, 'two']);
});

test('names, types and ranges read as an operator would write them', () => {
  assert.equal(camelCase('sip_t1'), 'sipT1');
  assert.equal(camelCase('max_while_loops'), 'maxWhileLoops');
  assert.equal(describeType(seconds), 'an integer (s)');
  assert.equal(describeRange(flag), '');
  assert.equal(describeRange(word), 'one of text, json');
});
