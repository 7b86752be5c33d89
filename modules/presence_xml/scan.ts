// Owns the short way through XML: documents as phones write them, read in one pass; of all others it only says that it is not the way.
import { DATA_MODEL, PIDF, RPID, XML } from './names';
import type { XmlAttribute, XmlDeclaration, XmlLimits, XmlSink } from './sink';

/** More than this many in one element, or in force at one place, are not what phones write: looking through them stays cheap. */
const maxAttributes = 16;
const maxDeclarations = 16;

type Attribute = { -readonly [key in keyof XmlAttribute]: XmlAttribute[key] };

/**
 * Reads what nearly every published document is: XML 1.0 in UTF-8 without references, comments, instructions, CDATA and
 * DOCTYPE, names in ASCII, few namespaces and attributes. It takes a third of the time of saxes. A document of this form
 * that it reads to its end is well-formed, and its sink was told what saxes would have told it; a fuzz test holds the two
 * against each other. Whatever it does not know, right or wrong, is for saxes: no document is refused here.
 */
export class PlainScanner {
  private document = '';
  private sink: XmlSink = nobody;
  private limits: XmlLimits = nothing;
  /** The next character to read. */
  private at = 0;
  /** Where the prefix of the name that was read last ends; -1 when it has none. */
  private colon = -1;
  private depth = 0;
  private elements = 0;
  private hasReturns = false;
  /** Of the elements that are open: where the name begins and ends, and how many declarations were in force around it. */
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  private readonly outer: number[] = [];
  /** The first `declared` are in force. */
  private readonly declarations: XmlDeclaration[] = [];
  private declared = 0;

  /** False: the document is not of this form, and what the sink was told is void. What a sink throws goes through. */
  scan(document: string, sink: XmlSink, limits: XmlLimits): boolean {
    this.document = document;
    this.sink = sink;
    this.limits = limits;
    this.at = 0;
    this.depth = 0;
    this.elements = 0;
    this.declared = 0;
    this.hasReturns = document.includes('\r');
    try {
      return this.skipXmlDeclaration() && this.root() && this.onlyBlanksFollow();
    } finally {
      this.document = '';
      this.sink = nobody;
    }
  }

  private skipXmlDeclaration(): boolean {
    const { document } = this;
    if (document.startsWith('<?')) {
      xmlDeclaration.lastIndex = 0;
      if (!xmlDeclaration.test(document)) return false;
      this.at = xmlDeclaration.lastIndex;
    }
    return document.charCodeAt(this.at) === LESS;
  }

  /** Every turn begins at a `<`. */
  private root(): boolean {
    do {
      this.at++;
      if (!(this.document.charCodeAt(this.at) === SLASH ? this.endTag() : this.startTag())) return false;
    } while (this.depth > 0 && this.text());
    return this.depth === 0;
  }

  private onlyBlanksFollow(): boolean {
    this.skip(BLANK);
    return this.at === this.document.length;
  }

  private startTag(): boolean {
    const { document, depth, declared: outer } = this;
    const start = this.at;
    if (this.elements++ === this.limits.elements || depth === this.limits.depth || !this.name()) return false;
    const { colon, at: end } = this;
    const attributes = this.attributes(outer);
    if (attributes === undefined || !this.resolveAll(attributes)) return false;
    const prefix = colon === -1 ? '' : document.slice(start, colon);
    const uri = this.resolve(prefix);
    if (uri === undefined) return false;
    const isEmpty = document.charCodeAt(this.at) === SLASH;
    if (isEmpty && document.charCodeAt(++this.at) !== GREATER) return false;
    const local = document.slice(colon === -1 ? start : colon + 1, end);
    const declarations = this.declared === outer ? none : this.declarations.slice(outer, this.declared);
    this.sink.open({ prefix, local, uri, attributes, declarations }, ++this.at);
    if (isEmpty) {
      this.sink.close();
      this.declared = outer;
    } else {
      this.starts[depth] = start;
      this.ends[depth] = end;
      this.outer[depth] = outer;
      this.depth = depth + 1;
    }
    return true;
  }

  private endTag(): boolean {
    const { document } = this;
    const depth = --this.depth;
    const end = this.ends[depth] ?? 0;
    let at = this.at + 1;
    for (let i = this.starts[depth] ?? 0; i < end; i++) {
      if (document.charCodeAt(i) !== document.charCodeAt(at++)) return false;
    }
    this.at = at;
    this.skip(BLANK);
    if (document.charCodeAt(this.at++) !== GREATER) return false;
    this.sink.close();
    this.declared = this.outer[depth] ?? 0;
    return true;
  }

  private text(): boolean {
    const { document } = this;
    const start = this.at;
    this.skip(TEXT);
    while (document.charCodeAt(this.at) === BRACKET) {
      if (document.startsWith(']]>', this.at)) return false;
      this.at++;
      this.skip(TEXT);
    }
    if (document.charCodeAt(this.at) !== LESS) return false;
    if (this.at === start) return true;
    const text = document.slice(start, this.at);
    this.sink.text(this.hasReturns ? text.replace(/\r\n?/g, '\n') : text);
    return true;
  }

  /** Stops at the `>` or `/` that ends the start tag; undefined when something else stands there. */
  private attributes(outer: number): readonly Attribute[] | undefined {
    const { document } = this;
    let attributes: Attribute[] = none;
    for (;;) {
      const before = this.at;
      this.skip(BLANK);
      const start = this.at;
      const next = document.charCodeAt(start);
      if (next === GREATER || next === SLASH) return attributes;
      if (start === before || !this.name()) return undefined;
      const { colon, at: end } = this;
      const value = this.value();
      if (value === undefined) return undefined;
      const prefix = colon === -1 ? '' : document.slice(start, colon);
      const local = document.slice(colon === -1 ? start : colon + 1, end);
      if (prefix === 'xmlns' || (prefix === '' && local === 'xmlns')) {
        if (!this.declare(prefix === '' ? '' : local, value, outer)) return undefined;
      } else {
        if (attributes.length === maxAttributes) return undefined;
        const attribute = { prefix, local, uri: '', value };
        if (attributes.length === 0) attributes = [attribute];
        else attributes.push(attribute);
      }
    }
  }

  /** Reads `="…"`. White space other than blanks would be normalised (XML §3.3.3), so it is not for here. */
  private value(): string | undefined {
    const { document } = this;
    const quote = document.charCodeAt(this.at + 1);
    if (document.charCodeAt(this.at) !== EQUALS || (quote !== DOUBLE && quote !== SINGLE)) return undefined;
    const start = this.at + 2;
    this.at = start;
    this.skip(quote === DOUBLE ? IN_DOUBLE : IN_SINGLE);
    return document.charCodeAt(this.at) === quote ? document.slice(start, this.at++) : undefined;
  }

  /** Prefixes and names that Namespaces in XML reserves, and what saxes would trim, are not for here. */
  private declare(prefix: string, name: string, outer: number): boolean {
    const uri = knownUri(name);
    if (uri === undefined || prefix === 'xml' || prefix === 'xmlns' || this.declared === maxDeclarations) return false;
    for (let i = outer; i < this.declared; i++) if (this.declarations[i]?.prefix === prefix) return false;
    this.declarations[this.declared++] = { prefix, uri };
    return true;
  }

  private resolveAll(attributes: readonly Attribute[]): boolean {
    for (let i = 0; i < attributes.length; i++) {
      const attribute = attributes[i] as Attribute;
      if (attribute.prefix !== '') {
        const uri = this.resolve(attribute.prefix);
        if (uri === undefined) return false;
        attribute.uri = uri;
      }
      for (let j = 0; j < i; j++) {
        const other = attributes[j] as Attribute;
        if (other.local === attribute.local && other.uri === attribute.uri) return false;
      }
    }
    return true;
  }

  private resolve(prefix: string): string | undefined {
    for (let i = this.declared - 1; i >= 0; i--) {
      const declaration = this.declarations[i] as XmlDeclaration;
      if (declaration.prefix === prefix) return declaration.uri;
    }
    if (prefix === '') return '';
    return prefix === 'xml' ? XML : undefined;
  }

  /** Reads a name with at most one colon, which is inside. False: here is none, or one of another form. */
  private name(): boolean {
    const { document } = this;
    this.colon = -1;
    if (!this.partOfName()) return false;
    if (document.charCodeAt(this.at) === COLON) {
      this.colon = this.at++;
      if (!this.partOfName()) return false;
    }
    return true;
  }

  private partOfName(): boolean {
    if (((classes[this.document.charCodeAt(this.at)] ?? 0) & NAME_START) === 0) return false;
    this.at++;
    this.skip(NAME);
    return true;
  }

  /** Skips the characters of a class. */
  private skip(bits: number): void {
    const { document } = this;
    const end = document.length;
    let at = this.at;
    while (at < end && ((classes[document.charCodeAt(at)] ?? 0) & bits) !== 0) at++;
    this.at = at;
  }
}

const none: never[] = [];
const nothing: XmlLimits = { depth: 0, elements: 0, attributes: 0 };
const nobody: XmlSink = { begin() {}, open() {}, close() {}, text() {}, odd() {} };

/** Just what `odd` does not speak of; what follows `version` stands in this order (XML §2.8). */
const xmlDeclaration =
  /<\?xml version=(?:"1\.0"|'1\.0')(?: encoding=(?:"[Uu][Tt][Ff]-8"|'[Uu][Tt][Ff]-8'))?(?: standalone=(?:"(?:yes|no)"|'(?:yes|no)'))? ?\?>[ \t\r\n]*/y;
const plainUri = /^[!-~]+$/;
const usual = [PIDF, DATA_MODEL, RPID];

/** A namespace name, the usual ones always as the same string, which is quick to compare; undefined for one that is not for here. */
function knownUri(name: string): string | undefined {
  for (const uri of usual) if (uri === name) return uri;
  return plainUri.test(name) && !name.startsWith('http://www.w3.org/') ? name : undefined;
}

const LESS = 0x3c;
const GREATER = 0x3e;
const SLASH = 0x2f;
const COLON = 0x3a;
const EQUALS = 0x3d;
const DOUBLE = 0x22;
const SINGLE = 0x27;
const BRACKET = 0x5d;

const BLANK = 1;
const NAME_START = 2;
const NAME = 4;
const TEXT = 8;
const IN_DOUBLE = 16;
const IN_SINGLE = 32;

/** Of each UTF-16 code unit, which classes it belongs to. Surrogates are in pairs: the text was decoded from UTF-8. */
const classes = new Uint8Array(0x10000).map((_, code) => {
  const character = String.fromCharCode(code);
  if (code > 0x7f) return code > 0xfffd ? 0 : TEXT | IN_DOUBLE | IN_SINGLE;
  let bits = 0;
  if (' \t\r\n'.includes(character)) bits |= BLANK | TEXT;
  if (/[A-Za-z_]/.test(character)) bits |= NAME_START | NAME;
  if (/[-.0-9]/.test(character)) bits |= NAME;
  if (code >= 0x20 && !'<&'.includes(character)) {
    if (character !== ']') bits |= TEXT;
    if (character !== '"') bits |= IN_DOUBLE;
    if (character !== "'") bits |= IN_SINGLE;
  }
  return bits;
});
