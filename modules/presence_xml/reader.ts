// Owns reading XML that came from the network: encoding, well-formedness, namespaces, bounds, and the reason when it is refused.
import { isAscii, isUtf8 } from 'node:buffer';
import { SaxesParser, type SaxesTagNS } from 'saxes';
import { PlainScanner } from './scan';
import { type XmlAttribute, type XmlDeclaration, type XmlLimits, XmlRefusal, type XmlSink, type XmlTag } from './sink';

/** The bounds on a published document. */
export const xmlLimits: XmlLimits = { depth: 32, elements: 1024, attributes: 1024 };

/** A body shorter than this has no room for too many attributes, so they need no counting, and is tried the short way. */
const short = 8 * 1024;

/** Reads a document into the sink. Linear in its size; returns why it was refused, in printable ASCII, or undefined. */
export function readXml(body: Buffer, sink: XmlSink, limits = xmlLimits): string | undefined {
  return reader.read(body, sink, limits);
}

/**
 * saxes is told XML 1.0 whatever the document says, because XML 1.1 allows control characters that 1.0 does not.
 * One parser serves all documents and has six handlers: with a seventh, V8 keeps its fields in a dictionary and a
 * document takes 60 µs instead of 12 (Node 20). Comments and instructions therefore have no handler.
 */
function newParser(target: Reader) {
  const parser = new SaxesParser({ xmlns: true, position: false, forceXMLVersion: true, defaultXMLVersion: '1.0' });
  parser.on('error', (error) =>
    refuse(`not well-formed, line ${parser.line}:${Math.max(parser.column, 1)}: ${error.message}`),
  );
  parser.on('doctype', () => refuse('DOCTYPE not allowed'));
  parser.on('opentag', (tag) => target.open(tag));
  parser.on('closetag', () => target.close());
  parser.on('text', (text) => target.text(text));
  parser.on('cdata', (text) => target.text(text));
  return parser;
}

const nobody: XmlSink = { begin() {}, open() {}, close() {}, text() {}, odd() {} };

class Reader {
  private sink = nobody;
  private readonly scanner = new PlainScanner();
  private parser = newParser(this);
  private limits = xmlLimits;
  private ascii = true;
  private depth = 0;
  private elements = 0;
  private attributes = 0;
  private counting = false;

  read(body: Buffer, sink: XmlSink, limits: XmlLimits): string | undefined {
    if (body[0] === 0xfe || body[0] === 0xff || body[0] === 0 || body[1] === 0) return 'encoding UTF-16 not supported';
    this.ascii = isAscii(body);
    if (!this.ascii && !isUtf8(body)) return 'body is not UTF-8';
    const text = body.toString(this.ascii ? 'latin1' : 'utf8');
    try {
      sink.begin();
      if (body.length <= short && this.scanner.scan(text, sink, limits)) return undefined;
      sink.begin();
      this.parse(text, body, sink, limits);
      return undefined;
    } catch (error) {
      if (error instanceof XmlRefusal) return printable(error.message);
      throw error;
    }
  }

  private parse(text: string, body: Buffer, sink: XmlSink, limits: XmlLimits): void {
    this.sink = sink;
    this.limits = limits;
    this.depth = 0;
    this.elements = 0;
    this.attributes = 0;
    this.counting = body.length > short;
    try {
      if (body[0] === 0xef || text.includes('<!') || text.includes('<?', 2)) sink.odd();
      this.parser.write(text).close();
    } catch (error) {
      this.parser = newParser(this);
      throw error;
    } finally {
      this.sink = nobody;
    }
  }

  open(tag: SaxesTagNS): void {
    if (this.elements === 0) this.checkDeclaration();
    if (++this.elements > this.limits.elements) refuse('too many elements');
    if (++this.depth > this.limits.depth) refuse('elements nested too deep');
    if (this.counting) this.countAttributes(tag);
    this.sink.open(tagOf(tag), this.parser.position);
  }

  text(text: string): void {
    if (this.depth > 0) this.sink.text(text);
  }

  close(): void {
    this.depth--;
    this.sink.close();
  }

  private countAttributes(tag: SaxesTagNS): void {
    for (const _ in tag.attributes) if (++this.attributes > this.limits.attributes) refuse('too many attributes');
  }

  private checkDeclaration(): void {
    const { version = '1.0', encoding = 'utf-8' } = this.parser.xmlDecl;
    const name = encoding.toLowerCase();
    if (version !== '1.0' || name !== 'utf-8') this.sink.odd();
    // What is all ASCII means the same in every encoding that contains ASCII.
    if (name !== 'utf-8' && !(this.ascii && asciiRelatives.has(name))) refuse(`encoding ${encoding} not supported`);
  }
}

function tagOf({ prefix, local, uri, attributes: all, ns }: SaxesTagNS): XmlTag {
  const attributes: XmlAttribute[] = [];
  const declarations: XmlDeclaration[] = [];
  for (const name in all) {
    const attribute = all[name];
    if (attribute === undefined) continue;
    if (name === 'xmlns') declarations.push({ prefix: '', uri: ns[''] ?? '' });
    else if (attribute.prefix !== 'xmlns') {
      attributes.push({
        prefix: attribute.prefix,
        local: attribute.local,
        uri: attribute.uri,
        value: attribute.value,
      });
    } else declarations.push({ prefix: attribute.local, uri: ns[attribute.local] ?? '' });
  }
  return { prefix, local, uri, attributes, declarations };
}

const asciiRelatives = new Set(['us-ascii', 'ascii', 'utf8', 'iso-8859-1', 'iso-8859-15', 'windows-1252']);

function refuse(reason: string): never {
  throw new XmlRefusal(reason);
}

/** A reason may quote the document, and ends up in a reason phrase and a log line. */
function printable(reason: string): string {
  return reason.slice(0, 100).replace(/[^\x20-\x7e]/g, '?');
}

const reader = new Reader();
