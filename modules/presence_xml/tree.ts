// Owns the element tree of one document, as composition needs it: no comments, no instructions, CDATA is text.
import { isBlank, XML } from './names';
import { readXml } from './reader';
import type { XmlAttribute, XmlSink, XmlTag } from './sink';

export type XmlNode = XmlElement | string;

export interface XmlElement {
  readonly prefix: string;
  readonly local: string;
  readonly uri: string;
  /** Without namespace declarations. */
  readonly attributes: XmlAttribute[];
  /** The prefixes declared on this element, used or not: content may hold qualified names. Without the default namespace. */
  readonly declarations: ReadonlyMap<string, string>;
  children: XmlNode[];
}

/** Reads a document; gives its root, or why it is refused, in printable ASCII. Linear in its size, which is bounded. */
export function parseTree(body: Buffer): XmlElement | string {
  const builder = new TreeBuilder();
  return readXml(body, builder) ?? builder.root ?? 'empty document';
}

/** Reads a document that has been inspected. Undefined when it is not well-formed or out of bounds. */
export function readTree(body: Buffer): XmlElement | undefined {
  const root = parseTree(body);
  return typeof root === 'string' ? undefined : root;
}

/** The children that are elements. */
export function elementsOf(element: XmlElement): XmlElement[] {
  return element.children.filter((child) => typeof child !== 'string');
}

/** The character data of an element, without that of its children. */
export function textOf(element: XmlElement): string {
  return element.children.filter((child) => typeof child === 'string').join('');
}

/** Drops white space that only lays out elements; mixed content and xml:space="preserve" stay as they are. */
export function dropBlanks(element: XmlElement): void {
  if (element.attributes.some(({ uri, local, value }) => uri === XML && local === 'space' && value === 'preserve'))
    return;
  const laidOut =
    element.children.some((child) => typeof child !== 'string') &&
    element.children.every((child) => typeof child !== 'string' || isBlank(child));
  if (laidOut) element.children = elementsOf(element);
  for (const child of element.children) if (typeof child !== 'string') dropBlanks(child);
}

const none: ReadonlyMap<string, string> = new Map();

class TreeBuilder implements XmlSink {
  root: XmlElement | undefined;
  private readonly path: XmlElement[] = [];

  begin(): void {
    this.root = undefined;
    this.path.length = 0;
  }

  open({ prefix, local, uri, attributes, declarations }: XmlTag): void {
    let named = none as Map<string, string>;
    for (const declaration of declarations) {
      if (declaration.prefix === '' || declaration.prefix === 'xml') continue;
      if (named === none) named = new Map();
      named.set(declaration.prefix, declaration.uri);
    }
    const element = { prefix, local, uri, attributes: [...attributes], declarations: named, children: [] };
    const parent = this.path.at(-1);
    if (parent === undefined) this.root = element;
    else parent.children.push(element);
    this.path.push(element);
  }

  close(): void {
    this.path.pop();
  }

  text(text: string): void {
    const children = this.path.at(-1)?.children;
    if (children === undefined) return;
    const last = children.at(-1);
    if (typeof last === 'string') children[children.length - 1] = last + text;
    else children.push(text);
  }

  odd(): void {}
}
