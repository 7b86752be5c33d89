// Owns the proof that a table's declaration is checked, and that key texts tell keys apart.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RollcallError } from '../../../core/base/errors';
import { keyText, layoutOf, type Table } from '../../../core/db/table';
import { items } from './sample';

const wrong: readonly (readonly [string, Partial<Table>, RegExp])[] = [
  ['a name with a quote', { name: 'a"b' }, /letters, digits/],
  ['version 0', { version: 0 }, /whole number/],
  ['no key', { primaryKey: [] }, /needs a primary key/],
  ['a key of undeclared columns', { primaryKey: ['nope'] }, /'nope'/],
  ['a nullable key', { primaryKey: ['owner', 'label'] }, /'label' cannot be nullable/],
  ['a column twice', { columns: [...items.columns, { name: 'owner', type: 'text' }] }, /declared twice/],
  ['an id of its own beside id: true', { columns: [...items.columns, { name: 'id', type: 'integer' }] }, /'id'/],
  ['an index of undeclared columns', { indexes: [{ name: 'i', columns: ['nope'] }] }, /'nope'/],
  ['a migration to nowhere', { migrations: [{ from: 1, addColumns: [] }] }, /leads nowhere/],
  [
    'a migration that adds what rows cannot have',
    { version: 2, migrations: [{ from: 1, addColumns: ['expires'] }] },
    /nullable or has a default/,
  ],
];
for (const [what, part, message] of wrong) {
  it(`a table with ${what} is refused`, () => {
    assert.throws(
      () => layoutOf({ ...items, ...part }),
      (error) => error instanceof RollcallError && message.test(error.message),
    );
  });
}

it('different keys have different texts', () => {
  const keys = [
    ['ab', 'c'],
    ['a', 'bc'],
    ['abc'],
    ['1'],
    [1],
    ['s1:1'],
    [null],
    ['-'],
    [''],
    [Buffer.from('1')],
    ['', ''],
  ];
  assert.equal(new Set(keys.map(keyText)).size, keys.length);
});
