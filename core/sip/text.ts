// Owns what every SIP scanner shares: character classes, quoted strings, byte strings, and the count of characters visited.

/** One number that changes with every scan: in a typed array it costs an addition, in an object's field a lot more. */
const visited = new Float64Array(1);

/**
 * Characters visited by all scanners since the process started. Every scanner charges the span it looked at, that of an
 * `indexOf` included, so that a test can assert that work grows with the size of a message and not with its square.
 */
export function scanWork(): number {
  return visited[0] ?? 0;
}

/** Adds `characters` to `scanWork`. */
export function charge(characters: number): void {
  visited[0] = (visited[0] ?? 0) + characters;
}

/** RFC 3261 §25.1 `token`. */
export const TOKEN = 1;
/** Blank or tab: all the white space there is once a value is unfolded. */
export const BLANK = 2;
/** What a host name or an IPv4 address is made of; the underscore is not in the RFC and is in the field. */
export const HOST = 4;
/** What an unquoted parameter value is made of: any visible character that does not delimit. */
export const VALUE = 8;
/** What a URI is made of: any visible character but angle brackets and the double quote. */
export const URI = 16;
export const DIGIT = 32;
export const HEX = 64;
/** What may stand before the bracket of an address without being quoted: more than the RFC's tokens, but no delimiter. */
export const DISPLAY = 128;
/** What an address without brackets is made of: a URI without comma, semicolon and question mark (RFC 3261 §20.10). */
export const BARE_URI = 256;

const classes = characterClasses();

function characterClasses(): Uint16Array {
  const table = new Uint16Array(256);
  const add = (characters: string, mask: number) => {
    for (let i = 0; i < characters.length; i++)
      table[characters.charCodeAt(i)] = (table[characters.charCodeAt(i)] ?? 0) | mask;
  };
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  const digits = '0123456789';
  add(`${letters}${digits}-.!%*_+\`'~`, TOKEN);
  add(' \t', BLANK | DISPLAY);
  add(`${letters}${digits}-._`, HOST);
  add(digits, DIGIT);
  add(`${digits}abcdefABCDEF`, HEX);
  for (let code = 0x21; code < 256; code++) {
    if (code === 0x7f) continue;
    const character = String.fromCharCode(code);
    if (!'<>"'.includes(character)) add(character, URI);
    if (!'<>",;'.includes(character)) add(character, VALUE);
    if (!'<>",;?'.includes(character)) add(character, BARE_URI);
    if (!'<>",;:'.includes(character)) add(character, DISPLAY);
  }
  return table;
}

/**
 * Header text in both its forms, position for position: bytes to look at, which costs half of what a character of a string
 * costs, and the string to cut from, which costs a fifth of what a piece of a buffer costs.
 */
export interface ByteText {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** Header text (one character a byte) made ready to be scanned. */
export function byteText(text: string): ByteText {
  charge(text.length);
  return { bytes: Buffer.from(text, 'latin1'), text };
}

/** Whether a character code is in one of the classes of `mask`. */
export function isClass(code: number | undefined, mask: number): boolean {
  return ((classes[code ?? 0] ?? 0) & mask) !== 0;
}

/** The first position at or after `start` that is not of class `mask`, or `end`. */
export function skipClass(bytes: Uint8Array, start: number, end: number, mask: number): number {
  let i = start;
  while (i < end && ((classes[bytes[i] ?? 0] ?? 0) & mask) !== 0) i++;
  charge(i - start + 1);
  return i;
}

/** The position after the last character of bytes[start, end) that is neither blank, tab, CR nor LF. */
export function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = end;
  while (i > start) {
    const code = bytes[i - 1];
    if (code !== 0x20 && code !== 0x0d && code !== 0x0a && code !== 0x09) break;
    i--;
  }
  charge(end - i + 1);
  return i;
}

/** The position after the closing quote of the quoted string that opens at `start`, or -1 when it never closes. */
export function quotedEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start + 1; i < end; i++) {
    const code = bytes[i];
    if (code === 0x22) {
      charge(i - start);
      return i + 1;
    }
    if (code === 0x5c) i++;
  }
  charge(end - start);
  return -1;
}

/** The content of the quoted string text[start, end), quotes included in the span, with its backslashes resolved. */
export function unquote(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  charge(inner.length);
  let backslash = inner.indexOf('\\');
  if (backslash === -1) return inner;
  const pieces: string[] = [];
  let from = 0;
  while (backslash !== -1) {
    pieces.push(inner.slice(from, backslash));
    from = backslash + 1;
    backslash = inner.indexOf('\\', from + 1);
  }
  pieces.push(inner.slice(from));
  return pieces.join('');
}

/** `text` as a quoted string, RFC 3261 §25.1. */
export function quote(text: string): string {
  return text.includes('"') || text.includes('\\') ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`;
}

/** Whether `text` is a token, RFC 3261 §25.1. */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (!isClass(text.charCodeAt(i), TOKEN)) return false;
  }
  return text !== '';
}

/** The decimal number bytes[start, end), or -1 when it is empty, holds anything but digits or is above `max`. */
export function decimal(bytes: Uint8Array, start: number, end: number, max: number): number {
  charge(end - start);
  if (start >= end) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > max) return -1;
  }
  return value;
}

/** text[start, end) in lower case. Names are mostly written so, and then there is nothing to convert. */
export function lowerSlice(source: ByteText, start: number, end: number): string {
  charge(end - start);
  const slice = source.text.slice(start, end);
  for (let i = start; i < end; i++) {
    const code = source.bytes[i] ?? 0;
    if (code >= 0x41 && code <= 0x5a) return slice.toLowerCase();
  }
  return slice;
}

/** A copy that does not keep the datagram alive that `text` was cut from. For what is stored beyond its message. */
export function detach(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** Header text (one character a byte) as people read it. Bytes that are not UTF-8 become U+FFFD. */
export function decodeUtf8(bytes: string): string {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes.charCodeAt(i) > 0x7f) return Buffer.from(bytes, 'latin1').toString('utf8');
  }
  return bytes;
}

/** Text as people write it, turned into header text: UTF-8, one character a byte. */
export function encodeUtf8(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.from(text, 'utf8').toString('latin1');
  }
  return text;
}

/**
 * `text` fit to be written one byte a character: UTF-8 when it has a character above U+00FF, which would lose its high
 * bits and could become a line break. Text without one is taken for bytes already.
 */
export function toBytes(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0xff) return encodeUtf8(text);
  }
  return text;
}

/** `toBytes` for what has to stay inside one line: a blank for each CR, LF and NUL. */
export function oneLine(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x0d || code === 0x0a || code === 0) return oneLine(text.replace(/[\r\n\0]/g, ' '));
  }
  return toBytes(text);
}
