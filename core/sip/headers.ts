// Owns the grammars of header values: addresses, Via, Event, Accept, Content-Type and comma-separated lists (RFC 3261 §20, §25).
import { itemEnd, type Params, scanParams } from './params';
import {
  BLANK,
  DIGIT,
  decimal,
  isToken,
  quote,
  quotedEnd,
  scanWork,
  skipClass,
  TOKEN,
  trimEnd,
  URI,
  unquote,
} from './text';
import { endOfHost, schemeEnd } from './uri';

export type { Params } from './params';

/** `"Display" <uri>;params` or `uri;params`: what From, To, Contact, Route and Record-Route are made of. */
export interface NameAddr {
  /** Without its quotes; bytes as received (`decodeUtf8` for people); '' when there is none. */
  display: string;
  /** The URI as text; `*` for a Contact of that kind. Not taken apart: `parseUri` does. */
  uri: string;
  params: Params;
}

/** One hop of the way back of a request. */
export interface Via {
  /** Upper case: UDP, TCP, TLS, WS, WSS, … */
  protocol: string;
  host: string;
  port: number | undefined;
  params: Params;
  branch: string | undefined;
}

/** RFC 6665 §8.2.1. */
export interface EventHeader {
  /** Lower case, with its templates: `presence.winfo`. */
  package: string;
  id: string | undefined;
  params: Params;
}

/** A media type or, in Accept, a range of them; lower case. */
export interface MediaType {
  type: string;
  params: Params;
}

/** One address. Without angle brackets the parameters are the header's (RFC 3261 §20). undefined = malformed. */
export function parseNameAddr(value: string): NameAddr | undefined {
  const address: NameAddr = { display: '', uri: '', params: new Map() };
  return scanNameAddr(value, 0, value.length, address) === value.length ? address : undefined;
}

/** A comma-separated list of addresses: Route, Record-Route, P-Asserted-Identity. undefined = malformed. */
export function parseNameAddrs(value: string): NameAddr[] | undefined {
  const addresses: NameAddr[] = [];
  for (let i = 0; ; i++) {
    const address: NameAddr = { display: '', uri: '', params: new Map() };
    i = scanNameAddr(value, i, value.length, address);
    if (i === -1) return undefined;
    addresses.push(address);
    if (i === value.length) return addresses;
  }
}

/** A Contact value: `*` as the only address with that uri, else a list of addresses. undefined = malformed. */
export function parseContact(value: string): NameAddr[] | undefined {
  if (value === '*') return [{ display: '', uri: '*', params: new Map() }];
  return parseNameAddrs(value);
}

/** Reads one address; returns the position after it (`end` or a comma), or -1 when it is malformed. */
function scanNameAddr(text: string, start: number, end: number, address: NameAddr): number {
  const from = skipClass(text, start, end, BLANK);
  let i = from;
  if (i < end && text.charCodeAt(i) === 0x22) {
    i = quotedEnd(text, i, end);
    if (i === -1) return -1;
    address.display = unquote(text, from, i);
    i = skipClass(text, i, end, BLANK);
    if (i === end || text.charCodeAt(i) !== 0x3c) return -1;
  } else {
    // A display name has no colon and an address without brackets has one in its scheme: whichever comes first decides.
    for (; i < end; i++) {
      const code = text.charCodeAt(i);
      if (code === 0x3c || code === 0x3a) break;
      if (code === 0x22 || code === 0x3e || code === 0x2c || code === 0x3b) return -1;
    }
    scanWork.visited += i - from + 1;
    if (i === end) return -1;
    if (text.charCodeAt(i) === 0x3a) return scanBareAddr(text, from, end, address);
    address.display = text.slice(from, trimEnd(text, from, i));
  }
  const uriStart = skipClass(text, i + 1, end, BLANK);
  const uriEnd = skipClass(text, uriStart, end, URI);
  const close = skipClass(text, uriEnd, end, BLANK);
  if (close === end || text.charCodeAt(close) !== 0x3e || schemeEnd(text, uriStart, uriEnd) === -1) return -1;
  address.uri = text.slice(uriStart, uriEnd);
  return scanParams(text, close + 1, end, address.params);
}

/** An address without brackets: it ends at the first semicolon, comma or blank, and may hold no question mark (§20.10). */
function scanBareAddr(text: string, start: number, end: number, address: NameAddr): number {
  if (schemeEnd(text, start, end) === -1) return -1;
  let i = start;
  for (; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x3b || code === 0x2c || code === 0x20 || code === 0x09) break;
    if (code === 0x3f || code < 0x20 || code === 0x22 || code === 0x3c || code === 0x3e || code === 0x7f) {
      scanWork.visited += i - start;
      return -1;
    }
  }
  scanWork.visited += i - start + 1;
  address.uri = text.slice(start, i);
  return scanParams(text, i, end, address.params);
}

/** An address as a header value, the display name quoted. */
export function formatNameAddr(address: NameAddr): string {
  const display = address.display === '' ? '' : `${quote(address.display)} `;
  let text = `${display}<${address.uri}>`;
  for (const [name, value] of address.params) {
    text += value === '' ? `;${name}` : `;${name}=${isToken(value) ? value : quote(value)}`;
  }
  return text;
}

/** The first Via of a header value; what follows a comma is not looked at. undefined = malformed. */
export function parseVia(value: string): Via | undefined {
  const via = emptyVia();
  return scanVia(value, 0, value.length, via) === -1 ? undefined : via;
}

/** All Via of a header value, topmost first. undefined = one is malformed. */
export function parseVias(value: string): Via[] | undefined {
  const vias: Via[] = [];
  for (let i = 0; ; i++) {
    const via = emptyVia();
    i = scanVia(value, i, value.length, via);
    if (i === -1) return undefined;
    vias.push(via);
    if (i === value.length) return vias;
  }
}

function emptyVia(): Via {
  return { protocol: '', host: '', port: undefined, params: new Map(), branch: undefined };
}

/** Reads one Via; returns the position after it (`end` or a comma), or -1 when it is malformed. */
function scanVia(text: string, start: number, end: number, via: Via): number {
  let i = skipClass(text, start, end, BLANK);
  for (const part of ['sip', '2.0']) {
    const partEnd = skipClass(text, i, end, TOKEN);
    if (text.slice(i, partEnd).toLowerCase() !== part) return -1;
    i = skipClass(text, partEnd, end, BLANK);
    if (i === end || text.charCodeAt(i) !== 0x2f) return -1;
    i = skipClass(text, i + 1, end, BLANK);
  }
  const protocolEnd = skipClass(text, i, end, TOKEN);
  const host = skipClass(text, protocolEnd, end, BLANK);
  if (protocolEnd === i || host === protocolEnd) return -1;
  via.protocol = text.slice(i, protocolEnd).toUpperCase();
  const hostEnd = endOfHost(text, host, end);
  if (hostEnd === -1) return -1;
  via.host = text.slice(host, hostEnd);
  i = skipClass(text, hostEnd, end, BLANK);
  if (i < end && text.charCodeAt(i) === 0x3a) {
    const digits = skipClass(text, i + 1, end, BLANK);
    i = skipClass(text, digits, end, DIGIT);
    const port = decimal(text, digits, i, 65_535);
    if (port === -1) return -1;
    via.port = port;
  }
  i = scanParams(text, i, end, via.params);
  via.branch = via.params.get('branch');
  return i;
}

/** RFC 6665 §8.2.1. undefined = malformed. */
export function parseEvent(value: string): EventHeader | undefined {
  const nameEnd = skipClass(value, 0, value.length, TOKEN);
  const params: Params = new Map();
  if (nameEnd === 0 || scanParams(value, nameEnd, value.length, params) !== value.length) return undefined;
  return { package: value.slice(0, nameEnd).toLowerCase(), id: params.get('id'), params };
}

/** RFC 3261 §20.15. undefined = malformed. */
export function parseContentType(value: string): MediaType | undefined {
  const media: MediaType = { type: '', params: new Map() };
  return scanMediaType(value, 0, value.length, media) === value.length ? media : undefined;
}

/** One Accept value: its media ranges in order, none for an empty value (§20.1). undefined = malformed. */
export function parseAccept(value: string): MediaType[] | undefined {
  const ranges: MediaType[] = [];
  if (skipClass(value, 0, value.length, BLANK) === value.length) return ranges;
  for (let i = 0; ; i++) {
    const media: MediaType = { type: '', params: new Map() };
    i = scanMediaType(value, i, value.length, media);
    if (i === -1) return undefined;
    ranges.push(media);
    if (i === value.length) return ranges;
  }
}

function scanMediaType(text: string, start: number, end: number, media: MediaType): number {
  const from = skipClass(text, start, end, BLANK);
  const typeEnd = skipClass(text, from, end, TOKEN);
  const slash = skipClass(text, typeEnd, end, BLANK);
  if (typeEnd === from || slash === end || text.charCodeAt(slash) !== 0x2f) return -1;
  const subtype = skipClass(text, slash + 1, end, BLANK);
  const subtypeEnd = skipClass(text, subtype, end, TOKEN);
  if (subtypeEnd === subtype) return -1;
  media.type = `${text.slice(from, typeEnd)}/${text.slice(subtype, subtypeEnd)}`.toLowerCase();
  return scanParams(text, subtypeEnd, end, media.params);
}

/** The items of a comma-separated list, trimmed, empty ones left out; commas in quotes and angle brackets do not count. */
export function splitCommas(value: string): string[] {
  const items: string[] = [];
  for (let i = 0; i <= value.length; i++) {
    const from = skipClass(value, i, value.length, BLANK);
    i = itemEnd(value, from, value.length);
    const to = trimEnd(value, from, i);
    if (to > from) items.push(value.slice(from, to));
  }
  return items;
}
