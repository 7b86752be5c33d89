// Holds check and composition against documents nobody thought of: random ones from several publishers, and broken bytes.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { composePidf } from '../../../modules/presence_xml/compose';
import { inspect } from '../../../modules/presence_xml/inspect';
import { readXml, xmlLimits } from '../../../modules/presence_xml/reader';
import { broken } from '../../support/broken';
import { alice, fixture, fixtureNames, published, read } from './pidf';

const PIDF = 'urn:ietf:params:xml:ns:pidf';
const DM = `${PIDF}:data-model`;
const RPID = `${PIDF}:rpid`;
const seed = 20_061_124;

interface Node {
  uri: string;
  local: string;
  attributes: [string, string][];
  children: (Node | string)[];
}

/** How one publisher writes: its prefix for each namespace, its way with text, its layout. */
interface Style {
  prefixes: Record<string, string>;
  cdata: boolean;
  references: boolean;
  layout: string;
  /** true: everything is declared on the root, false: each element declares what it needs. */
  hoist: boolean;
}

const character = fc.constantFrom(...'ab <>&"\']é\t\n\r邪🙏', 'x]]>y', '  ');
const text = fc.array(character, { maxLength: 6 }).map((list) => list.join(''));
const id = fc.constantFrom('a', 'b', 'c', 'a-2', '__proto__', 'closed');
const element = (uri: string, local: string, attributes: [string, string][], children: Node['children']): Node => ({
  uri,
  local,
  attributes,
  children,
});

const extension: fc.Arbitrary<Node> = fc.letrec<{ node: Node }>((tie) => ({
  node: fc
    .record({
      uri: fc.constantFrom('urn:example:one', 'urn:example:two', '', RPID),
      local: fc.constantFrom('x', 'constructor', 'away', 'note'),
      attributes: fc.uniqueArray(fc.tuple(fc.constantFrom('p', 'q', 'id'), text), { selector: ([name]) => name }),
      children: fc.array(fc.oneof({ maxDepth: 3 }, text, tie('node')), { maxLength: 3 }),
    })
    .map(({ uri, local, attributes, children }) => element(uri, local, attributes, children)),
})).node;

const note = text.map((content) => element(PIDF, 'note', [], content === '' ? [] : [content]));

const tuple = fc
  .record({
    id,
    basic: fc.constantFrom('open', 'closed'),
    inStatus: fc.array(extension, { maxLength: 1 }),
    inTuple: fc.array(extension, { maxLength: 2 }),
    notes: fc.array(note, { maxLength: 2 }),
  })
  .map((t) => {
    const basic = element(PIDF, 'basic', [], [t.basic]);
    return element(
      PIDF,
      'tuple',
      [['id', t.id]],
      [element(PIDF, 'status', [], [basic, ...t.inStatus]), ...t.inTuple, ...t.notes],
    );
  });

const person = fc
  .tuple(fc.constantFrom('person', 'device'), id, fc.array(extension, { maxLength: 2 }))
  .map(([local, value, children]) => element(DM, local, [['id', value]], children));

const items = fc.array(fc.oneof(tuple, note, person, extension), { maxLength: 6 });

const style: fc.Arbitrary<Style> = fc
  .record({
    names: fc.shuffledSubarray(['', 'p', 'dm', 'rpid', 'x', 'ns'], { minLength: 5, maxLength: 5 }),
    cdata: fc.boolean(),
    references: fc.boolean(),
    layout: fc.constantFrom('', '\n  ', '\r\n\t'),
    hoist: fc.boolean(),
  })
  .map(({ names, ...rest }) => {
    const namespaces = [PIDF, DM, RPID, 'urn:example:one', 'urn:example:two'];
    // An element in no namespace can only be written without a prefix.
    return { ...rest, prefixes: Object.fromEntries(namespaces.map((uri, i) => [uri, names[i] ?? ''])) };
  });

function write(list: Node[], { prefixes, cdata, references, layout, hoist }: Style): string {
  const reference = (c: string) => `&#${c.codePointAt(0)};`;
  const escaped = (value: string) =>
    references ? value.replace(/[^\x20-\x7e]|[<>&"\]]/gu, reference) : value.replace(/[<>&"\t\n\r]/g, reference);
  const content = (value: string) => {
    // A CR or a "]]>" cannot stand in CDATA.
    return cdata && !/\r|\]\]>/.test(value) ? `<![CDATA[${value}]]>` : escaped(value);
  };
  const declare = (uri: string) => {
    const prefix = prefixes[uri] ?? '';
    return ` xmlns${prefix === '' ? '' : `:${prefix}`}="${uri}"`;
  };
  const one = (node: Node, root: boolean): string => {
    const prefix = prefixes[node.uri] ?? '';
    const name = prefix === '' ? node.local : `${prefix}:${node.local}`;
    const declared =
      root && hoist ? Object.keys(prefixes).map(declare).join('') : prefix === '' || !hoist ? declare(node.uri) : '';
    const attributes = node.attributes.map(([key, value]) => ` ${key}="${escaped(value)}"`).join('');
    const inner = node.children.map((child) => (typeof child === 'string' ? content(child) : one(child, false)));
    const laidOut = node.children.every((child) => typeof child !== 'string');
    return `<${name}${declared}${attributes}>${inner.join(laidOut ? layout : '')}</${name}>`;
  };
  return one(element(PIDF, 'presence', [['entity', 'pres:someone@example.com']], list), true);
}

const publications = fc.array(fc.tuple(items, style), { minLength: 1, maxLength: 5 });

/** What has to survive: newest first, of one kind and id the newest publication's, of equal notes one. Written plainly. */
function survivors(newestFirst: string[]): string[] {
  const owners = new Map<string, number>();
  const notes = new Set<string>();
  return newestFirst.flatMap((body, publication) =>
    read(body).items.filter((item) => {
      const kind = /^<\{urn:ietf:params:xml:ns:pidf(?::data-model)?\}(tuple|note|person|device)\b/.exec(item)?.[1];
      if (kind === 'note') return !notes.has(item) && notes.add(item);
      const own = /^[^>]*?\|id=("(?:[^"\\]|\\.)*")/.exec(item)?.[1];
      if (kind === undefined || own === undefined) return true;
      const owner = owners.get(kind + own) ?? publication;
      owners.set(kind + own, owner);
      return owner === publication;
    }),
  );
}

/** Ids that the schema makes unique may have been changed; everything else may not. */
const withoutIds = (item: string) => item.replace(/\|id="(?:[^"\\]|\\.)*"/g, '|id');

const closedTuple = read(composePidf(alice, []).toString()).items[0] ?? '';

test('random documents of several publishers compose into one that is valid and holds what survives', () => {
  fc.assert(
    fc.property(publications, (list) => {
      const bodies = list.map(([nodes, how]) => write(nodes, how));
      for (const body of bodies) assert.deepEqual(inspect(Buffer.from(body)).ok, true, body);
      const composed = composePidf(
        alice,
        bodies.map((body, index) => published(body, index + 1)),
      );
      assert.equal(inspect(composed).ok, true, composed.toString());

      const reading = read(composed);
      const unique = reading.ids
        .filter(({ element: e }) => /\}(tuple|person|device)$|:rpid\}/.test(e))
        .map((i) => i.id);
      assert.equal(new Set(unique).size, unique.length, composed.toString());

      const expected = survivors(bodies.toReversed());
      if (!expected.some((item) => item.startsWith(`<{${PIDF}}tuple `))) expected.push(closedTuple);
      assert.deepEqual(
        reading.items.map(withoutIds).toSorted(),
        expected.map(withoutIds).toSorted(),
        composed.toString(),
      );
    }),
    { seed, numRuns: 1000 },
  );
});

test('composition is the same for every order of the list, every tag, every time and every repetition', () => {
  fc.assert(
    fc.property(publications, fc.nat(), (list, turn) => {
      const documents = list.map(([nodes, how], index) => published(write(nodes, how), index + 1));
      const expected = composePidf(alice, documents).toString();
      const at = turn % documents.length;
      const turned = [...documents.slice(at), ...documents.slice(0, at)];
      const refreshed = turned.map((d) => ({ ...d, etag: `${d.etag}x`, body: Buffer.from(d.body), changedAt: turn }));
      assert.equal(composePidf(alice, refreshed).toString(), expected);
      assert.equal(composePidf(alice, documents).toString(), expected);
    }),
    { seed, numRuns: 300 },
  );
});

test('broken bytes are refused with a reason or composed, and never throw', () => {
  fc.assert(
    fc.property(broken(fixtureNames.map(fixture)), (body) => {
      const inspection = inspect(body);
      if (!inspection.ok) assert.match(inspection.reason, /^[\x20-\x7e]{1,100}$/);
      const composed = composePidf(alice, [published(body), published(fixture('presload'), 2)]);
      assert.equal(inspect(composed).ok, true, composed.toString());
    }),
    { seed, numRuns: 3000 },
  );
});

test('a hostile body of 60 kB causes no more events, and no longer a document, than its size allows', () => {
  const size = 60_000;
  const fill = (unit: string, before = '', after = '') => before + unit.repeat(Math.floor(size / unit.length)) + after;
  const head = `<presence xmlns="${PIDF}" entity="x">`;
  const hostile = [
    fill('<a>', head),
    fill('<a/>', head, '</presence>'),
    fill('<tuple id="a"/>', head, '</presence>'),
    fill(' a', `${head}<b`, '/></presence>'),
    fill(' xmlns:a=""', `${head}<b`),
    fill('&amp;', `${head}<note>`, '</note></presence>'),
    fill('&#x41;', `${head}<note>`, '</note></presence>'),
    fill('-', `${head}<!--`, '--></presence>'),
    fill('?', `${head}<?a `, '?></presence>'),
    fill(']', `${head}<note><![CDATA[`, ']]></note></presence>'),
    fill('\r', `${head}<note>`, '</note></presence>'),
    fill('a', '<'),
    fill(':', '<a'),
    fill('<!DOCTYPE a [<!ENTITY a "&a;">'),
    fill('</a>', head),
    fill('"', '<a b='),
    fill('<![CDATA[', head),
    fill('\u{1f64f}', `${head}<note>`, '</note></presence>'),
  ];
  for (const text of hostile) {
    const body = Buffer.from(text);
    let events = 0;
    let characters = 0;
    const reason = readXml(body, {
      begin: () => events++,
      open: () => events++,
      close: () => events++,
      odd: () => events++,
      text: (piece) => {
        events++;
        characters += piece.length;
      },
    });
    assert.ok(characters <= text.length, text.slice(0, 60));
    assert.ok(events <= 3 * xmlLimits.elements + 10, `${events} events: ${text.slice(0, 60)}`);
    const composed = composePidf(alice, [published(body)]);
    assert.ok(composed.length <= 5 * body.length + 500, `${composed.length} ${reason}: ${text.slice(0, 60)}`);
  }
});
