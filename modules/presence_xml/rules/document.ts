// Owns a rules document as a tree whose elements know where they stand, and the faults and warnings that say so.
import { isBlank } from '../names';
import { readXml } from '../reader';
import type { XmlLimits, XmlSink, XmlTag } from '../sink';

/** A rules document names every buddy with an element, so it may have more of them than a presence document. */
export const rulesLimits: XmlLimits = { depth: 32, elements: 4096, attributes: 8192 };
/** Bytes. */
export const maxDocument = 512 * 1024;

const maxWarnings = 20;

export interface RuleElement {
  readonly uri: string;
  readonly local: string;
  /** Those without a prefix: the schemas of RFC 4745 and RFC 5025 have no others, and extension attributes say nothing here. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: RuleElement[];
  /** Its own character data, without that of its children. */
  text: string;
  /** Offset of the end of its start tag. */
  readonly end: number;
}

/** A document is not valid; `end` as in RuleElement. */
export class RuleFault extends Error {
  constructor(
    readonly end: number,
    what: string,
  ) {
    super(what);
  }
}

export function fault({ end }: RuleElement, what: string): never {
  throw new RuleFault(end, what);
}

/** The elements in an element whose schema has no text. */
export function childrenOf(element: RuleElement): readonly RuleElement[] {
  if (!isBlank(element.text)) fault(element, `${nameOf(element)} holds text`);
  return element.children;
}

/** The text of an element whose schema has no elements, white space collapsed as in xs:token. */
export function tokenOf(element: RuleElement): string {
  if (element.children.length > 0) fault(element, `${nameOf(element)} holds an element`);
  return collapse(element.text);
}

/** White space as xs:token has it: none at the ends, single blanks inside. */
export function collapse(text: string): string {
  return wordsOf(text).join(' ');
}

/** What white space separates. */
export function wordsOf(text: string): string[] {
  return text.split(/[ \t\r\n]/).filter((word) => word !== '');
}

export function nameOf({ local }: RuleElement): string {
  return quoted(local);
}

/** Text of a document as a reason may quote it: short, printable ASCII. */
export function quoted(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, '?');
  return printable.length > 60 ? `${printable.slice(0, 57)}...` : printable;
}

/** What was odd about a document that is valid. */
export class Warnings {
  private readonly found: { end: number; what: string }[] = [];
  private more = 0;

  add({ end }: RuleElement, what: string): void {
    if (this.found.length < maxWarnings) this.found.push({ end, what });
    else this.more++;
  }

  list(document: Buffer): readonly string[] {
    if (this.found.length === 0) return [];
    const text = document.toString('utf8');
    const list = this.found.map(({ end, what }) => `${placeOf(text, end)}: ${what}`);
    return this.more === 0 ? list : [...list, `${this.more} more warnings`];
  }
}

/** Line and column, from 1, of the start tag that ends at an offset. No `<` can stand inside a start tag. */
export function placeOf(text: string, end: number): string {
  const start = text.lastIndexOf('<', end - 1);
  let line = 1;
  let lineStart = 0;
  for (let i = text.indexOf('\n'); i !== -1 && i < start; i = text.indexOf('\n', i + 1)) {
    line++;
    lineStart = i + 1;
  }
  return `${line}:${Math.max(start, 0) - lineStart + 1}`;
}

/** Reads a document. @throws RuleFault when it is not well-formed or out of bounds */
export function readRules(document: Buffer): RuleElement {
  if (document.length > maxDocument) throw new RuleFault(0, `more than ${maxDocument} bytes`);
  const builder = new Builder();
  const refusal = readXml(document, builder, rulesLimits);
  if (refusal !== undefined) throw new RuleFault(builder.end, refusal);
  if (builder.root === undefined) throw new RuleFault(0, 'empty document');
  return builder.root;
}

class Builder implements XmlSink {
  root: RuleElement | undefined;
  end = 0;
  private readonly path: RuleElement[] = [];

  begin(): void {
    this.root = undefined;
    this.end = 0;
    this.path.length = 0;
  }

  open({ uri, local, attributes: all }: XmlTag, end: number): void {
    this.end = end;
    const attributes = new Map<string, string>();
    for (const { prefix, local: name, value } of all) if (prefix === '') attributes.set(name, value);
    const element: RuleElement = { uri, local, attributes, children: [], text: '', end };
    const parent = this.path.at(-1);
    if (parent === undefined) this.root = element;
    else parent.children.push(element);
    this.path.push(element);
  }

  close(): void {
    this.path.pop();
  }

  text(text: string): void {
    const element = this.path.at(-1);
    if (element !== undefined) element.text += text;
  }

  odd(): void {}
}
