// Holds what watchers get to the schemas of RFC 3863, 4479, 4480 and 3858: composition and rules make nothing invalid.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { composePidf } from '../../../modules/presence_xml/compose';
import { compileRules } from '../../../modules/presence_xml/rules/compile';
import { transformPidf } from '../../../modules/presence_xml/rules/transform';
import { renderWatcherinfo } from '../../../modules/presence_xml/watcherinfo';
import { assertValid, faultsOf, xmllintMissing } from '../../support/schema';
import { alice, dm, fixture, fixtureNames, presence, published, rpid, tuple } from './pidf';

const bob = 'sip:bob@example.com';

/** What their publishers got wrong and composition has no business to mend: an id that is no name, a sphere as RFC 4480 §3.10 has it. */
const passedOn = new Set(['kamailio-pua', 'rich']);
const sound = fixtureNames.filter((name) => !passedOn.has(name));

/** Everybody's bodies as they are sent on, rewritten, with somebody else's, and with everybody else's. */
function composed(): Buffer[] {
  const documents: Buffer[] = [composePidf(alice, [])];
  for (const one of sound) {
    documents.push(composePidf(alice, [published(fixture(one))]), composePidf(bob, [published(fixture(one))]));
    for (const other of sound)
      documents.push(composePidf(alice, [published(fixture(one), 1), published(fixture(other), 2)]));
  }
  documents.push(
    composePidf(
      alice,
      sound.map((name, index) => published(fixture(name), index + 1)),
    ),
  );
  return documents;
}

function rules(transformations: string): string {
  return (
    '<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules"><rule id="a"><actions>' +
    `<pr:sub-handling>allow</pr:sub-handling></actions><transformations>${transformations}</transformations></rule></ruleset>`
  );
}

const services = '<pr:provide-services><pr:all-services/></pr:provide-services>';
const persons = '<pr:provide-persons><pr:all-persons/></pr:provide-persons>';
const devices = '<pr:provide-devices><pr:all-devices/></pr:provide-devices>';
const details = '<pr:provide-activities>true</pr:provide-activities><pr:provide-note>true</pr:provide-note>';

describe('the schemas', { skip: xmllintMissing }, () => {
  test('the validator sees what is wrong', () => {
    const faults = faultsOf([
      presence('<note/><tuple id="a"><status/></tuple>'),
      presence(`${tuple('a')}<dm:person id="a"/>`, dm),
      presence(
        `${tuple('a')}<dm:person id="p"><rpid:activities><rpid:asleep/></rpid:activities></dm:person>`,
        dm + rpid,
      ),
      presence('<tuple id="a">'),
      presence(tuple('a')),
    ]);
    assert.match(faults[0]?.join() ?? '', /tuple': This element is not expected/);
    assert.match(faults[1]?.join() ?? '', /'a' is not a valid value of the atomic type 'xs:ID'/);
    assert.match(faults[2]?.join() ?? '', /asleep': This element is not expected/);
    assert.match(faults[3]?.join() ?? '', /tag mismatch/);
    assert.deepEqual(faults[4], []);
  });

  test('what phones publish is composed into valid documents, whether it was valid or not', () => {
    assertValid(composed());
    assert.ok(faultsOf(sound.map(fixture)).flat().length > 0, 'some of them get the order wrong');
  });

  test('of what is wrong inside an element composition makes nothing worse', () => {
    for (const name of passedOn) {
      const [before, after] = faultsOf([fixture(name), composePidf(bob, [published(fixture(name))])]);
      assert.deepEqual(after, before, name);
    }
  });

  test('what rules let be seen is valid', () => {
    const documents: Buffer[] = [];
    for (const transformations of [
      '',
      services,
      persons,
      devices,
      services + persons + devices,
      services + persons + details,
    ]) {
      const compiled = compileRules(Buffer.from(rules(transformations)));
      if (!compiled.ok) assert.fail(compiled.reason);
      const { view } = compiled.rules.evaluate({ watcher: bob, now: 0, sphere: undefined });
      for (const name of [...sound, 'rich']) {
        documents.push(transformPidf(alice, composePidf(alice, [published(fixture(name))]), view));
      }
    }
    assertValid(documents);
  });

  test('watcherinfo is valid, in full and in part', () => {
    const watcher = { uri: bob, id: '77ajsyy76', status: 'pending', event: 'subscribe' } as const;
    const all = { ...watcher, durationSubscribed: 3600.5, expiration: -1, displayName: 'Bob <&> "B"' };
    const document = { resource: alice, package: 'presence', version: 3 };
    assertValid([
      renderWatcherinfo({ ...document, state: 'full', watchers: [] }),
      renderWatcherinfo({ ...document, state: 'full', watchers: [watcher, all] }),
      renderWatcherinfo({ ...document, state: 'partial', watchers: [all] }),
    ]);
  });
});
