// Owns the header names the parser knows: a small number for each, its compact form, matched without changing case.
import { charge, isClass, TOKEN } from './text';

/** Numbers of header names. 0 is every name not listed. Below 31 they also fit a bit set. */
export const H = {
  via: 1,
  from: 2,
  to: 3,
  callId: 4,
  cseq: 5,
  contentLength: 6,
  maxForwards: 7,
  contact: 8,
  event: 9,
  expires: 10,
  contentType: 11,
  sipIfMatch: 12,
  accept: 13,
  route: 14,
  recordRoute: 15,
  require: 16,
  supported: 17,
  proxyRequire: 18,
  subscriptionState: 19,
  authorization: 20,
  proxyAuthorization: 21,
  allow: 22,
  allowEvents: 23,
  userAgent: 24,
  contentEncoding: 25,
  sipEtag: 26,
  minExpires: 27,
  retryAfter: 28,
  warning: 29,
  server: 30,
  subject: 31,
  acceptContact: 32,
  referredBy: 33,
  requestDisposition: 34,
  rejectContact: 35,
  identityInfo: 36,
  referTo: 37,
  sessionExpires: 38,
  identity: 39,
  acceptEncoding: 40,
  acceptLanguage: 41,
  contentDisposition: 42,
  mimeVersion: 43,
  organization: 44,
  priority: 45,
  date: 46,
  timestamp: 47,
  wwwAuthenticate: 48,
  proxyAuthenticate: 49,
  unsupported: 50,
  pAssertedIdentity: 51,
  pPreferredIdentity: 52,
  path: 53,
  privacy: 54,
} as const;

/** Each known header's name as it is written, then its compact form if it has one (IANA's list of SIP header fields). */
const spellings: readonly [number, string, string?][] = [
  [H.via, 'Via', 'v'],
  [H.from, 'From', 'f'],
  [H.to, 'To', 't'],
  [H.callId, 'Call-ID', 'i'],
  [H.cseq, 'CSeq'],
  [H.contentLength, 'Content-Length', 'l'],
  [H.maxForwards, 'Max-Forwards'],
  [H.contact, 'Contact', 'm'],
  [H.event, 'Event', 'o'],
  [H.expires, 'Expires'],
  [H.contentType, 'Content-Type', 'c'],
  [H.sipIfMatch, 'SIP-If-Match'],
  [H.accept, 'Accept'],
  [H.route, 'Route'],
  [H.recordRoute, 'Record-Route'],
  [H.require, 'Require'],
  [H.supported, 'Supported', 'k'],
  [H.proxyRequire, 'Proxy-Require'],
  [H.subscriptionState, 'Subscription-State'],
  [H.authorization, 'Authorization'],
  [H.proxyAuthorization, 'Proxy-Authorization'],
  [H.allow, 'Allow'],
  [H.allowEvents, 'Allow-Events', 'u'],
  [H.userAgent, 'User-Agent'],
  [H.contentEncoding, 'Content-Encoding', 'e'],
  [H.sipEtag, 'SIP-ETag'],
  [H.minExpires, 'Min-Expires'],
  [H.retryAfter, 'Retry-After'],
  [H.warning, 'Warning'],
  [H.server, 'Server'],
  [H.subject, 'Subject', 's'],
  [H.acceptContact, 'Accept-Contact', 'a'],
  [H.referredBy, 'Referred-By', 'b'],
  [H.requestDisposition, 'Request-Disposition', 'd'],
  [H.rejectContact, 'Reject-Contact', 'j'],
  [H.identityInfo, 'Identity-Info', 'n'],
  [H.referTo, 'Refer-To', 'r'],
  [H.sessionExpires, 'Session-Expires', 'x'],
  [H.identity, 'Identity', 'y'],
  [H.acceptEncoding, 'Accept-Encoding'],
  [H.acceptLanguage, 'Accept-Language'],
  [H.contentDisposition, 'Content-Disposition'],
  [H.mimeVersion, 'MIME-Version'],
  [H.organization, 'Organization'],
  [H.priority, 'Priority'],
  [H.date, 'Date'],
  [H.timestamp, 'Timestamp'],
  [H.wwwAuthenticate, 'WWW-Authenticate'],
  [H.proxyAuthenticate, 'Proxy-Authenticate'],
  [H.unsupported, 'Unsupported'],
  [H.pAssertedIdentity, 'P-Asserted-Identity'],
  [H.pPreferredIdentity, 'P-Preferred-Identity'],
  [H.path, 'Path'],
  [H.privacy, 'Privacy'],
];

/** What each byte counts for in a name: its lower case, or 0 when it cannot stand in a name. */
const folded = new Uint8Array(256);
for (let code = 0; code < 256; code++) {
  if (isClass(code, TOKEN)) folded[code] = code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}

/** Open hash table, at most a quarter full: the lower-case spelling in each slot, and the number it stands for. */
const slots = 512;
const slotName: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(slots).fill(undefined);
const slotNumber = new Uint8Array(slots);
const written: string[] = [];

for (const [number, name, compact] of spellings) {
  written[number] = name;
  for (const spelling of compact === undefined ? [name] : [name, compact]) {
    const bytes = Buffer.from(spelling.toLowerCase(), 'latin1');
    let slot = nameHash(bytes, 0, bytes.length) & (slots - 1);
    while (slotName[slot] !== undefined) slot = (slot + 1) & (slots - 1);
    slotName[slot] = bytes;
    slotNumber[slot] = number;
  }
}

function nameHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (folded[bytes[i] ?? 0] ?? 0)) | 0;
  return hash;
}

/** The number of the header name bytes[start, end), whatever the case of its letters; 0 when it is none of the known ones. */
export function headerNumber(bytes: Uint8Array, start: number, end: number): number {
  charge(end - start);
  for (let slot = nameHash(bytes, start, end) & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
    const name = slotName[slot];
    if (name === undefined) return 0;
    if (sameName(bytes, start, end, name)) return slotNumber[slot] ?? 0;
  }
}

/** Whether bytes[start, end) is `lower` (a name in lower case), whatever the case of its letters. */
export function sameName(bytes: Uint8Array, start: number, end: number, lower: Uint8Array): boolean {
  if (end - start !== lower.length) return false;
  charge(end - start);
  for (let i = 0; i < lower.length; i++) {
    if (folded[bytes[start + i] ?? 0] !== lower[i]) return false;
  }
  return true;
}

/** Numbers of the spellings that modules and scripts have asked for. Bounded, as a script may ask for what a peer sent. */
const asked = new Map<string, number>();
const maxAsked = 512;
const maxAskedLength = 64;

/** `headerNumber` for a name as a module or a script writes it. */
export function numberOfName(name: string): number {
  const known = asked.get(name);
  if (known !== undefined) return known;
  const number = headerNumber(Buffer.from(name, 'latin1'), 0, name.length);
  if (asked.size < maxAsked && name.length <= maxAskedLength) asked.set(name, number);
  return number;
}

/** The long name of a known header, as it is written in messages. */
export function headerName(number: number): string {
  return written[number] ?? '';
}
