// Holds what busy lamps get to the schema of RFC 4235 §4.4: composition makes nothing invalid.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertValid, faultsOf, xmllintMissing } from '../../support/schema';
import { compose, fixture, fixtureNames } from './dialogs';

/** Faults inside a dialog, which lamps read all the same: `remote` before `local`, other elements first, empty or other attributes. */
const within = [
  'freeswitch-confirmed',
  'kamailio-confirmed',
  'kamailio-early',
  'kamailio-terminated',
  'opensips-confirmed',
  'shared-appearance',
  'snom-ringing',
  'webphone-dnd',
];
const sound = fixtureNames.filter((name) => !within.includes(name));

describe('the schema', { skip: xmllintMissing }, () => {
  test('what phones and proxies publish is composed into valid documents', () => {
    const documents = [compose([]), compose(sound.map(fixture)), compose(sound.map(fixture), true)];
    for (const one of sound) {
      documents.push(compose([fixture(one)]), compose([fixture(one)], true));
      for (const other of sound) documents.push(compose([fixture(one), fixture(other)]));
    }
    assertValid(documents);
  });

  test('of what is wrong inside a dialog composition makes nothing worse', () => {
    const before = faultsOf(within.map(fixture));
    const after = faultsOf(within.map((name) => compose([fixture(name)])));
    within.forEach((name, index) => {
      const known = new Set(before[index]);
      assert.ok(known.size > 0, `${name} is valid: it belongs to the others`);
      assert.deepEqual(
        after[index]?.filter((fault) => !known.has(fault)),
        [],
        name,
      );
    });
  });
});
