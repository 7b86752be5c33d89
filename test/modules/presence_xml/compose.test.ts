// Holds composition: one valid document of all publications, nothing lost that nobody replaced, the same every time.
import assert from 'node:assert/strict';
import test from 'node:test';
import { composePidf } from '../../../modules/presence_xml/compose';
import { inspect } from '../../../modules/presence_xml/inspect';
import { alice, compose, dm, fixture, fixtureNames, itemsOf, presence, published, read, rpid, tuple } from './pidf';

const closed = `<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com">
<tuple id="closed"><status><basic>closed</basic></status></tuple>
</presence>
`;

test('nothing published gives the closed document, always the same', () => {
  assert.equal(compose(), closed);
  assert.deepEqual(inspect(Buffer.from(closed)), { ok: true, standsFor: alice });
});

test('a single publication in the right form goes out byte for byte, without a copy', () => {
  const publication = published(fixture('presload'));
  assert.equal(composePidf(alice, [publication]), publication.body);
});

test('a body is not sent on for another presentity than its own', () => {
  const composed = composePidf('sip:bob@example.com', [published(fixture('presload'))]).toString();
  assert.equal(read(composed).entity, 'sip:bob@example.com');
  assert.ok(!composed.includes('entity="sip:alice'));
});

test('the presentity is escaped, and characters that XML has not are replaced', () => {
  const composed = composePidf('sip:a&"<b\u0001\ud800c@example.com', []).toString();
  assert.equal(read(composed).entity, 'sip:a&"<b\ufffd\ufffdc@example.com');
});

/** Fixtures of which composition has more to mend than the order of the items; each has a test of its own. */
const mended = new Set(['baresip-unknown', 'foreign-prefixes', 'pjsua-busy', 'rich']);

for (const name of fixtureNames) {
  test(`fixture ${name} means the same before and after it is rewritten`, () => {
    const body = fixture(name);
    // Another presentity, so that no body can simply be sent on.
    const composed = composePidf('sip:bob@example.com', [published(body)]);
    assert.equal(read(composed).entity, 'sip:bob@example.com');
    const inspection = inspect(composed);
    assert.deepEqual(inspection, { ok: true, standsFor: 'sip:bob@example.com' });
    if (!mended.has(name)) {
      assert.deepEqual(read(composed).items.toSorted(), read(body).items.toSorted());
    }
    assert.equal(composePidf('sip:bob@example.com', [published(composed)]).toString(), composed.toString());
  });
}

test('everything a rich client says is kept, with its prefixes, and the ids it used twice are told apart', () => {
  const composed = compose(fixture('rich'));
  const before = read(fixture('rich'));
  const after = read(composed);
  assert.deepEqual(
    after.items.map((item) => item.replace('|id="p1"', '')).toSorted(),
    before.items.map((item) => item.replace('|id="p1"', '')).toSorted(),
  );
  for (const literal of [
    '<rpid:away/>',
    '<ts:timed-status from="2026-11-20T12:00:00Z" until="2026-11-20T13:00:00Z"><basic>closed</basic></ts:timed-status>',
    '<cipid:display-name>Alice</cipid:display-name>',
    '<caps:video>false</caps:video>',
    '<lt:residence xsi:type="lt:Home"/>',
    'xmlns:lt="urn:example:location-type"',
    'xsi:schemaLocation="urn:ietf:params:xml:ns:pidf pidf.xsd"',
    '<z:inner><own xmlns="">plain</own></z:inner>',
    'x:level="3" y="&quot;&lt;&#9;&#10;>"',
    'mixed <x:b>text</x:b>, kept &lt;as &amp; is&gt; </x:state>',
    '邪魔しないでください 🙏',
    '<timestamp>2026-10-27T16:49:29Z</timestamp>',
    'tcp?a=1&amp;b=2',
  ]) {
    assert.ok(composed.includes(literal), literal);
  }
});

test('the children of a tuple are put in the order of the schema: pjsua writes its note after the timestamp', () => {
  assert.equal(
    itemsOf(compose(fixture('pjsua-busy')))[0],
    '<tuple id="pj5fd40eb08a1f4d5dbb2c1b4f2b6fbf1c"><status><basic>open</basic></status>' +
      '<note>Busy</note><timestamp>2026-11-20T10:16:30.123Z</timestamp></tuple>',
  );
});

test('prefixes that clients look for are restored: none for PIDF, dm and rpid', () => {
  assert.deepEqual(itemsOf(compose(fixture('foreign-prefixes'))), [
    '<tuple id="t"><status><basic>open</basic><own xmlns="urn:example:other"/></status><rpid:class xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid">x</rpid:class></tuple>',
    '<note xml:lang="de">Bin weg</note>',
    '<dm:person xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" id="me"><rpid:activities xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"><rpid:away/></rpid:activities></dm:person>',
  ]);
});

test('a customary prefix that a document uses for something else stays what it is there', () => {
  const body = presence(
    `${tuple('a', 'open', '<r:class>x</r:class><rpid:own/>')}`,
    ' xmlns:rpid="urn:example:own" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" xml:lang="en"',
  );
  assert.deepEqual(read(compose(body)).items, read(body).items);
  assert.match(compose(body), /<r:class>x<\/r:class><rpid:own\/>/);
});

test('items come in the order of the schema, the newest content of each kind first', () => {
  const of = (n: number) =>
    presence(
      `<x:o xmlns:x="u">${n}</x:o><dm:device id="d${n}"/><dm:person id="p${n}"/><note>n${n}</note>${tuple(`t${n}`)}`,
      dm,
    );
  assert.deepEqual(itemsOf(compose(of(1), of(2))), [
    tuple('t2'),
    tuple('t1'),
    '<note>n2</note>',
    '<note>n1</note>',
    '<dm:person id="p2"/>',
    '<dm:person id="p1"/>',
    '<dm:device id="d2"/>',
    '<dm:device id="d1"/>',
    '<x:o xmlns:x="u">2</x:o>',
    '<x:o xmlns:x="u">1</x:o>',
  ]);
});

test('what is newest is said by the sequence, not by the order of the list, the tag or the time', () => {
  const [a, b, c] = [1, 2, 3].map((n) => published(presence(tuple(`t${n}`)), n));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const expected = composePidf(alice, [c, b, a]).toString();
  for (const list of [
    [a, b, c],
    [b, a, c],
    [a, c, b],
  ]) {
    assert.equal(composePidf(alice, list).toString(), expected);
  }
  const refreshed = [{ ...a, etag: 'new', changedAt: 0 }, b, c];
  assert.equal(composePidf(alice, refreshed).toString(), expected);
});

test('of one tuple id in two publications the newer tuple stands, and the rest of the older document stays', () => {
  const older = presence(
    `${tuple('t', 'open')}${tuple('u', 'open')}<note>old</note><dm:person id="p"><dm:note>old</dm:note></dm:person>`,
    dm,
  );
  const newer = presence(`${tuple('t', 'closed')}<dm:person id="p"><dm:note>new</dm:note></dm:person>`, dm);
  assert.deepEqual(itemsOf(compose(older, newer)), [
    tuple('t', 'closed'),
    tuple('u', 'open'),
    '<note>old</note>',
    '<dm:person id="p"><dm:note>new</dm:note></dm:person>',
  ]);
});

test('an id that two kinds of element share is changed on the older one, so that ids are unique', () => {
  const older = presence(`${tuple('a')}<dm:person id="b"><rpid:mood id="c"/></dm:person>`, dm + rpid);
  const newer = presence(`${tuple('b')}<dm:person id="a"/><dm:device id="c"/>`, dm);
  assert.deepEqual(itemsOf(compose(older, newer)), [
    tuple('b'),
    tuple('a-2'),
    '<dm:person id="a"/>',
    '<dm:person id="b-2"><rpid:mood id="c-2"/></dm:person>',
    '<dm:device id="c"/>',
  ]);
});

test('a changed id never takes one that somebody has', () => {
  const body = presence(`${tuple('a')}${tuple('a')}${tuple('a')}${tuple('a-2')}${tuple('a-4')}`);
  assert.deepEqual(
    read(compose(body)).ids.map(({ id }) => id),
    ['a', 'a-3', 'a-5', 'a-2', 'a-4'],
  );
});

test('an id attribute that no schema makes unique is left alone', () => {
  const body = presence(`${tuple('a')}<x:y xmlns:x="urn:example:x" id="a"/>`);
  assert.match(compose(body, presence(tuple('b'))), /<x:y xmlns:x="urn:example:x" id="a"\/>/);
});

test('a person or device without an id is given one', () => {
  const body = presence(`${tuple('t')}<dm:person/><dm:person id=""/><dm:device/>`, dm);
  assert.deepEqual(itemsOf(compose(body, body)), [
    tuple('t'),
    '<dm:person id="person"/>',
    '<dm:person id="person-2"/>',
    '<dm:person id="person-3"/>',
    '<dm:person id="person-4"/>',
    '<dm:device id="device"/>',
    '<dm:device id="device-2"/>',
  ]);
});

test('the same note in the same language stands once', () => {
  const notes = (...list: string[]) => presence(tuple('t') + list.join(''));
  const english = '<note xml:lang="en">Away</note>';
  const plain = '<note>Away</note>';
  const escaped = '<note><![CDATA[A]]>w&#97;y</note>';
  assert.deepEqual(itemsOf(compose(notes(plain, english), notes(escaped, '<note>Back</note>'))), [
    tuple('t'),
    plain,
    '<note>Back</note>',
    english,
  ]);
});

test('a prefix that two publications use for different namespaces is declared on the items of the older one', () => {
  const older = presence('<x:o id="1"/><note>n</note>', ' xmlns:x="urn:one" xmlns:y="urn:y"');
  const newer = presence(`${tuple('t')}<x:o id="2"/>`, ' xmlns:x="urn:two"');
  const composed = compose(older, newer);
  assert.match(composed, /<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:x="urn:two" xmlns:y="urn:y" entity=/);
  assert.deepEqual(itemsOf(composed), [
    tuple('t'),
    '<note xmlns:x="urn:one">n</note>',
    '<x:o id="2"/>',
    '<x:o xmlns:x="urn:one" id="1"/>',
  ]);
});

test('a document without any basic gets the closed tuple, last of its tuples', () => {
  assert.deepEqual(itemsOf(compose(presence('<note>x</note>'))), [tuple('closed', 'closed'), '<note>x</note>']);
  assert.deepEqual(itemsOf(compose(presence('<tuple id="closed"><status/></tuple>'))), [
    '<tuple id="closed"><status/></tuple>',
    tuple('closed-2', 'closed'),
  ]);
});

test('a basic of unknown is left out', () => {
  assert.deepEqual(itemsOf(compose(presence(tuple('a', 'unknown')), presence(tuple('b')))), [
    tuple('b'),
    '<tuple id="a"><status/></tuple>',
  ]);
});

test('white space between elements goes, white space that is content stays', () => {
  const body = presence(`
    <tuple id="a"> <status> <basic>
      open </basic> </status>
      <note> two  words </note> <note> </note>
      <x:m xmlns:x="u"> mixed <x:b/> <x:b/> </x:m>
      <x:p xmlns:x="u" xml:space="preserve"> <x:b/> </x:p>
    </tuple>`);
  assert.deepEqual(itemsOf(compose(body)), [
    '<tuple id="a"><status><basic>open</basic></status>' +
      '<x:m xmlns:x="u"> mixed <x:b/> <x:b/> </x:m><x:p xmlns:x="u" xml:space="preserve"> <x:b/> </x:p>' +
      '<note> two  words </note><note> </note></tuple>',
  ]);
});

test('the language of a root goes with its notes and extensions, unless they have their own', () => {
  const german = presence(
    `${tuple('t', 'open', '<note>Hallo</note>')}<note xml:lang="en">Hi</note><x:y xmlns:x="u"/>`,
    ' xml:lang="de"',
  );
  assert.deepEqual(itemsOf(compose(german, presence(tuple('u')))), [
    tuple('u'),
    tuple('t', 'open', '<note xml:lang="de">Hallo</note>'),
    '<note xml:lang="en">Hi</note>',
    '<x:y xmlns:x="u" xml:lang="de"/>',
  ]);
});

test('a stored body that would be refused today is left out, the others stand', () => {
  const bad = ['<presence', '', '<html/>', `<!DOCTYPE x>${presence(tuple('z'))}`];
  assert.equal(compose(...bad), closed);
  assert.deepEqual(itemsOf(compose(...bad, presence(tuple('t')))), [tuple('t')]);
});

test('namespaces that would have to be declared again and again cannot blow a document up', () => {
  const long = 'u'.repeat(8000);
  const alternating = `<p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" xmlns="${long}" entity="x">${'<a/>'.repeat(1000)}</p:presence>`;
  assert.equal(compose(alternating), closed);
  const clashing = (n: number) => presence('<note/>'.repeat(1000), ` xmlns:x="${long}${n}"`);
  assert.ok(compose(clashing(1), clashing(2)).length < 40_000);
});

test('two publications with the same content compose like one', () => {
  for (const name of fixtureNames) {
    const body = fixture(name);
    if (name !== 'rich') assert.deepEqual(read(compose(body, body)).items, read(compose(body)).items, name);
  }
});
