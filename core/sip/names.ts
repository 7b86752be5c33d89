// Owns the header names the parser knows: a small number for each, its compact form, matched without changing case.
import { isClass, scanWork, TOKEN } from './text';

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

const slots = 512;
/** Open hash table: the lower-case spelling in each slot, and the number it stands for. */
const slotName: string[] = new Array<string>(slots).fill('');
const slotNumber = new Uint8Array(slots);
const written: string[] = [''];

for (const [number, name, compact] of spellings) {
  written[number] = name;
  for (const spelling of compact === undefined ? [name] : [name, compact]) {
    const lower = spelling.toLowerCase();
    let slot = 0;
    for (let i = 0; i < lower.length; i++) slot = mix(slot, lower.charCodeAt(i));
    slot &= slots - 1;
    while (slotName[slot] !== '') slot = (slot + 1) & (slots - 1);
    slotName[slot] = lower;
    slotNumber[slot] = number;
  }
}

/** One step of the hash. Setting bit 5 makes both cases of a letter equal; `sameName` decides in the end. */
function mix(hash: number, code: number): number {
  return (Math.imul(hash, 31) + (code | 0x20)) | 0;
}

/** The end of the header name that starts at `start`: the first character that is no token character. */
export function nameEnd(text: string, start: number, end: number): number {
  let i = start;
  while (i < end && isClass(text.charCodeAt(i), TOKEN)) i++;
  scanWork.visited += i - start + 1;
  return i;
}

/** The number of the header name text[start, end), 0 when it is not one of the known names. */
export function headerNumber(text: string, start: number, end: number): number {
  let hash = 0;
  for (let i = start; i < end; i++) hash = mix(hash, text.charCodeAt(i));
  scanWork.visited += end - start;
  for (let slot = hash & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
    const name = slotName[slot] ?? '';
    if (name === '') return 0;
    if (name.length === end - start && sameName(text, start, name)) return slotNumber[slot] ?? 0;
  }
}

/** Whether `text` has `lower` (a lower-case name) at `start`, whatever the case of its letters. */
export function sameName(text: string, start: number, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    let code = text.charCodeAt(start + i);
    if (code >= 0x41 && code <= 0x5a) code += 0x20;
    if (code !== lower.charCodeAt(i)) {
      scanWork.visited += i + 1;
      return false;
    }
  }
  scanWork.visited += lower.length;
  return true;
}

/** The long name of a known header, as it is written in messages. */
export function headerName(number: number): string {
  return written[number] ?? '';
}
