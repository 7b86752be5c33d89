// Owns the shape in which a document is handed over as it is read: start tags, text, what is odd, and the bounds that it keeps.

/** Bounds on one document. Its size in bytes is bounded by whoever received it (`max_body` of presence). */
export interface XmlLimits {
  readonly depth: number;
  readonly elements: number;
  readonly attributes: number;
}

export interface XmlAttribute {
  readonly prefix: string;
  readonly local: string;
  readonly uri: string;
  value: string;
}

/** A namespace that a start tag declares; the prefix is '' for the default. */
export interface XmlDeclaration {
  readonly prefix: string;
  readonly uri: string;
}

/** A start tag. */
export interface XmlTag {
  readonly prefix: string;
  readonly local: string;
  /** '' for no namespace. */
  readonly uri: string;
  /** Without namespace declarations. */
  readonly attributes: readonly XmlAttribute[];
  readonly declarations: readonly XmlDeclaration[];
}

/** Thrown by a sink to refuse a document; `readXml` hands its message back as the reason. */
export class XmlRefusal extends Error {}

/** Takes the parts of a document in order. A CDATA section comes as text, and text may come in several pieces. */
export interface XmlSink {
  /** A document begins. It may begin once more after some of its parts, and is handed over anew then. */
  begin(): void;
  /** `end`: the offset in the text of the document at which the start tag has ended. */
  open(tag: XmlTag, end: number): void;
  close(): void;
  /** Text in the root. */
  text(text: string): void;
  /** Something stands here that a sent document does not have: a comment, an instruction, CDATA, a byte order mark, another encoding. */
  odd(): void;
}

/** The attribute without a prefix that has this name. */
export function attributeOf(
  { attributes }: { readonly attributes: readonly XmlAttribute[] },
  local: string,
): XmlAttribute | undefined {
  for (const attribute of attributes) if (attribute.local === local && attribute.uri === '') return attribute;
  return undefined;
}
