// Holds what real clients send and need of a presence document, by their own ways of reading (captures of November 2026).
import assert from 'node:assert/strict';
import test from 'node:test';
import { alice, compose, fixture, presence, read, tuple } from './pidf';

/** libpurple reads the first tuple's basic and nothing else. */
const seenByPidgin = (document: string) => /<tuple .*?<basic>(\w+)<\/basic>/s.exec(document)?.[1];

/** baresip searches the body for these texts. */
const seenByBaresip = (document: string) =>
  ['<basic>open</basic>', '<rpid:away/>', '<rpid:busy/>', '<rpid:on-the-phone/>'].filter((text) =>
    document.includes(text),
  );

test('a pidgin that signs on after it signed off is online, although both publications have one tuple id', () => {
  const document = compose(fixture('libpurple-closed'), fixture('libpurple-open'));
  assert.equal(seenByPidgin(document), 'open');
  assert.equal(document.split('<tuple').length, 2);
});

test('a pidgin that signs off is offline at once, while its earlier publication lasts', () => {
  const document = compose(fixture('libpurple-open'), fixture('libpurple-closed'));
  assert.equal(seenByPidgin(document), 'closed');
  assert.deepEqual(seenByBaresip(document), []);
});

test('two initial publications of one baresip in a race leave the state of the second', () => {
  const document = compose(fixture('baresip-open'), fixture('baresip-closed'));
  assert.deepEqual(
    read(document).ids.map(({ id }) => id),
    ['t4109', 'p4159'],
  );
  assert.deepEqual(seenByBaresip(document), []);
});

test('a baresip that is not registered yet publishes unknown, and its watchers are told closed', () => {
  const document = compose(fixture('baresip-unknown'));
  assert.equal(seenByPidgin(document), 'closed');
  assert.ok(!document.includes('unknown'));
});

test('a busy pjsua is busy for baresip, and its note is found by pjsua', () => {
  const document = compose(fixture('pjsua-busy'));
  assert.deepEqual(seenByBaresip(document), ['<basic>open</basic>', '<rpid:busy/>']);
  assert.match(document, /<dm:person [^>]*><rpid:activities><rpid:busy\/><\/rpid:activities><dm:note>Busy<\/dm:note>/);
});

test('a linphone on the phone is so for baresip, and keeps its own extension in status', () => {
  const document = compose(fixture('linphone-on-the-phone'));
  assert.deepEqual(seenByBaresip(document), ['<basic>open</basic>', '<rpid:on-the-phone/>']);
  assert.match(document, /<status><basic>open<\/basic><pidfonline:online\/><\/status>/);
  assert.match(document, /<note xml:lang="fr">Au téléphone<\/note>/);
});

test('the phone that changed last decides what a client sees that reads one tuple', () => {
  const desk = presence(tuple('desk', 'closed'));
  assert.equal(seenByPidgin(compose(fixture('twinkle-open'), desk)), 'closed');
  assert.equal(seenByPidgin(compose(desk, fixture('twinkle-open'))), 'open');
});

test('the entity is the presentity, whatever Sofia or Kamailio wrote there', () => {
  for (const name of ['sofia-open', 'kamailio-pua']) assert.equal(read(compose(fixture(name))).entity, alice);
});

test('every document has a tuple with a basic, because libpurple does not answer a NOTIFY without', () => {
  const bodies = [[], [presence('')], [presence('<note>x</note>')], [presence('<tuple id="a"><status/></tuple>')]];
  for (const list of bodies) assert.equal(seenByPidgin(compose(...list)), 'closed');
});

test('the phones of one person stand side by side in one document', () => {
  const document = compose(
    fixture('linphone-online'),
    fixture('pjsua-busy'),
    fixture('baresip-open'),
    fixture('libpurple-open'),
    fixture('twinkle-open'),
  );
  assert.deepEqual(
    read(document).ids.map(({ id }) => id),
    [
      'kzqrv',
      'bs35r9f',
      't4109',
      'pj5fd40eb08a1f4d5dbb2c1b4f2b6fbf1c',
      'mg0g2-',
      'p4159',
      'pj0c8f2a5f0f2e4cf0a9a0f1d0d1f2a3b4',
    ],
  );
  assert.deepEqual(seenByBaresip(document), ['<basic>open</basic>', '<rpid:busy/>']);
});
