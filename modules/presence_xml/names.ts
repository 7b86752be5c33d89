// Owns the names of PIDF and its relatives: namespaces, the order of RFC 3863's schema, which attributes are xs:ID.

/** RFC 3863: the document itself. */
export const PIDF = 'urn:ietf:params:xml:ns:pidf';
/** RFC 4479: person and device. */
export const DATA_MODEL = 'urn:ietf:params:xml:ns:pidf:data-model';
/** RFC 4480: activities, mood, place and the like. */
export const RPID = 'urn:ietf:params:xml:ns:pidf:rpid';
export const XML = 'http://www.w3.org/XML/1998/namespace';

/**
 * The prefixes that clients expect although XML lets a publisher choose: baresip searches a body for the text
 * `<basic>open` and `<rpid:away/>`, pjsip compares element names as text.
 */
export const customaryPrefixes: ReadonlyMap<string, string> = new Map([
  [PIDF, ''],
  [DATA_MODEL, 'dm'],
  [RPID, 'rpid'],
]);

/** What a child of `presence` is, in the order in which a document has them: RFC 3863 §4.4 wants all other namespaces last. */
export const kinds = ['tuple', 'note', 'person', 'device', 'other'] as const;
export type Kind = (typeof kinds)[number];

export function kindOf(uri: string, local: string): Kind {
  if (uri === PIDF && (local === 'tuple' || local === 'note')) return local;
  if (uri === DATA_MODEL && (local === 'person' || local === 'device')) return local;
  return 'other';
}

/** Place of a child of `tuple` (RFC 3863 §4.4): status, extensions, contact, notes, timestamp. */
export function rankInTuple(uri: string, local: string): number {
  if (uri !== PIDF) return 1;
  const rank = tupleOrder.indexOf(local);
  return rank === -1 ? 1 : rank;
}

const tupleOrder = ['status', '', 'contact', 'note', 'timestamp'];

/** Place of a child of `status`: basic, then extensions. */
export function rankInStatus(uri: string, local: string): number {
  return uri === PIDF && local === 'basic' ? 0 : 1;
}

/**
 * Whether the schema makes the unprefixed attribute `id` of this element an xs:ID, so that its value may stand only once
 * in a document: tuples, persons, devices, and every element of RPID that has one.
 */
export function idIsUnique(uri: string, local: string): boolean {
  const kind = kindOf(uri, local);
  return kind === 'tuple' || kind === 'person' || kind === 'device' || uri === RPID;
}

/** True for text that XML calls white space. */
export function isBlank(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return false;
  }
  return true;
}

export function isLanguage({ uri, local }: { readonly uri: string; readonly local: string }): boolean {
  return uri === XML && local === 'lang';
}
