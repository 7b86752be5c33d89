// Owns the one pass over a header block: where each header line starts, which header it is, and its value on demand.
import { SipError } from '../base/errors';
import { H, headerNumber, sameName } from './names';
import { blanks } from './params';
import { type ByteText, byteText, charge, decimal, skipClass, TOKEN, trimEnd } from './text';

/** What bounds the work and the memory one message can cost. */
export interface Limits {
  /** Header lines; one more is answered 400. */
  maxHeaders: number;
  /** Bytes of start line and headers; one more is answered 513. At most 2^23. */
  maxHeadBytes: number;
}

export const defaultLimits: Limits = { maxHeaders: 256, maxHeadBytes: 32_768 };

/** Each header line takes two entries: offset × 128 + 64 if folded + number of the name, and the offset of the value. */
const folded = 64;
const offsetUnit = 128;

/** Where a scan puts the entries it finds, before it is known how many there are: a list that grows costs twice its size. */
const found: number[] = [];
let foundCount = 0;

/**
 * The header lines of one message. Holds two small integers a line and no text but the message's own; names are the numbers
 * of names.ts. Lines end in CRLF, a bare LF is taken for one; a line that starts with a blank continues the one before.
 */
export class HeaderLines implements ByteText {
  private readonly entries: readonly number[];
  /** Bit n: the header with number n < 31 is there. */
  private seen = 0;
  /** Bit n: it is there more than once. */
  private repeated = 0;
  /** Values that a script has put in place of those in the text, by line. */
  private replaced: Map<number, string> | undefined = undefined;
  /** Offset after the last header line: where the empty line stands, or the end of the text. */
  end: number;
  /** What is wrong with the block, if anything is. After a fault of count or size the rest was not looked at. */
  readonly fault: LineFault | undefined;

  /** Finds the header lines from `start` (the line after the start line) to the empty line or the end. */
  constructor(
    readonly bytes: Uint8Array,
    readonly text: string,
    readonly start: number,
    limits: Limits,
  ) {
    this.end = start;
    foundCount = 0;
    this.fault = this.scan(limits);
    this.entries = found.slice(0, foundCount);
  }

  private scan(limits: Limits): LineFault | undefined {
    const { bytes, text } = this;
    const limit = Math.min(bytes.length, limits.maxHeadBytes);
    let fault: LineFault | undefined;
    let i = this.start;
    let carriageReturn = nextReturn(text, i);
    while (i < bytes.length) {
      const first = bytes[i];
      if (first === 0x0a || (first === 0x0d && bytes[i + 1] === 0x0a)) break;
      if (i >= limit) return 'size';
      const nameEnd = skipClass(bytes, i, limit, TOKEN);
      const colon = blanks(bytes, nameEnd, limit);
      let next = lineEnd(text, colon);
      let fold = 0;
      while (next < limit && isBlank(bytes[next])) {
        fold = folded;
        next = lineEnd(text, next);
      }
      if (nameEnd > i && bytes[colon] === 0x3a) {
        if (foundCount >> 1 === limits.maxHeaders) return 'count';
        this.add(i, headerNumber(bytes, i, nameEnd), fold, colon + 1);
      } else fault = 'line';
      for (; carriageReturn < next; carriageReturn = nextReturn(text, carriageReturn + 1)) {
        // A bare CR ends a line for some parsers: nothing that holds one is copied into a message of ours.
        if (bytes[carriageReturn + 1] !== 0x0a) fault = 'line';
      }
      i = next;
      this.end = i;
    }
    return i > limit ? 'size' : fault;
  }

  private add(offset: number, number: number, fold: number, value: number): void {
    found[foundCount++] = offset * offsetUnit + fold + number;
    found[foundCount++] = value;
    if (number === 0 || number > 30) return;
    const bit = 1 << number;
    this.repeated |= this.seen & bit;
    this.seen |= bit;
  }

  /** How many header lines there are. */
  get count(): number {
    return this.entries.length >> 1;
  }

  /** Whether all of some headers (a set of bits 1 << number, numbers below 31) are there. */
  hasAll(bits: number): boolean {
    return (this.seen & bits) === bits;
  }

  /** Whether a header (number below 31) is there. */
  has(number: number): boolean {
    return (this.seen & (1 << number)) !== 0;
  }

  /** Which of some headers (a set of bits) stand on more than one line. */
  repeatedOf(bits: number): number {
    return this.repeated & bits;
  }

  /** The first line with this header number at or after line `from`, or -1. */
  indexOf(number: number, from = 0): number {
    if (number > 0 && number < 31 && !this.has(number)) return -1;
    let k = from;
    while (k < this.count && ((this.entries[2 * k] ?? 0) & (folded - 1)) !== number) k++;
    charge(k - from + 1);
    return k < this.count ? k : -1;
  }

  /** The first line whose name is `name` (lower case, none of the known ones) at or after line `from`, or -1. */
  indexOfName(name: Uint8Array, from = 0): number {
    for (let k = this.indexOf(0, from); k !== -1; k = this.indexOf(0, k + 1)) {
      const offset = this.offset(k);
      const nameEnd = skipClass(this.bytes, offset, offset + name.length + 1, TOKEN);
      if (sameName(this.bytes, offset, nameEnd, name)) return k;
    }
    return -1;
  }

  /** Offset of line `k` in the text; of the end of the block for the line after the last. */
  offset(k: number): number {
    const entry = this.entries[2 * k];
    return entry === undefined ? this.end : Math.floor(entry / offsetUnit);
  }

  /** The value on line `k`: unfolded (RFC 3261 §7.3.1: a fold is one blank) and trimmed. */
  value(k: number): string {
    const replaced = this.replaced?.get(k);
    if (replaced !== undefined) return replaced;
    const start = blanks(this.bytes, this.entries[2 * k + 1] ?? 0, this.end);
    if (((this.entries[2 * k] ?? 0) & folded) !== 0) return this.unfolded(k);
    return this.text.slice(start, trimEnd(this.bytes, start, this.offset(k + 1)));
  }

  /** Hands the value on line `k` to a scanner without making a string of it. */
  read<T>(k: number, scanner: (source: ByteText, start: number, end: number) => T): T {
    const isFolded = ((this.entries[2 * k] ?? 0) & folded) !== 0;
    if (isFolded || this.replaced?.has(k)) {
      const source = byteText(this.value(k));
      return scanner(source, 0, source.text.length);
    }
    const start = blanks(this.bytes, this.entries[2 * k + 1] ?? 0, this.end);
    return scanner(this, start, trimEnd(this.bytes, start, this.offset(k + 1)));
  }

  /** Puts another value on line `k`, without reading the block anew. */
  replace(k: number, value: string): void {
    this.replaced ??= new Map();
    this.replaced.set(k, value);
  }

  /** The text of lines `from` to before `to` as they stand now; from line 0 with what is before it. */
  textOf(from: number, to: number): string {
    const end = this.offset(to);
    let start = from === 0 ? 0 : this.offset(from);
    if (this.replaced === undefined) return this.text.slice(start, end);
    let text = '';
    for (let k = from; k < to; k++) {
      const value = this.replaced.get(k);
      if (value === undefined) continue;
      text += `${this.text.slice(start, this.entries[2 * k + 1] ?? 0)} ${value}\r\n`;
      start = this.offset(k + 1);
    }
    return text + this.text.slice(start, end);
  }

  private unfolded(k: number): string {
    const end = this.offset(k + 1);
    const pieces: string[] = [];
    let i = blanks(this.bytes, this.entries[2 * k + 1] ?? 0, end);
    while (i < end) {
      const next = Math.min(lineEnd(this.text, i), end);
      const stop = trimEnd(this.bytes, i, next);
      if (stop > i) pieces.push(this.text.slice(i, stop));
      i = blanks(this.bytes, next, end);
    }
    return pieces.join(' ');
  }

  /**
   * The declared size of the body; undefined when there is no Content-Length.
   * @throws SipError 400 when it is not a number, or when two lines do not say the same
   */
  contentLength(): number | undefined {
    let length: number | undefined;
    for (let k = this.indexOf(H.contentLength); k !== -1; k = this.indexOf(H.contentLength, k + 1)) {
      const declared = this.read(k, readLength);
      if (declared === -1) throw new SipError(400, 'Bad Content-Length');
      if (length !== undefined && length !== declared) throw new SipError(400, 'Contradictory Content-Length');
      length = declared;
    }
    return length;
  }
}

function readLength(source: ByteText, start: number, end: number): number {
  return decimal(source.bytes, start, end, Number.MAX_SAFE_INTEGER);
}

/** What can be wrong with a header block: a line that is no header, too many lines, too many bytes. */
export type LineFault = 'line' | 'count' | 'size';

/** The answer to a faulty header block; undefined for a good one. */
export function faultError(fault: LineFault | undefined): SipError | undefined {
  switch (fault) {
    case 'line':
      return new SipError(400, 'Bad Header Line');
    case 'count':
      return new SipError(400, 'Too Many Headers');
    case 'size':
      return new SipError(513, 'Headers Too Large');
    default:
      return undefined;
  }
}

function isBlank(code: number | undefined): boolean {
  return code === 0x20 || code === 0x09;
}

/** The offset of the next CR at or after `start`, or the end of the text. */
function nextReturn(text: string, start: number): number {
  const carriageReturn = text.indexOf('\r', start);
  const end = carriageReturn === -1 ? text.length : carriageReturn;
  charge(end - start);
  return end;
}

/** The offset after the next LF at or after `start`, or the end of the text. */
function lineEnd(text: string, start: number): number {
  const lineFeed = text.indexOf('\n', start);
  const end = lineFeed === -1 ? text.length : lineFeed + 1;
  charge(end - start);
  return end;
}
