// Owns the grammars of header values: addresses, Via, Event, Accept, Content-Type and comma-separated lists (RFC 3261 §20, §25).
import { blanks, itemEnd, noParams, type Params, scanParams } from './params';
import {
  BARE_URI,
  type ByteText,
  byteText,
  charge,
  DIGIT,
  DISPLAY,
  decimal,
  isToken,
  lowerSlice,
  quote,
  quotedEnd,
  skipClass,
  TOKEN,
  trimEnd,
  URI,
  unquote,
} from './text';
import { endOfHost, parseUri, readUri, type SipUri, schemeEnd } from './uri';

export type { Params } from './params';

/** `"Display" <uri>;params` or `uri;params`: what From, To, Contact, Route and Record-Route are made of. */
export interface NameAddr {
  /** Without its quotes; bytes as received (`decodeUtf8` for people); '' when there is none. */
  display: string;
  /** The URI as text; `*` for a Contact of that kind. Not taken apart: `parseUri` does. */
  uri: string;
  params: Params;
  /** Where `uri` stands, when the address was read from a message. */
  source?: ByteText | undefined;
  uriStart?: number;
  /** What `uriOf` has found; null: no URI. */
  parsed?: SipUri | null | undefined;
}

function newAddress(): NameAddr {
  return { display: '', uri: '', params: noParams(), source: undefined, uriStart: 0, parsed: undefined };
}

/** The URI of an address taken apart, once; undefined when it is none. */
export function uriOf(address: NameAddr): SipUri | undefined {
  if (address.parsed === undefined) {
    const { source, uri, uriStart = 0 } = address;
    address.parsed = (source ? readUri(source, uriStart, uriStart + uri.length) : parseUri(uri)) ?? null;
  }
  return address.parsed ?? undefined;
}

/** One hop of the way back of a request. */
export interface Via {
  /** Upper case: UDP, TCP, TLS, WS, WSS, … */
  protocol: string;
  host: string;
  port: number | undefined;
  params: Params;
  branch: string | undefined;
  /** Whether no other follows in the same header line. */
  last: boolean;
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
  return readNameAddr(byteText(value), 0, value.length);
}

export function readNameAddr(source: ByteText, start: number, end: number): NameAddr | undefined {
  const address = newAddress();
  return scanNameAddr(source, start, end, address) === end ? address : undefined;
}

/** A comma-separated list of addresses: Route, Record-Route, P-Asserted-Identity. undefined = malformed. */
export function parseNameAddrs(value: string): NameAddr[] | undefined {
  return readNameAddrs(byteText(value), 0, value.length);
}

export function readNameAddrs(source: ByteText, start: number, end: number): NameAddr[] | undefined {
  const addresses: NameAddr[] = [];
  for (let i = start; ; i++) {
    const address = newAddress();
    i = scanNameAddr(source, i, end, address);
    if (i === -1) return undefined;
    addresses.push(address);
    if (i === end) return addresses;
  }
}

/** A Contact value: `*` as the only address with that uri, else a list of addresses. undefined = malformed. */
export function parseContact(value: string): NameAddr[] | undefined {
  return readContact(byteText(value), 0, value.length);
}

export function readContact(source: ByteText, start: number, end: number): NameAddr[] | undefined {
  if (end - start === 1 && source.bytes[start] === 0x2a) return [{ ...newAddress(), uri: '*' }];
  return readNameAddrs(source, start, end);
}

/** Reads one address; returns the position after it (`end` or a comma), or -1 when it is malformed. */
function scanNameAddr(source: ByteText, start: number, end: number, address: NameAddr): number {
  const { bytes, text } = source;
  const from = blanks(bytes, start, end);
  let i = from;
  if (i < end && bytes[i] === 0x22) {
    i = quotedEnd(bytes, i, end);
    if (i === -1) return -1;
    address.display = unquote(text, from, i);
    i = blanks(bytes, i, end);
    if (i === end || bytes[i] !== 0x3c) return -1;
  } else {
    // A display name has no colon and an address without brackets has one in its scheme: whichever comes first decides.
    i = skipClass(bytes, from, end, DISPLAY);
    if (i === end) return -1;
    if (bytes[i] === 0x3a) return scanBareAddr(source, from, i, end, address);
    if (bytes[i] !== 0x3c) return -1;
    address.display = text.slice(from, trimEnd(bytes, from, i));
  }
  const uriStart = blanks(bytes, i + 1, end);
  const uriEnd = skipClass(bytes, uriStart, end, URI);
  const close = blanks(bytes, uriEnd, end);
  if (close === end || bytes[close] !== 0x3e || schemeEnd(bytes, uriStart, uriEnd) === -1) return -1;
  address.uri = text.slice(uriStart, uriEnd);
  address.source = source;
  address.uriStart = uriStart;
  return scanParams(source, close + 1, end, address.params);
}

/** An address without brackets: it ends at the first semicolon, comma or blank, and may hold no question mark (§20.10). */
function scanBareAddr(source: ByteText, start: number, colon: number, end: number, address: NameAddr): number {
  const stop = skipClass(source.bytes, colon + 1, end, BARE_URI);
  if (stop === colon + 1 || schemeEnd(source.bytes, start, colon + 1) === -1) return -1;
  address.uri = source.text.slice(start, stop);
  address.source = source;
  address.uriStart = start;
  return scanParams(source, stop, end, address.params);
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
  return readVia(byteText(value), 0, value.length);
}

export function readVia(source: ByteText, start: number, end: number): Via | undefined {
  const via: Via = { protocol: '', host: '', port: undefined, params: noParams(), branch: undefined, last: false };
  const stop = scanVia(source, start, end, via);
  via.last = stop === end;
  return stop === -1 ? undefined : via;
}

/** All Via of a header value, topmost first. undefined = one is malformed. */
export function readVias(source: ByteText, start: number, end: number): Via[] | undefined {
  const vias: Via[] = [];
  for (let i = start; ; i++) {
    const via: Via = { protocol: '', host: '', port: undefined, params: noParams(), branch: undefined, last: false };
    i = scanVia(source, i, end, via);
    if (i === -1) return undefined;
    via.last = i === end;
    vias.push(via);
    if (i === end) return vias;
  }
}

/** Reads one Via; returns the position after it (`end` or a comma), or -1 when it is malformed. */
function scanVia(source: ByteText, start: number, end: number, via: Via): number {
  const { bytes, text } = source;
  const name = viaPart(source, blanks(bytes, start, end), end, 'SIP');
  const protocol = name === -1 ? -1 : viaPart(source, name, end, '2.0');
  if (protocol === -1) return -1;
  const protocolEnd = skipClass(bytes, protocol, end, TOKEN);
  const host = blanks(bytes, protocolEnd, end);
  if (protocolEnd === protocol || host === protocolEnd) return -1;
  via.protocol = upperSlice(source, protocol, protocolEnd);
  const hostEnd = endOfHost(bytes, host, end);
  if (hostEnd === -1) return -1;
  via.host = text.slice(host, hostEnd);
  let i = blanks(bytes, hostEnd, end);
  if (i < end && bytes[i] === 0x3a) {
    const digits = blanks(bytes, i + 1, end);
    i = skipClass(bytes, digits, end, DIGIT);
    const port = decimal(bytes, digits, i, 65_535);
    if (port === -1) return -1;
    via.port = port;
  }
  i = scanParams(source, i, end, via.params);
  via.branch = via.params.get('branch');
  return i;
}

/** `expected` and the slash after it, blanks around the slash skipped; returns the position after them, or -1. */
function viaPart(source: ByteText, start: number, end: number, expected: string): number {
  const { bytes } = source;
  const partEnd = skipClass(bytes, start, end, TOKEN);
  if (upperSlice(source, start, partEnd) !== expected) return -1;
  const slash = blanks(bytes, partEnd, end);
  return slash < end && bytes[slash] === 0x2f ? blanks(bytes, slash + 1, end) : -1;
}

/** text[start, end) in upper case, as nearly everybody writes it. */
function upperSlice(source: ByteText, start: number, end: number): string {
  charge(end - start);
  const slice = source.text.slice(start, end);
  for (let i = start; i < end; i++) if ((source.bytes[i] ?? 0) >= 0x61) return slice.toUpperCase();
  return slice;
}

/** RFC 6665 §8.2.1. undefined = malformed. */
export function parseEvent(value: string): EventHeader | undefined {
  return readEvent(byteText(value), 0, value.length);
}

export function readEvent(source: ByteText, start: number, end: number): EventHeader | undefined {
  const nameEnd = skipClass(source.bytes, start, end, TOKEN);
  const params = noParams();
  if (nameEnd === start || scanParams(source, nameEnd, end, params) !== end) return undefined;
  return { package: lowerSlice(source, start, nameEnd), id: params.get('id'), params };
}

/** RFC 3261 §20.15. undefined = malformed. */
export function parseContentType(value: string): MediaType | undefined {
  return readContentType(byteText(value), 0, value.length);
}

export function readContentType(source: ByteText, start: number, end: number): MediaType | undefined {
  const media: MediaType = { type: '', params: noParams() };
  return scanMediaType(source, start, end, media) === end ? media : undefined;
}

/** One Accept value: its media ranges in order, none for an empty value (§20.1). undefined = malformed. */
export function parseAccept(value: string): MediaType[] | undefined {
  return readAccept(byteText(value), 0, value.length);
}

export function readAccept(source: ByteText, start: number, end: number): MediaType[] | undefined {
  const ranges: MediaType[] = [];
  if (start === end) return ranges;
  for (let i = start; ; i++) {
    const media: MediaType = { type: '', params: noParams() };
    i = scanMediaType(source, i, end, media);
    if (i === -1) return undefined;
    ranges.push(media);
    if (i === end) return ranges;
  }
}

function scanMediaType(source: ByteText, start: number, end: number, media: MediaType): number {
  const { bytes } = source;
  const from = blanks(bytes, start, end);
  const typeEnd = skipClass(bytes, from, end, TOKEN);
  const slash = blanks(bytes, typeEnd, end);
  if (typeEnd === from || slash === end || bytes[slash] !== 0x2f) return -1;
  const subtype = blanks(bytes, slash + 1, end);
  const subtypeEnd = skipClass(bytes, subtype, end, TOKEN);
  if (subtypeEnd === subtype) return -1;
  media.type =
    subtype === typeEnd + 1
      ? lowerSlice(source, from, subtypeEnd)
      : `${lowerSlice(source, from, typeEnd)}/${lowerSlice(source, subtype, subtypeEnd)}`;
  return scanParams(source, subtypeEnd, end, media.params);
}

/** The items of a comma-separated list, trimmed, empty ones left out; commas in quotes and angle brackets do not count. */
export function splitCommas(value: string): string[] {
  const { bytes } = byteText(value);
  const items: string[] = [];
  for (let i = 0; i <= value.length; i++) {
    const from = blanks(bytes, i, value.length);
    i = itemEnd(bytes, from, value.length);
    const to = trimEnd(bytes, from, i);
    if (to > from) items.push(value.slice(from, to));
  }
  return items;
}
