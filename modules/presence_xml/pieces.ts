// Owns taking one published body apart: its tuples, notes, persons and the rest, each put in order and written as text once.
import { RecentMemo } from '../../core/api';
import type { PublishedDocument } from '../presence/api';
import { inspect } from './inspect';
import {
  customaryPrefixes,
  DATA_MODEL,
  isLanguage,
  type Kind,
  kindOf,
  PIDF,
  RPID,
  rankInStatus,
  rankInTuple,
  XML,
} from './names';
import { attributeOf } from './sink';
import { dropBlanks, elementsOf, readTree, type XmlElement } from './tree';
import { assemble, attributesText, type Fragment, FragmentWriter, Scope } from './write';

/** One child of `presence`. Its text relies on the default namespace being PIDF and on the document's `namespaces`. */
export interface Piece {
  readonly kind: Kind;
  /** The id its publisher gave it; undefined when it has none, or only one that was supplied here. */
  readonly id: string | undefined;
  readonly fragment: Fragment;
  /** The fragment with its own ids, as it stands in nearly every document. */
  readonly text: string;
  /** Holds a `basic`. */
  readonly saysBasic: boolean;
}

export interface PublishedPieces {
  /** What the root declares, by prefix; the default namespace is PIDF and not among them. */
  readonly namespaces: ReadonlyMap<string, string>;
  /** Attributes of the root beside `entity`, as text. */
  readonly attributes: string;
  readonly pieces: readonly Piece[];
}

/** How long declarations may get that have to be repeated, per document; what goes beyond is hostile and left out. */
export const declarationBudget = 16 * 1024;

const taken = new RecentMemo<Buffer, PublishedPieces | null>(4_096);

/** The pieces of a body, taken apart once. Undefined for one that has been stored and that `inspect` refuses. */
export function piecesOf(document: PublishedDocument): PublishedPieces | undefined {
  const { body } = document;
  let pieces = taken.get(body);
  if (pieces === undefined) {
    pieces = piecesAnew(document) ?? null;
    taken.set(body, pieces);
  }
  return pieces ?? undefined;
}

/** The same, not remembered. */
export function piecesAnew({ body, asIs }: PublishedDocument): PublishedPieces | undefined {
  return asIs !== undefined || inspect(body).ok ? takeApart(body) : undefined;
}

function takeApart(body: Buffer): PublishedPieces | undefined {
  const root = readTree(body);
  if (root === undefined) return undefined;
  const scope = new Scope(root.declarations, baseScope);
  const writer = new FragmentWriter(prefixesFor(root), declarationBudget + body.length);
  const language = root.attributes.find(isLanguage);
  const pieces: Piece[] = [];
  for (const element of root.children) {
    if (typeof element === 'string') continue;
    const piece = makePiece(element, writer, scope, language?.value);
    if (writer.exhausted) return undefined;
    pieces.push(piece);
  }
  const others = root.attributes.filter((attribute) => attribute.local !== 'entity' && attribute !== language);
  return { namespaces: root.declarations, attributes: attributesText(others), pieces };
}

/** What the root of every composed document declares. */
const baseScope = new Scope(
  new Map([
    ['', PIDF],
    ['xml', XML],
  ]),
);

/** The customary prefixes, without one that this document uses for something else. */
function prefixesFor(root: XmlElement): ReadonlyMap<string, string> {
  const prefixes = new Map(customaryPrefixes);
  const visit = (element: XmlElement) => {
    if ((element.declarations.get('dm') ?? DATA_MODEL) !== DATA_MODEL) prefixes.delete(DATA_MODEL);
    if ((element.declarations.get('rpid') ?? RPID) !== RPID) prefixes.delete(RPID);
    for (const child of element.children) if (typeof child !== 'string') visit(child);
  };
  visit(root);
  return prefixes;
}

function makePiece(element: XmlElement, writer: FragmentWriter, scope: Scope, language: string | undefined): Piece {
  const { uri, local, attributes } = element;
  const kind = kindOf(uri, local);
  const id = attributeOf(element, 'id');
  const published = id === undefined || id.value === '' ? undefined : id.value;
  // RFC 4479 §5 wants an id on person and device; one that was left out is supplied, and made unique later.
  if (published === undefined && (kind === 'person' || kind === 'device')) {
    if (id === undefined) attributes.push({ prefix: '', local: 'id', uri: '', value: kind });
    else id.value = kind;
  }
  if (language !== undefined) passLanguage(element, language, kind);
  const saysBasic = kind === 'tuple' && tidyTuple(element);
  dropBlanks(element);
  const fragment = writer.write(element, scope);
  return {
    kind,
    id: kind === 'note' || kind === 'other' ? undefined : published,
    fragment,
    text: assemble(fragment),
    saysBasic,
  };
}

/**
 * Passes the root's xml:lang on to what it speaks for, because the composed root has several publishers: to the notes,
 * the only elements whose schema has it, and to extensions. A longer tag is no language (RFC 5646 §4.4.1).
 */
function passLanguage(element: XmlElement, language: string, kind: Kind): void {
  if (language.length > 35 || element.attributes.some(isLanguage)) return;
  if (kind === 'other' || element.local === 'note') {
    element.attributes.push({ prefix: 'xml', local: 'lang', uri: XML, value: language });
  } else for (const child of elementsOf(element)) passLanguage(child, language, kind);
}

/** Puts a tuple into the schema's order; true when it holds a basic. */
function tidyTuple(tuple: XmlElement): boolean {
  let status = elementsOf(tuple).find((child) => child.uri === PIDF && child.local === 'status');
  if (status === undefined) {
    status = { prefix: '', local: 'status', uri: PIDF, attributes: [], declarations: new Map(), children: [] };
    tuple.children.push(status);
  }
  tuple.children = sorted(tuple, rankInTuple);
  const children = sorted(status, rankInStatus);
  const basic = children.find((child) => child.uri === PIDF && child.local === 'basic');
  const value = basic?.children.join('').trim();
  const known = value === 'open' || value === 'closed';
  if (basic !== undefined && known) basic.children = [value];
  status.children = known ? children : children.filter((child) => child !== basic);
  return known;
}

function sorted(element: XmlElement, rank: (uri: string, local: string) => number): XmlElement[] {
  return elementsOf(element).sort((a, b) => rank(a.uri, a.local) - rank(b.uri, b.local));
}
