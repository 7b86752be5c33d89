// Holds the short way through XML against saxes: what it reads to the end is well-formed, and was handed over in the same parts.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { xmlLimits } from '../../../modules/presence_xml/reader';
import { PlainScanner } from '../../../modules/presence_xml/scan';
import { dm, fixture, fixtureNames, presence, rpid, tuple } from './pidf';

const scanner = new PlainScanner();

/** What a document is, part by part; undefined when this is not the way to read it. */
function scanned(document: string): string[] | undefined {
  const parts: string[] = [];
  const read = scanner.scan(
    document,
    {
      begin: () => assert.fail('who asks has begun'),
      open({ prefix, local, uri, attributes, declarations }, end) {
        const values = attributes.map((a) => `${a.prefix}:${a.local}{${a.uri}}=${JSON.stringify(a.value)}`);
        const declared = declarations.map((d) => `${d.prefix}=${d.uri}`);
        parts.push(`<${prefix}:${local}{${uri}} ${values.join()} ${declared.join()}>${end}`);
      },
      close: () => parts.push('</>'),
      text: (text) => parts.push(JSON.stringify(text)),
      odd: () => assert.fail('odd documents are not for it'),
    },
    xmlLimits,
  );
  return read ? parts : undefined;
}

/** The same told by saxes; throws when the document is not well-formed. */
function parsed(document: string): string[] {
  const parts: string[] = [];
  const parser = new SaxesParser({ xmlns: true, forceXMLVersion: true, defaultXMLVersion: '1.0' });
  let depth = 0;
  const unexpected = (what: string) => () => assert.fail(`${what} is not for it`);
  parser.on('comment', unexpected('a comment'));
  parser.on('processinginstruction', unexpected('an instruction'));
  parser.on('doctype', unexpected('a DOCTYPE'));
  parser.on('cdata', unexpected('CDATA'));
  parser.on('xmldecl', ({ version, encoding = 'utf-8' }) => {
    assert.equal(version, '1.0');
    assert.equal(encoding.toLowerCase(), 'utf-8');
  });
  parser.on('opentag', ({ prefix, local, uri, attributes, ns }) => {
    depth++;
    const values: string[] = [];
    const declared: string[] = [];
    for (const a of Object.values(attributes)) {
      if (a.name === 'xmlns') declared.push(`=${ns['']}`);
      else if (a.prefix === 'xmlns') declared.push(`${a.local}=${ns[a.local]}`);
      else values.push(`${a.prefix}:${a.local}{${a.uri}}=${JSON.stringify(a.value)}`);
    }
    parts.push(`<${prefix}:${local}{${uri}} ${values.join()} ${declared.join()}>${parser.position}`);
  });
  parser.on('closetag', () => {
    depth--;
    parts.push('</>');
  });
  parser.on('text', (text) => {
    if (depth > 0) parts.push(JSON.stringify(text));
  });
  parser.write(document).close();
  return parts;
}

function agrees(document: string): boolean {
  const parts = scanned(document);
  if (parts !== undefined) assert.deepEqual(parsed(document), parts, document);
  return parts !== undefined;
}

test('the bodies of all phones are read the short way, and told as saxes tells them', () => {
  const longWay = fixtureNames.filter((name) => !agrees(fixture(name).toString()));
  assert.deepEqual(longWay, ['rich'], 'rich holds a comment, references and CDATA');
});

const plain: [what: string, document: string][] = [
  ['single quotes', presence("<note a='\"'/>")],
  ['line ends of Windows', presence('<note\r\n\tid="x"\r\n>a\r\nb\rc\n</note\r\n>\r\n').replaceAll('\n', '\r\n')],
  ['text of all planes', presence('<note lang="é邪🙏">é邪🙏\u0085\u2028\ufffd</note>')],
  ['brackets', presence('<contact x="]]>">sip:[::1]]]]</contact>')],
  ['a language and blanks around a tag', `${presence('<note xml:lang="de" >x</note >')}\n\n`],
  ['namespaces declared anew', presence(`<x xmlns="u"><y xmlns="v" xmlns:a="w" a:b="" b=""/><z/></x>${tuple('a')}`)],
  ['no declaration', presence(tuple('a'), dm + rpid).slice(39)],
  ['names from the prototype chain', presence('<__proto__:constructor xmlns:__proto__="u" toString="1"/>')],
];

for (const [what, document] of plain) {
  test(`the short way knows ${what}`, () => {
    assert.ok(agrees(document), document);
  });
}

const strange: [what: string, document: string][] = [
  ['a reference', presence('<note>&amp;</note>')],
  ['a line feed in a value', presence('<note a="\n"/>')],
  ['another version', presence('').replace('1.0', '1.1')],
  ['another encoding', presence('').replace('UTF-8', 'us-ascii')],
  ['a byte order mark', `\ufeff${presence('')}`],
  ['an attribute twice', presence('<note a="1" a="2"/>')],
  ['an attribute twice by two prefixes', presence('<x xmlns:a="u" xmlns:b="u" a:i="" b:i=""/>')],
  ['a namespace declared twice', presence('<x xmlns:a="u" xmlns:a="u"/>')],
  ['a prefix that is not declared', presence('<a:x/>')],
  ['a prefix out of its element', presence('<x xmlns:a="u"/><a:x/>')],
  ['a prefix declared empty', presence('<x xmlns:a=""/>')],
  ['a namespace that saxes trims', presence('<x xmlns:a=" u "/>')],
  ['xmlns as a prefix', presence('<xmlns:x/>')],
  ['xml declared', presence('<x xmlns:xml="http://www.w3.org/XML/1998/namespace"/>')],
  ['a namespace of XML itself', presence('<x xmlns:a="http://www.w3.org/2000/xmlns/"/>')],
  ['an end of CDATA', presence('<note>]]]></note>')],
  ['a character XML has not', presence('<note>\ufffe</note>')],
  ['a control character', presence('<note a="\u0001"/>')],
  ['a value without a blank before the next', presence('<note a="1"b="2"/>')],
  ['two roots', `${presence('')}<x/>`],
  ['a tag that is closed by a longer name', presence('<note></notes>')],
  ['a tag that is closed by a shorter name', presence('<note></not>')],
  ['too many attributes', presence(`<note${Array.from({ length: 17 }, (_, i) => ` a${i}=""`).join('')}/>`)],
  ['too many namespaces', presence(`<note${Array.from({ length: 16 }, (_, i) => ` xmlns:a${i}="u"`).join('')}/>`)],
  ['too many elements', presence('<note/>'.repeat(1024))],
  ['elements too deep', presence('<a>'.repeat(32) + '</a>'.repeat(32))],
];

for (const [what, document] of strange) {
  test(`a document with ${what} is left to saxes`, () => {
    assert.equal(scanned(document), undefined);
  });
}

/** What turns one document into another kind, or into none. */
const tokens = [
  ...'<>/"\'=&]:-. \n\r\tx;!?',
  ...['\r\n', ']]>', '</', '/>', '&amp;', '<!--x-->', '<?x y?>', '<![CDATA[x]]>', '<!DOCTYPE x>', '\ufeff'],
  ...[
    '<a>',
    '</a>',
    '<a/>',
    '<p:a/>',
    '<p:a xmlns:p="u">',
    '</p:a>',
    '</presence>',
    '</tuple>',
    '<xmlns:a/>',
    '<xml:a/>',
  ],
  ...[
    ' a="1"',
    " b='2'",
    ' id="a"',
    ' p:a="1"',
    ' q:a=""',
    ' xml:lang="x"',
    ' xml:id="i"',
    ' xmlns:a',
    ' a = "b"',
    ' :a=""',
  ],
  ...[' xmlns="u"', ' xmlns=""', ' xmlns:p="u"', ' xmlns:q="u"', ' xmlns:p=" u"', ' xmlns:xml="x"', ' xmlns:xmlns="x"'],
  ...[' xmlns:p="http://www.w3.org/XML/1998/namespace"', ' xmlns="http://www.w3.org/2000/xmlns/"', ' xmlns:dm="v"'],
  ...[
    '\u0000',
    '\u0001',
    '\u007f',
    '\u0085',
    '\u00a0',
    '\u00b7',
    'é',
    '\u0300',
    '\u2028',
    '\u200c',
    '\ufffd',
    '\ufffe',
    '🙏',
  ],
  ...['standalone="yes"', 'version="1.1"', 'encoding="UTF-16"', '<?xml version="1.0"?>', '__proto__', 'xmlns', 'xml'],
];

/** Before which character, '' for any, how much goes and what comes. */
const edit = fc.record({
  before: fc.constantFrom('', '<', '>', '"', ' '),
  which: fc.nat(),
  removed: fc.constantFrom(0, 0, 0, 0, 1, 2, 8),
  added: fc.constantFrom(...tokens),
});

const bases = [...fixtureNames.map((name) => fixture(name).toString()), ...plain.map(([, document]) => document)];

function edited(document: string, edits: { before: string; which: number; removed: number; added: string }[]): string {
  let text = document;
  for (const { before, which, removed, added } of edits) {
    const places = [...text.matchAll(new RegExp(before, 'g'))];
    const place = places[which % places.length]?.index ?? 0;
    text = text.slice(0, place) + added + text.slice(place + removed);
  }
  return text;
}

const seed = 38_630_448;
/** ROLLCALL_FUZZ=100 goes through a hundred times as many. */
const factor = Number(process.env.ROLLCALL_FUZZ ?? 1);

test('of documents with a few odd pieces the short way takes none that saxes refuses or tells otherwise', () => {
  let taken = 0;
  const runs = 20_000 * factor;
  fc.assert(
    fc.property(fc.constantFrom(...bases), fc.array(edit, { minLength: 1, maxLength: 3 }), (base, edits) => {
      // Lone surrogates do not come out of UTF-8.
      if (agrees(Buffer.from(edited(base, edits)).toString())) taken++;
    }),
    { seed, numRuns: runs },
  );
  assert.ok(taken > runs / 20, `only ${taken} of ${runs} were of its form`);
});

test('of documents put together from pieces the short way takes none that saxes refuses or tells otherwise', () => {
  let taken = 0;
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...tokens), { maxLength: 8 }), (list) => {
      for (const document of [
        `<r xmlns:q="u"${list.join('')}></r>`,
        `<r xmlns:q="u">${list.join('')}</r>`,
        list.join(''),
      ]) {
        if (agrees(document)) taken++;
      }
    }),
    { seed, numRuns: 20_000 * factor },
  );
  assert.ok(taken > 1000, `only ${taken}`);
});
