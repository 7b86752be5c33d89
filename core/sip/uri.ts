// Owns URIs: taken apart and put together (RFC 3261 §19.1), and the address of record that names a presentity.
import { DIGIT, decimal, HEX, HOST, isClass, scanWork, skipClass, TOKEN, URI } from './text';

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
  params: Map<string, string>;
  /** What follows the question mark, '' when there is none. */
  headers: string;
}

const maxPort = 65_535;

/**
 * Takes a URI apart. sip, sips, pres and im have a host; every other scheme is opaque up to its parameters.
 * @returns undefined when the text is not a URI of its scheme
 */
export function parseUri(text: string): SipUri | undefined {
  const colon = schemeEnd(text, 0, text.length);
  if (colon === -1 || skipClass(text, colon + 1, text.length, URI) !== text.length) return undefined;
  const scheme = text.slice(0, colon).toLowerCase();
  const uri: SipUri = { scheme, user: '', password: '', host: '', port: undefined, params: new Map(), headers: '' };
  return hasHost(scheme) ? parseHosted(text, colon + 1, uri) : parseOpaque(text, colon + 1, uri);
}

/** Whether URIs of a scheme (lower case) name a host: `user@host`. */
export function hasHost(scheme: string): boolean {
  return scheme === 'sip' || scheme === 'sips' || scheme === 'pres' || scheme === 'im';
}

/** The position of the colon that ends the scheme that starts at `start`, or -1 when there is no scheme. */
export function schemeEnd(text: string, start: number, end: number): number {
  let i = start;
  for (; i < end; i++) {
    const code = text.charCodeAt(i);
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    if (!letter && (i === start || !(isClass(code, DIGIT) || code === 0x2b || code === 0x2d || code === 0x2e))) break;
  }
  scanWork.visited += i - start + 1;
  return i > start && i < end && text.charCodeAt(i) === 0x3a ? i : -1;
}

function parseHosted(text: string, start: number, uri: SipUri): SipUri | undefined {
  scanWork.visited += text.length - start;
  const at = text.indexOf('@', start);
  let i = start;
  if (at !== -1) {
    if (at === start || !escapesAreWhole(text, start, at)) return undefined;
    scanWork.visited += at - start;
    const user = text.slice(start, at);
    const colon = user.indexOf(':');
    if (colon === 0) return undefined;
    uri.user = colon === -1 ? user : user.slice(0, colon);
    if (colon !== -1) uri.password = user.slice(colon + 1);
    i = at + 1;
  }
  const hostEnd = endOfHost(text, i, text.length);
  if (hostEnd === -1) return undefined;
  uri.host = text.slice(i, hostEnd);
  i = hostEnd;
  if (i < text.length && text.charCodeAt(i) === 0x3a) {
    const portEnd = skipClass(text, i + 1, text.length, DIGIT);
    const port = decimal(text, i + 1, portEnd, maxPort);
    if (port === -1) return undefined;
    uri.port = port;
    i = portEnd;
  }
  return parseTail(text, i, uri);
}

function parseOpaque(text: string, start: number, uri: SipUri): SipUri | undefined {
  scanWork.visited += text.length - start;
  const semicolon = text.indexOf(';', start);
  const end = semicolon === -1 ? text.length : semicolon;
  if (end === start) return undefined;
  uri.user = text.slice(start, end);
  return parseTail(text, end, uri);
}

/** Parameters and headers: *( ";" name [ "=" value ] ) [ "?" headers ]. */
function parseTail(text: string, start: number, uri: SipUri): SipUri | undefined {
  let i = start;
  while (i < text.length && text.charCodeAt(i) === 0x3b) {
    const from = i + 1;
    let equals = -1;
    for (i = from; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 0x3b || code === 0x3f) break;
      if (code === 0x3d && equals === -1) equals = i;
    }
    scanWork.visited += i - from + 1;
    const name = text.slice(from, equals === -1 ? i : equals).toLowerCase();
    if (name === '') return undefined;
    if (!uri.params.has(name)) uri.params.set(name, equals === -1 ? '' : text.slice(equals + 1, i));
  }
  if (i < text.length) {
    if (text.charCodeAt(i) !== 0x3f) return undefined;
    uri.headers = text.slice(i + 1);
  }
  return uri;
}

/** The end of the host name, IPv4 address or bracketed IPv6 reference at `start`, or -1 when there is none. */
export function endOfHost(text: string, start: number, end: number): number {
  if (start < end && text.charCodeAt(start) === 0x5b) {
    let i = start + 1;
    for (; i < end; i++) {
      const code = text.charCodeAt(i);
      if (!isClass(code, HEX) && code !== 0x3a && code !== 0x2e) break;
    }
    scanWork.visited += i - start + 1;
    return i > start + 2 && i < end && text.charCodeAt(i) === 0x5d ? i + 1 : -1;
  }
  const stop = skipClass(text, start, end, HOST);
  return stop === start ? -1 : stop;
}

function escapesAreWhole(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    if (text.charCodeAt(i) !== 0x25) continue;
    if (i + 2 >= end || !isClass(text.charCodeAt(i + 1), HEX) || !isClass(text.charCodeAt(i + 2), HEX)) return false;
  }
  scanWork.visited += end - start;
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
  scanWork.visited += user.length;
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
