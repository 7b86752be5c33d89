// Owns the headers whose value is a word or a number: Call-ID, CSeq, Expires, Max-Forwards.
import { blanks } from './params';
import { type ByteText, decimal, skipClass, TOKEN } from './text';

/** RFC 3261 §20.16. */
export interface CSeq {
  number: number;
  method: string;
}

/** RFC 3261 §8.1.1.5: CSeq is below 2^31. */
const maxCSeq = 2 ** 31 - 1;
/** RFC 3261 §20.19: Expires is at most 2^32 - 1; what is above stands for that. */
const maxDelta = 2 ** 32 - 1;

export function readCallId(source: ByteText, start: number, end: number): string | undefined {
  return end === start ? undefined : source.text.slice(start, end);
}

export function readCSeq({ bytes, text }: ByteText, start: number, end: number): CSeq | undefined {
  const space = skipClass(bytes, start, end, TOKEN);
  const number = decimal(bytes, start, space, maxCSeq);
  const method = blanks(bytes, space, end);
  if (number === -1 || method === space || method === end) return undefined;
  return skipClass(bytes, method, end, TOKEN) === end ? { number, method: text.slice(method, end) } : undefined;
}

/** delta-seconds, RFC 3261 §25.1. */
export function readDelta(source: ByteText, start: number, end: number): number | undefined {
  const value = decimal(source.bytes, start, end, Number.POSITIVE_INFINITY);
  return value === -1 ? undefined : Math.min(value, maxDelta);
}

/** RFC 3261 §20.22: 0 to 255. */
export function readHops(source: ByteText, start: number, end: number): number | undefined {
  const value = decimal(source.bytes, start, end, 255);
  return value === -1 ? undefined : value;
}
