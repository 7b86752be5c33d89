// Owns URIs: taken apart and put together (RFC 3261 §19.1), and the address of record that names a presentity.
import { noParams, type Params } from './params';
import {
  type ByteText,
  byteText,
  charge,
  DIGIT,
  decimal,
  HEX,
  HOST,
  isClass,
  lowerSlice,
  skipClass,
  TOKEN,
  URI,
} from './text';

/** A URI taken apart. Text is as written (escapes kept) except where it says lower case. */
export interface SipUri {
  /** Lower case: sip, sips, tel, pres, … */
  scheme: string;
  /** '' when there is none. For a scheme without hosts (tel, urn, …) what stands before the parameters. */
  user: string;
  password: string;
  /** As written, an IPv6 reference with its brackets; '' for a scheme without hosts. */
  host: string;
  port: number | undefined;
  /** Names lower case, '' for a flag. Of a name given twice the first holds. */
  params: Params;
  /** What follows the question mark, '' when there is none. */
  headers: string;
}

const maxPort = 65_535;

/**
 * Takes a URI apart. sip, sips, pres and im have a host; every other scheme is opaque up to its parameters.
 * @returns undefined when the text is not a URI of its scheme
 */
export function parseUri(text: string): SipUri | undefined {
  return readUri(byteText(text), 0, text.length);
}

/** `parseUri` for text[start, end) of a message. */
export function readUri(source: ByteText, start: number, end: number): SipUri | undefined {
  const colon = schemeEnd(source.bytes, start, end);
  if (colon === -1 || skipClass(source.bytes, colon + 1, end, URI) !== end) return undefined;
  const scheme = lowerSlice(source, start, colon);
  const uri: SipUri = { scheme, user: '', password: '', host: '', port: undefined, params: noParams(), headers: '' };
  const tail = hasHost(scheme) ? scanAuthority(source, colon + 1, end, uri) : scanOpaque(source, colon + 1, end, uri);
  return tail !== -1 && scanTail(source, tail, end, uri) ? uri : undefined;
}

/** Whether URIs of a scheme (lower case) name a host: `user@host`. */
function hasHost(scheme: string): boolean {
  return scheme === 'sip' || scheme === 'sips' || scheme === 'pres' || scheme === 'im';
}

/** The position of the colon that ends the scheme that starts at `start`, or -1 when there is no scheme. */
export function schemeEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  for (; i < end; i++) {
    const code = bytes[i] ?? 0;
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    if (!letter && (i === start || !(isClass(code, DIGIT) || code === 0x2b || code === 0x2d || code === 0x2e))) break;
  }
  charge(i - start + 1);
  return i > start && i < end && bytes[i] === 0x3a ? i : -1;
}

/** [ user [ ":" password ] "@" ] host [ ":" port ]; returns the position after it, or -1. */
function scanAuthority(source: ByteText, start: number, end: number, uri: SipUri): number {
  const { bytes, text } = source;
  const at = indexOfByte(bytes, 0x40, start, end);
  let i = start;
  if (at !== end) {
    const colon = indexOfByte(bytes, 0x3a, start, at);
    if (colon === start || at === start || !escapesAreWhole(bytes, start, at)) return -1;
    uri.user = text.slice(start, colon);
    if (colon !== at) uri.password = text.slice(colon + 1, at);
    i = at + 1;
  }
  const hostEnd = endOfHost(bytes, i, end);
  if (hostEnd === -1) return -1;
  uri.host = text.slice(i, hostEnd);
  if (hostEnd === end || bytes[hostEnd] !== 0x3a) return hostEnd;
  const portEnd = skipClass(bytes, hostEnd + 1, end, DIGIT);
  const port = decimal(bytes, hostEnd + 1, portEnd, maxPort);
  uri.port = port;
  return port === -1 ? -1 : portEnd;
}

function scanOpaque(source: ByteText, start: number, end: number, uri: SipUri): number {
  const stop = indexOfByte(source.bytes, 0x3b, start, end);
  uri.user = source.text.slice(start, stop);
  return stop === start ? -1 : stop;
}

/** Parameters and headers up to the end: *( ";" name [ "=" value ] ) [ "?" headers ]. */
function scanTail(source: ByteText, start: number, end: number, uri: SipUri): boolean {
  const { bytes, text } = source;
  let i = start;
  while (i < end && bytes[i] === 0x3b) {
    const from = i + 1;
    let equals = -1;
    for (i = from; i < end; i++) {
      const code = bytes[i];
      if (code === 0x3b || code === 0x3f) break;
      if (code === 0x3d && equals === -1) equals = i;
    }
    charge(i - from + 1);
    const name = lowerSlice(source, from, equals === -1 ? i : equals);
    if (name === '') return false;
    if (!uri.params.has(name)) uri.params.set(name, equals === -1 ? '' : text.slice(equals + 1, i));
  }
  if (i === end) return true;
  uri.headers = text.slice(i + 1, end);
  return bytes[i] === 0x3f;
}

/** The end of the host name, IPv4 address or bracketed IPv6 reference at `start`, or -1 when there is none. */
export function endOfHost(bytes: Uint8Array, start: number, end: number): number {
  if (start < end && bytes[start] === 0x5b) {
    let i = start + 1;
    for (; i < end; i++) {
      const code = bytes[i];
      if (!isClass(code, HEX) && code !== 0x3a && code !== 0x2e) break;
    }
    charge(i - start + 1);
    return i > start + 2 && i < end && bytes[i] === 0x5d ? i + 1 : -1;
  }
  const stop = skipClass(bytes, start, end, HOST);
  return stop === start ? -1 : stop;
}

/** The first position of a byte in bytes[start, end), or `end`. */
function indexOfByte(bytes: Uint8Array, byte: number, start: number, end: number): number {
  let i = start;
  while (i < end && bytes[i] !== byte) i++;
  charge(i - start + 1);
  return i;
}

function escapesAreWhole(bytes: Uint8Array, start: number, end: number): boolean {
  charge(end - start);
  for (let i = start; i < end; i++) {
    if (bytes[i] !== 0x25) continue;
    if (i + 2 >= end || !isClass(bytes[i + 1], HEX) || !isClass(bytes[i + 2], HEX)) return false;
  }
  return true;
}

/** The URI as text, RFC 3261 §19.1.1. */
export function formatUri(uri: SipUri): string {
  let text = `${uri.scheme}:${uri.user}`;
  if (uri.password !== '') text += `:${uri.password}`;
  if (uri.host !== '') text += uri.user === '' ? uri.host : `@${uri.host}`;
  if (uri.port !== undefined) text += `:${uri.port}`;
  for (const [name, value] of uri.params) text += value === '' ? `;${name}` : `;${name}=${value}`;
  return uri.headers === '' ? text : `${text}?${uri.headers}`;
}

/**
 * What names a presentity or a watcher: `sip:user@host`, host in lower case, equal escapes written equally (RFC 3261
 * §19.1.4: an escaped unreserved character equals the character). Scheme, password, port, parameters and headers are
 * dropped. A URI without a host stays itself: `tel:+15551234`.
 */
export function addressOfRecord(uri: SipUri): string {
  if (uri.host === '') return `${uri.scheme}:${uri.user}`;
  const host = uri.host.toLowerCase();
  return uri.user === '' ? `sip:${host}` : `sip:${plainUser(uri.user)}@${host}`;
}

/** A user part with unreserved characters unescaped, other escapes in capitals, and raw bytes above 127 escaped. */
function plainUser(user: string): string {
  let i = 0;
  while (i < user.length && user.charCodeAt(i) !== 0x25 && user.charCodeAt(i) < 0x80) i++;
  charge(user.length);
  if (i === user.length) return user;
  let plain = user.slice(0, i);
  for (; i < user.length; i++) {
    let code = user.charCodeAt(i);
    if (code === 0x25) {
      code = Number.parseInt(user.slice(i + 1, i + 3), 16);
      i += 2;
    } else if (code < 0x80) {
      plain += user[i];
      continue;
    }
    plain += isUnreserved(code) ? String.fromCharCode(code) : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return plain;
}

/** RFC 3261 §25.1 `unreserved`: alphanumerics and - _ . ! ~ * ' ( ) */
function isUnreserved(code: number): boolean {
  if (code === 0x28 || code === 0x29) return true;
  return isClass(code, TOKEN) && code !== 0x25 && code !== 0x2b && code !== 0x60;
}
