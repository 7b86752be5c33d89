// Owns what the tests of presence_xml share: fixtures, publications, and a reading of documents that is not the module's own.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SaxesParser } from 'saxes';
import type { PublishedDocument } from '../../../modules/presence/api';
import { composePidf } from '../../../modules/presence_xml/compose';
import { filesBelow, root } from '../../support/tree';

export const alice = 'sip:alice@example.com';

const folder = 'test/modules/presence_xml/fixtures';

/** Names of all fixtures, without `.pidf`. */
export const fixtureNames = filesBelow(folder, /\.pidf$/).map((path) => path.slice(folder.length + 1, -'.pidf'.length));

export function fixture(name: string): Buffer {
  return readFileSync(join(root, folder, `${name}.pidf`));
}

/** A publication whose content is the `sequence`-th the presentity ever had. */
export function published(body: string | Buffer, sequence = 1): PublishedDocument {
  return { etag: `e${sequence}`, body: Buffer.from(body), changedAt: 1_790_000_000 + sequence, sequence };
}

/** Wraps items in a `presence` element that declares `namespaces` beside PIDF's. */
export function presence(items: string, namespaces = '', entity = alice): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf"${namespaces} entity="${entity}">${items}</presence>`;
}

export const dm = ' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"';
export const rpid = ' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"';

export function tuple(id: string, basic = 'open', more = ''): string {
  return `<tuple id="${id}"><status><basic>${basic}</basic></status>${more}</tuple>`;
}

/** Composes bodies, the last being the newest, and hands the document back as text. */
export function compose(...bodies: (string | Buffer)[]): string {
  return composePidf(
    alice,
    bodies.map((body, index) => published(body, index + 1)),
  ).toString();
}

/** The text between the root's tags, without line feeds between items. */
export function itemsOf(document: string): string[] {
  const start = document.indexOf('>', document.indexOf('<presence')) + 1;
  return document.slice(start, document.lastIndexOf('</')).trim().split('\n');
}

export interface Reading {
  entity: string;
  /** Each child of the root, in a form that says the same for every way of writing the same content. */
  items: string[];
  /** Every value of an unprefixed `id`, in document order, with the expanded name of its element. */
  ids: { element: string; id: string }[];
}

interface Open {
  name: string;
  attributes: string[];
  children: { text?: string; element?: string }[];
}

/** Reads a document with namespaces expanded, prefixes and layout gone. Throws when it is not well-formed. */
export function read(document: string | Buffer): Reading {
  const reading: Reading = { entity: '', items: [], ids: [] };
  const path: Open[] = [];
  const parser = new SaxesParser({ xmlns: true });
  const text = (piece: string) => path.at(-1)?.children.push({ text: piece });
  parser.on('opentag', (tag) => {
    const name = `{${tag.uri}}${tag.local}`;
    const attributes = Object.values(tag.attributes).filter((a) => a.prefix !== 'xmlns' && a.name !== 'xmlns');
    if (path.length === 0) reading.entity = tag.attributes.entity?.value ?? '';
    else if (tag.attributes.id !== undefined) reading.ids.push({ element: name, id: tag.attributes.id.value });
    path.push({
      name,
      attributes: attributes.map((a) => `${a.uri}|${a.local}=${JSON.stringify(a.value)}`).sort(),
      children: [],
    });
  });
  parser.on('text', text);
  parser.on('cdata', text);
  parser.on('closetag', () => {
    const element = canonical(path.pop());
    if (path.length === 1) reading.items.push(element);
    path.at(-1)?.children.push({ element });
  });
  parser.write(document.toString()).close();
  return reading;
}

function canonical(open: Open | undefined): string {
  if (open === undefined) return '';
  const { name, attributes, children } = open;
  const text = children.map((child) => child.text ?? '').join('');
  const layout = text.trim() === '' && children.some((child) => child.element !== undefined);
  const runs: string[] = [];
  let run = '';
  const flush = () => {
    if (run !== '') runs.push(JSON.stringify(run));
    run = '';
  };
  for (const child of children) {
    if (child.text !== undefined) run += layout ? '' : child.text;
    else {
      flush();
      runs.push(child.element ?? '');
    }
  }
  flush();
  return `<${[name, ...attributes].join(' ')}>${runs.join('')}</>`;
}
