// Owns the one pass over a header block: where each header line starts, which header it is, and its value on demand.
import { SipError } from '../base/errors';
import { H, headerNumber, nameEnd, sameName } from './names';
import { BLANK, decimal, scanWork, skipClass, trimEnd } from './text';

/** What bounds the work and the memory one message can cost. */
export interface Limits {
  /** Header lines; one more is answered 400. */
  maxHeaders: number;
  /** Bytes of start line and headers; one more is answered 513. At most 2^24. */
  maxHeadBytes: number;
}

export const defaultLimits: Limits = { maxHeaders: 256, maxHeadBytes: 32_768 };

/** An entry of `HeaderLines.entries` is the offset of a header line times `stride`, plus the number of its name. */
const stride = 64;

/**
 * The header lines of one message. Holds one small integer a line and no text but the message's own; names are numbers of
 * names.ts. Lines end in CRLF, a bare LF is taken for one; a line that starts with a blank continues the one before.
 */
export class HeaderLines {
  private readonly entries: number[] = [];
  /** Bit n: the header with number n < 31 is there. */
  private seen = 0;
  /** Bit n: it is there more than once. */
  private repeated = 0;
  /** Offset after the last header line: where the empty line stands, or the end of the text. */
  end: number;

  private constructor(
    readonly text: string,
    readonly start: number,
  ) {
    this.end = start;
  }

  /**
   * Finds the header lines of `text` from `start` (the line after the start line) to the empty line or the end.
   * @returns the lines found, and what is wrong with the block, if anything is
   */
  static scan(text: string, start: number, limits: Limits): { lines: HeaderLines; fault: LineFault | undefined } {
    const lines = new HeaderLines(text, start);
    return { lines, fault: lines.scan(limits) };
  }

  private scan(limits: Limits): LineFault | undefined {
    const text = this.text;
    const limit = Math.min(text.length, limits.maxHeadBytes);
    let fault: LineFault | undefined;
    let i = this.start;
    while (i < text.length) {
      const first = text.charCodeAt(i);
      if (first === 0x0a || (first === 0x0d && text.charCodeAt(i + 1) === 0x0a)) break;
      if (i >= limit) return 'size';
      if (this.entries.length === limits.maxHeaders) return 'count';
      const stop = nameEnd(text, i, limit);
      const colon = skipClass(text, stop, limit, BLANK);
      if (stop > i && text.charCodeAt(colon) === 0x3a) this.add(i, headerNumber(text, i, stop));
      else fault = 'line';
      i = lineEnd(text, colon);
      while (i < limit && isBlank(text.charCodeAt(i))) i = lineEnd(text, i);
      this.end = i;
    }
    return i > limit ? 'size' : fault;
  }

  private add(offset: number, number: number): void {
    this.entries.push(offset * stride + number);
    if (number === 0 || number > 30) return;
    const bit = 1 << number;
    this.repeated |= this.seen & bit;
    this.seen |= bit;
  }

  /** Whether a header (number below 31) is there. */
  has(number: number): boolean {
    return (this.seen & (1 << number)) !== 0;
  }

  /** Whether a header (number below 31) stands on more than one line. */
  isRepeated(number: number): boolean {
    return (this.repeated & (1 << number)) !== 0;
  }

  /** How many header lines there are. */
  get count(): number {
    return this.entries.length;
  }

  /** The first line with this header number at or after line `from`, or -1. */
  indexOf(number: number, from = 0): number {
    if (number > 0 && number < 31 && !this.has(number)) return -1;
    for (let k = from; k < this.entries.length; k++) {
      if ((this.entries[k] ?? 0) % stride === number) return k;
    }
    scanWork.visited += this.entries.length - from;
    return -1;
  }

  /** The first line whose name is `name` (lower case, none of the known ones) at or after line `from`, or -1. */
  indexOfUnknown(name: string, from = 0): number {
    for (let k = this.indexOf(0, from); k !== -1; k = this.indexOf(0, k + 1)) {
      const offset = this.offset(k);
      if (
        sameName(this.text, offset, name) &&
        nameEnd(this.text, offset, offset + name.length + 1) === offset + name.length
      )
        return k;
    }
    return -1;
  }

  /** Offset of line `k` in the text; of the end of the block for the line after the last. */
  offset(k: number): number {
    const entry = this.entries[k];
    return entry === undefined ? this.end : Math.floor(entry / stride);
  }

  /** The number of the name of line `k`. */
  number(k: number): number {
    return (this.entries[k] ?? 0) % stride;
  }

  /** The name on line `k`, as written. */
  name(k: number): string {
    const offset = this.offset(k);
    return this.text.slice(offset, nameEnd(this.text, offset, this.end));
  }

  /** The value on line `k`: unfolded (RFC 3261 §7.3.1: a fold is one blank) and trimmed. */
  value(k: number): string {
    const text = this.text;
    const offset = this.offset(k);
    const limit = this.offset(k + 1);
    const colon = skipClass(text, nameEnd(text, offset, limit), limit, BLANK);
    const start = skipClass(text, colon + 1, limit, BLANK);
    const end = trimEnd(text, start, limit);
    scanWork.visited += limit - start;
    const lineFeed = text.indexOf('\n', start);
    return lineFeed === -1 || lineFeed >= end ? text.slice(start, end) : unfold(text, start, end);
  }

  /**
   * The declared size of the body; undefined when there is no Content-Length.
   * @throws SipError 400 when it is not a number, or when two lines do not say the same
   */
  contentLength(): number | undefined {
    let length: number | undefined;
    for (let k = this.indexOf(H.contentLength); k !== -1; k = this.indexOf(H.contentLength, k + 1)) {
      const value = this.value(k);
      const declared = decimal(value, 0, value.length, Number.MAX_SAFE_INTEGER);
      if (declared === -1) throw new SipError(400, 'Bad Content-Length');
      if (length !== undefined && length !== declared) throw new SipError(400, 'Contradictory Content-Length');
      length = declared;
    }
    return length;
  }
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

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The offset after the next LF at or after `start`, or the end of the text. */
function lineEnd(text: string, start: number): number {
  const lineFeed = text.indexOf('\n', start);
  const end = lineFeed === -1 ? text.length : lineFeed + 1;
  scanWork.visited += end - start;
  return end;
}

/** text[start, end) with one blank for each line break and the blanks around it. */
function unfold(text: string, start: number, end: number): string {
  const pieces: string[] = [];
  let i = start;
  while (i < end) {
    const next = Math.min(lineEnd(text, i), end);
    const stop = trimEnd(text, i, next);
    if (stop > i) pieces.push(text.slice(i, stop));
    i = skipClass(text, next, end, BLANK);
  }
  return pieces.join(' ');
}
