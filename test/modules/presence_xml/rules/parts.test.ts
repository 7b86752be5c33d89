// Holds the parts of the rule engine one by one: times, URIs, words, explanations, views, and the sphere of a presentity.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { CompiledRules } from '../../../../modules/presence/api';
import { composePidf } from '../../../../modules/presence_xml/compose';
import { compileRules } from '../../../../modules/presence_xml/rules/compile';
import { hasUri, uriForm, uriSelectors } from '../../../../modules/presence_xml/rules/equivalence';
import { readDateTime, writeTime } from '../../../../modules/presence_xml/rules/time';
import { transformPidf } from '../../../../modules/presence_xml/rules/transform';
import { sphereOf } from '../../../../modules/presence_xml/sphere';
import { alice, dm, fixture, presence, published, rpid, tuple } from '../pidf';

function compiled(rules: string): CompiledRules {
  const result = compileRules(
    Buffer.from(
      `<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">${rules}</ruleset>`,
    ),
  );
  return result.ok ? result.rules : assert.fail(result.reason);
}

const bob = { watcher: 'sip:bob@example.com', now: 1000, sphere: undefined };
const allow = '<actions><pr:sub-handling>allow</pr:sub-handling></actions>';

test('an xs:dateTime is read to the first whole second that is not before it', () => {
  const times: [string, number | undefined][] = [
    ['1970-01-01T00:00:00Z', 0],
    ['1970-01-01T00:00:00', 0],
    ['1970-01-01T00:00:00.000', 0],
    ['1970-01-01T00:00:00.001Z', 1],
    ['1970-01-01T01:00:00+01:00', 0],
    ['1969-12-31T10:00:00-14:00', 0],
    ['1970-01-01T24:00:00Z', 86_400],
    ['2000-02-29T00:00:00Z', 951_782_400],
    ['0001-01-01T00:00:00Z', -62_135_596_800],
    ['1900-02-29T00:00:00Z', undefined],
    ['2026-13-01T00:00:00Z', undefined],
    ['2026-00-01T00:00:00Z', undefined],
    ['2026-04-31T00:00:00Z', undefined],
    ['2026-01-01T24:00:01Z', undefined],
    ['2026-01-01T23:60:00Z', undefined],
    ['2026-01-01T23:59:60Z', undefined],
    ['2026-01-01T00:00:00+14:01', undefined],
    ['2026-01-01T00:00:00z', undefined],
    ['2026-01-01 00:00:00Z', undefined],
    ['0000-01-01T00:00:00Z', undefined],
    ['12026-01-01T00:00:00Z', undefined],
    ['', undefined],
  ];
  for (const [text, expected] of times) assert.equal(readDateTime(text), expected, text);
});

test('a time is written for people, in UTC', () => {
  assert.equal(writeTime(0), '1970-01-01 00:00 UTC');
  assert.equal(writeTime(59), '1970-01-01 00:00:59 UTC');
  assert.equal(writeTime(253_402_300_800), '10000-01-01 00:00 UTC');
});

test('URIs that name the same service are equivalent, others are not', () => {
  const same = (one: string, other: string): boolean => {
    const [a, b] = [uriForm(one), uriForm(other)];
    if (a === undefined || b === undefined) return false;
    return hasUri(new Set(uriSelectors('service-uri', a)), 'service-uri', b);
  };
  const pairs: [string, string, boolean][] = [
    ['sip:%61lice@atlanta.com;transport=TCP', 'sip:alice@AtLanTa.CoM;Transport=tcp', true],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5', true],
    ['sip:carol@chicago.com;security=on', 'sip:carol@chicago.com', true],
    ['sip:a@b;x=1;y=2', 'sip:a@b;y=2;x=1', true],
    ['sip:a@b;x=1', 'sip:a@b;x=2', false],
    [
      'sip:biloxi.com;transport=tcp?to=sip:bob%40biloxi.com&x=1',
      'sip:biloxi.com;transport=tcp?x=1&to=sip:bob%40biloxi.com',
      true,
    ],
    ['SIP:ALICE@atlanta.com', 'sip:alice@atlanta.com', false],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060', false],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp', false],
    ['sip:bob@biloxi.com', 'sip:bob:pw@biloxi.com', false],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next', false],
    ['sip:bob@biloxi.com', 'sips:bob@biloxi.com', false],
    ['tel:+1-212-555-1234', 'TEL:+12125551234', true],
    ['tel:+12125551234', 'tel:+12125551234;ext=1', false],
    ['mailto:Bob@EXAMPLE.com', 'mailto:Bob@example.com', true],
    ['mailto:bob@example.com', 'mailto:Bob@example.com', false],
    ['urn:UUID:F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6', 'URN:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6', true],
    ['urn:x-mac:00AA', 'urn:X-MAC:00AA', true],
    ['urn:x-mac:00AA', 'urn:x-mac:00aa', false],
    ['ftp://EXAMPLE.com/%7eA', 'FTP://example.com/~A', true],
    ['http://example.com/a', 'http://example.com/A', false],
    ['not a URI', 'not a URI', false],
  ];
  for (const [one, other, expected] of pairs) {
    assert.equal(same(one, other), expected, `${one} ${other}`);
    assert.equal(same(other, one), expected, `${other} ${one}`);
  }
});

test('a rule is said in words', () => {
  const rules = compiled(
    '<rule id="a"><conditions><identity><one id="sip:bob@example.com"/><many domain="example.org"><except id="sip:eve@example.org"/></many></identity>' +
      '<validity><from>2026-01-01T09:00:00+01:00</from><until>2026-02-01T00:00:01Z</until></validity></conditions>' +
      `${allow}<transformations><pr:provide-services><pr:all-services/></pr:provide-services><pr:provide-note>true</pr:provide-note></transformations></rule>` +
      '<rule id="b"><conditions><identity><many><except domain="example.net"/></many></identity><sphere value="work home"/></conditions><actions><pr:sub-handling>polite-block</pr:sub-handling></actions></rule>' +
      `<rule id="c">${allow}<transformations><pr:provide-devices><pr:deviceID>urn:x:1</pr:deviceID></pr:provide-devices><pr:provide-all-attributes/></transformations></rule>` +
      '<rule id="d"><conditions><identity/></conditions><actions><pr:sub-handling>confirm</pr:sub-handling></actions></rule>',
  );
  assert.deepEqual(rules.describe(), [
    'a: sip:bob@example.com or everybody at example.org except sip:eve@example.org may subscribe; sees all services, with note; from 2026-01-01 08:00 UTC until 2026-02-01 00:00:01 UTC',
    'b: everybody who is authenticated except everybody at example.net may subscribe but always sees nobody there; sees nothing; while the sphere is work or home',
    'c: anybody, authenticated or not, may subscribe; sees devices of deviceID urn:x:1, with all their attributes',
    'd: nobody waits until you decide; sees nothing',
  ]);
});

test('long lists are cut in words, and control characters do not reach a terminal', () => {
  const ones = Array.from({ length: 200 }, (_, i) => `<one id="sip:u${i}@example.com"/>`).join('');
  const [first = '', second = ''] = compiled(
    `<rule id="a"><conditions><identity>${ones}</identity></conditions></rule><rule id="b&#x9b;31m">${allow}</rule>`,
  ).describe();
  assert.match(first, /sip:u19@example\.com or 180 more is refused/);
  assert.match(second, /^b\?31m: /);
});

test('an outcome explains each rule when it is asked', () => {
  const rules = compiled(
    '<rule id="a"><conditions><identity><one id="sip:carol@example.com"/></identity></conditions></rule>' +
      '<rule id="b"><conditions><identity><many><except id="sip:bob@example.com"/></many></identity><sphere value="work"/></conditions></rule>' +
      '<rule id="c"><conditions><validity><from>1970-01-01T00:00:00Z</from><until>1970-01-01T00:16:40Z</until></validity></conditions></rule>' +
      '<rule id="d"/>' +
      '<rule id="e"><conditions><identity><many domain="example.com"/></identity><sphere value="home"/></conditions></rule>',
  );
  assert.deepEqual(rules.evaluate({ ...bob, sphere: 'home' }).explanation, [
    {
      rule: 'a',
      matched: false,
      reasons: ['identity: one sip:carol@example.com is not the watcher sip:bob@example.com'],
    },
    { rule: 'b', matched: false, reasons: ['identity: sip:bob@example.com is excepted', 'sphere: home is not work'] },
    { rule: 'c', matched: false, reasons: ['validity: 1970-01-01 00:16:40 UTC is outside'] },
    { rule: 'd', matched: true, reasons: ['no conditions: the rule always matches'] },
    { rule: 'e', matched: true, reasons: ['identity: sip:bob@example.com is one of many', 'sphere: home is home'] },
  ]);
  assert.deepEqual(rules.evaluate({ ...bob, watcher: undefined }).explanation[0]?.reasons, [
    'identity: the watcher is not authenticated',
  ]);
});

test('watchers for whom the same rules match share one view', () => {
  const rules = compiled(
    `<rule id="a"><conditions><identity><many/></identity></conditions>${allow}<transformations><pr:provide-persons><pr:all-persons/></pr:provide-persons></transformations></rule>`,
  );
  const { view } = rules.evaluate(bob);
  assert.equal(rules.evaluate({ ...bob, watcher: 'sip:carol@example.org' }).view, view);
  assert.equal(rules.evaluate({ ...bob, watcher: undefined }).view.key, 'nothing');
});

test('what makes no difference makes no other key', () => {
  const key = (transformations: string) =>
    compiled(`<rule id="a">${allow}<transformations>${transformations}</transformations></rule>`).evaluate(bob).view
      .key;
  assert.equal(key('<pr:provide-mood>true</pr:provide-mood><pr:provide-services/>'), 'nothing');
  const some = '<pr:provide-persons><pr:class>a</pr:class></pr:provide-persons>';
  const all = '<pr:provide-persons><pr:all-persons/></pr:provide-persons>';
  assert.equal(key(some + all), key(all));
  assert.equal(
    key(`${all}<pr:provide-all-attributes/><pr:provide-mood>true</pr:provide-mood>`),
    key(`${all}<pr:provide-all-attributes/>`),
  );
  assert.notEqual(key(some), key(all));
  assert.notEqual(key(`${all}<pr:provide-user-input>bare</pr:provide-user-input>`), key(all));
  const classes = Array.from({ length: 100 }, (_, i) => `<pr:class>class number ${i}</pr:class>`);
  const long = key(`<pr:provide-persons>${classes.join('')}</pr:provide-persons>`);
  assert.match(long, /^sha256:[\w-]{43}$/);
  assert.equal(key(`<pr:provide-persons>${classes.toReversed().join('')}</pr:provide-persons>`), long);
});

test('a view of unknown origin grants nothing', () => {
  const document = composePidf(alice, [published(fixture('rich'))]);
  assert.deepEqual(transformPidf(alice, document, { key: 'everything', grantsNothing: false }), composePidf(alice, []));
});

test('the document of who may see nothing is the same whatever is published', () => {
  const { view } = compiled(`<rule id="a">${allow}</rule>`).evaluate(bob);
  for (const bodies of [[], [fixture('rich')], [fixture('presload'), fixture('pjsua-busy')]]) {
    const document = composePidf(
      alice,
      bodies.map((body, i) => published(body, i + 1)),
    );
    assert.deepEqual(transformPidf(alice, document, view), composePidf(alice, []));
  }
});

test('a service that is closed in the place of those that are kept back does not say that there are any', () => {
  const { view } = compiled(
    `<rule id="a">${allow}<transformations><pr:provide-persons><pr:all-persons/></pr:provide-persons></transformations></rule>`,
  ).evaluate(bob);
  const person = '<dm:person id="closed"><rpid:mood><rpid:happy/></rpid:mood></dm:person>';
  const shown = (items: string) => {
    const document = composePidf(alice, [published(presence(items, dm + rpid))]);
    return transformPidf(alice, document, view).toString();
  };
  assert.equal(shown(tuple('a') + person), shown(tuple('b', 'closed') + tuple('closed-2') + person));
  assert.equal(shown(tuple('a') + person), shown(person));
  assert.match(
    shown(person),
    /<tuple id="closed-2"><status><basic>closed<\/basic><\/status><\/tuple>\n<dm:person id="closed"\/>/,
  );
});

test('the sphere is the one that all publications agree on', () => {
  const person = (sphere: string, id = 'p') => presence(`<dm:person id="${id}">${sphere}</dm:person>`, dm + rpid);
  const sphere = (...bodies: string[]) => sphereOf(bodies.map((body, i) => published(body, i + 1)));
  const text = (value: string) => `<rpid:sphere>${value}</rpid:sphere>`;
  assert.equal(sphere(), undefined);
  assert.equal(sphere(presence(tuple('a'))), undefined);
  assert.equal(sphere(person(text('work'))), 'work');
  assert.equal(sphere(person(text('\n bowling  league '))), 'bowling league');
  assert.equal(sphere(person('<rpid:sphere><rpid:home/></rpid:sphere>')), 'home');
  assert.equal(sphere(person(text('work')), presence(tuple('a')), person(text('Work'))), 'work');
  assert.equal(sphere(person(text('work')), person(text('home'))), undefined);
  assert.equal(sphere(person(text('work') + text('home'))), undefined);
  assert.equal(sphere(person('<rpid:sphere/>')), undefined);
  // Not in a person, or not RPID's.
  assert.equal(sphere(presence(tuple('a', 'open', text('work')), dm + rpid)), undefined);
  assert.equal(sphere(person('<sphere>work</sphere>')), undefined);
  assert.equal(sphere('<presence>sphere'), undefined);
});
