// Holds the check of a published body: what RFC 3863 rules are enforced, what is bounded, and what may be sent on unchanged.
import assert from 'node:assert/strict';
import test from 'node:test';
import { inspect } from '../../../modules/presence_xml/inspect';
import { alice, dm, fixture, fixtureNames, presence, rpid, tuple } from './pidf';

const standsFor = (body: string | Buffer) => {
  const inspection = inspect(Buffer.from(body));
  assert.ok(inspection.ok, JSON.stringify(inspection));
  return inspection.standsFor;
};

const reasonFor = (body: string | Buffer) => {
  const inspection = inspect(Buffer.from(body));
  assert.ok(!inspection.ok, `accepted: ${body.toString().slice(0, 200)}`);
  return inspection.reason;
};

for (const name of fixtureNames) {
  test(`the body of fixture ${name} is accepted`, () => {
    assert.equal(inspect(fixture(name)).ok, true);
  });
}

const refused: [what: string, body: string, reason: RegExp][] = [
  ['an empty body', '', /not well-formed/],
  ['text that is no XML', 'open', /not well-formed/],
  ['a tag that is never closed', '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="x">', /unclosed tag/],
  ['tags that overlap', presence('<tuple id="a"></status></tuple>'), /unexpected close tag|unmatched/],
  ['a second root', `${presence('')}<x/>`, /only one root/],
  ['text after the root', `${presence('')}x`, /outside of root/],
  ['an attribute given twice', presence('<tuple id="a" id="b"/>'), /duplicate attribute/],
  ['an attribute given twice by two prefixes', presence('<x xmlns:a="u" xmlns:b="u" a:i="" b:i=""/>'), /duplicate/],
  ['a prefix that is not declared', presence('<rpid:away/>'), /unbound namespace prefix/],
  ['an entity that is not predefined', presence('<note>&nbsp;</note>'), /undefined entity/],
  ['a reference to a character XML has not', presence('<note>&#0;</note>'), /malformed character entity/],
  ['a reference to half a surrogate pair', presence('<note>&#xD83D;</note>'), /malformed character entity/],
  ['a control character', presence('<note>\u0007</note>'), /disallowed character/],
  [
    'a control character that XML 1.1 allows by reference',
    `<?xml version="1.1"?>${presence('<note>&#1;</note>').slice(39)}`,
    /malformed/,
  ],
  ['another root', '<atom xmlns="urn:ietf:params:xml:ns:pidf" entity="x"/>', /root element is not presence/],
  ['no namespace', '<presence entity="x"/>', /presence is not in namespace urn:ietf:params:xml:ns:pidf/],
  ['another namespace', '<presence xmlns="urn:ietf:params:xml:ns:pidf:x" entity="x"/>', /not in namespace/],
  ['no entity', '<presence xmlns="urn:ietf:params:xml:ns:pidf"/>', /without entity/],
  ['a tuple without id', presence('<tuple><status/></tuple>'), /tuple without id/],
  ['a tuple with an empty id', presence('<tuple id=""><status/></tuple>'), /tuple without id/],
  ['two status in a tuple', presence('<tuple id="a"><status/><status/></tuple>'), /more than one status/],
  [
    'two basic in a status',
    presence('<tuple id="a"><status><basic>open</basic><basic>open</basic></status></tuple>'),
    /more than one basic/,
  ],
  ['a basic that is neither', presence(tuple('a', 'OPEN')), /basic is neither open nor closed/],
  ['an empty basic', presence(tuple('a', '')), /basic is neither open nor closed/],
  ['an element in a basic', presence(tuple('a', 'open<b/>')), /basic holds an element/],
  ['a document type', `<!DOCTYPE presence>${presence(tuple('a'))}`, /not well-formed|DOCTYPE not allowed/],
  ['a document type with entities', `<!DOCTYPE p [<!ENTITY a "b">]>${presence('').slice(39)}`, /^DOCTYPE not allowed$/],
  [
    'another encoding',
    presence('<note>\u00e9</note>').replace('UTF-8', 'ISO-8859-1'),
    /encoding ISO-8859-1 not supported/,
  ],
  ['EBCDIC', presence(tuple('a')).replace('UTF-8', 'IBM037'), /encoding IBM037 not supported/],
];

for (const [what, body, reason] of refused) {
  test(`${what} is refused with its reason`, () => {
    assert.match(reasonFor(body), reason);
  });
}

test('a body in UTF-16 is refused as such, with a byte order mark and without', () => {
  const text = presence(tuple('a')).replace('UTF-8', 'UTF-16');
  const little = Buffer.from(text, 'utf16le');
  const marked = Buffer.concat([Buffer.from([0xff, 0xfe]), little]);
  const big = Buffer.from(marked).swap16();
  for (const body of [little, marked, big]) assert.equal(reasonFor(body), 'encoding UTF-16 not supported');
});

test('bytes that are not UTF-8 are refused, overlong forms and surrogates included', () => {
  for (const bytes of [[0xe9], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]]) {
    const [head, tail] = presence('<note>|</note>').split('|');
    const body = Buffer.concat([Buffer.from(head ?? ''), Buffer.from(bytes), Buffer.from(tail ?? '')]);
    assert.equal(reasonFor(body), 'body is not UTF-8');
  }
});

test('a byte order mark, a single-byte encoding of ASCII and XML 1.1 are accepted, but not sent on', () => {
  const body = presence(tuple('a'));
  assert.equal(standsFor(body), alice);
  assert.equal(standsFor(`\ufeff${body}`), undefined);
  assert.equal(standsFor(body.replace('UTF-8', 'us-ascii')), undefined);
  assert.equal(standsFor(body.replace('UTF-8', 'iso-8859-1')), undefined);
  assert.equal(standsFor(body.replace('version="1.0"', 'version="1.1"')), undefined);
  assert.equal(standsFor(body.replace('UTF-8', 'utf-8')), alice);
});

test('a reason is one short printable line whatever the body holds', () => {
  const hostile = [
    `<a:\u00e9\r\nX: y/>`,
    `<p:presence xmlns="x" ${'a'.repeat(3000)}:b=""/>`,
    `<?xml version="1.0" encoding="x${'y'.repeat(500)}"?><p/>`,
    presence('<\u202e/>'),
  ];
  for (const body of hostile) assert.match(reasonFor(body), /^[\x20-\x7e]{1,100}$/);
});

test('any entity is accepted: clients write sip:, pres:, and Kamailio once wrote a bare name', () => {
  for (const entity of ['pres:alice@example.com', 'alice', '', 'sip:alice@example.com:5070;transport=tcp']) {
    assert.equal(standsFor(presence(tuple('a'), '', entity)), entity);
  }
});

test('names from the prototype chain are names like any other', () => {
  const body = presence(
    '<tuple id="__proto__"><status><basic>open</basic></status><__proto__:constructor xmlns:__proto__="urn:x" __proto__="1" hasOwnProperty="2" toString="3"/></tuple>',
  );
  assert.equal(standsFor(body), alice);
  assert.equal(({} as Record<string, unknown>).constructor, Object);
});

test('depth, elements and attributes are bounded', () => {
  const nested = (depth: number) => presence('<x xmlns="u">'.repeat(depth - 1) + '</x>'.repeat(depth - 1));
  assert.equal(inspect(Buffer.from(nested(32))).ok, true);
  assert.equal(reasonFor(nested(33)), 'elements nested too deep');
  assert.equal(inspect(Buffer.from(presence('<note/>'.repeat(1023)))).ok, true);
  assert.equal(reasonFor(presence('<note/>'.repeat(1024))), 'too many elements');
  const attributes = (count: number) => Array.from({ length: count }, (_, i) => ` a${i}="0000"`).join('');
  assert.equal(inspect(Buffer.from(presence(`<note${attributes(1020)}/>`))).ok, true);
  assert.equal(reasonFor(presence(`<note${attributes(1025)}/>`)), 'too many attributes');
  assert.equal(reasonFor(presence(`<note${attributes(600)}/><note${attributes(600)}/>`)), 'too many attributes');
});

test('after a body that was refused the next one is read as if nothing had been', () => {
  for (const [, bad] of refused) {
    reasonFor(bad);
    assert.equal(standsFor(fixture('presload')), alice);
  }
});

test('a body says for whom it can go out unchanged', () => {
  for (const name of [
    'presload',
    'twinkle-open',
    'libpurple-open',
    'libpurple-closed',
    'linphone-online',
    'pjsua-online',
    'sipjs-open',
  ]) {
    assert.equal(standsFor(fixture(name)), alice, name);
  }
  assert.equal(standsFor(fixture('sofia-open')), 'pres:alice@example.com');
});

test('elements of RPID beside the persons need no id', () => {
  assert.equal(standsFor(presence(`${tuple('a')}<rpid:mood/><rpid:sphere/>`, rpid)), alice);
});

const rewritten: [what: string, body: string][] = [
  ['holds no tuple', presence('<note>x</note>')],
  ['holds no basic', presence('<tuple id="a"><status/></tuple>')],
  ['says unknown as its basic', presence(tuple('a', 'unknown') + tuple('b'))],
  ['has blanks around its basic', presence(tuple('a', ' open '))],
  ['has a tuple without status', presence(`<tuple id="a"/>${tuple('b')}`)],
  ['has a note before a tuple', presence(`<note/>${tuple('a')}`)],
  ['has a person before a tuple', presence(`<dm:person id="p"/>${tuple('a')}`, dm)],
  ['has a timestamp before a note', presence(tuple('a', 'open', '<timestamp/><note/>'))],
  ['has an extension after a contact', presence(tuple('a', 'open', '<contact/><x xmlns="u"/>'))],
  [
    'has an extension before basic',
    presence('<tuple id="a"><status><x xmlns="u"/><basic>open</basic></status></tuple>'),
  ],
  ['has text between elements', presence(`x${tuple('a')}`)],
  ['has text in a tuple', presence(tuple('a', 'open', 'x'))],
  ['has text in a status', presence('<tuple id="a"><status>x<basic>open</basic></status></tuple>')],
  ['gives an id to two tuples', presence(tuple('a') + tuple('a'))],
  ['gives an id to a tuple and a person', presence(`${tuple('a')}<dm:person id="a"/>`, dm)],
  [
    'gives an id to a person and to its mood',
    presence(`${tuple('t')}<dm:person id="a"><rpid:mood id="a"/></dm:person>`, dm + rpid),
  ],
  ['has a person without id', presence(`${tuple('a')}<dm:person/>`, dm)],
  ['has a language on the root', presence(tuple('a'), ' xml:lang="de"')],
  [
    'uses another prefix for RPID',
    presence(tuple('a', 'open', '<r:class xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"/>')),
  ],
  ['uses a prefix for PIDF', presence(`${tuple('a')}<p:note xmlns:p="urn:ietf:params:xml:ns:pidf"/>`)],
  ['holds a comment', presence(`<!-- <basic>closed</basic> -->${tuple('a')}`)],
  ['holds an instruction', presence(`<?x y?>${tuple('a')}`)],
  ['holds CDATA', presence(tuple('a', 'open', '<note><![CDATA[x]]></note>'))],
];

for (const [what, body] of rewritten) {
  test(`a body that ${what} is accepted and has to be rewritten`, () => {
    assert.equal(standsFor(body), undefined);
  });
}
