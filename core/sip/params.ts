// Owns header parameters: *( ";" name [ "=" value ] ) with quoted values, as they end nearly every SIP header.
import { SmallMap } from '../base/small-map';
import { BLANK, type ByteText, charge, isClass, lowerSlice, quotedEnd, skipClass, TOKEN, unquote, VALUE } from './text';

/** Names in lower case; '' for a flag; a quoted value without its quotes and backslashes. Of a name given twice the first holds. */
export type Params = SmallMap<string>;

export function noParams(): Params {
  return new SmallMap();
}

/**
 * Reads the parameters from `start` into `params`, up to `end` or to a comma outside quotes.
 * @returns the position of the comma, `end`, or -1 when what stands there is no list of parameters
 */
export function scanParams(source: ByteText, start: number, end: number, params: Params): number {
  const { bytes, text } = source;
  let i = blanks(bytes, start, end);
  while (i < end && bytes[i] === 0x3b) {
    const nameStart = blanks(bytes, i + 1, end);
    const nameEnd = skipClass(bytes, nameStart, end, TOKEN);
    if (nameEnd === nameStart) return -1;
    i = blanks(bytes, nameEnd, end);
    let value = '';
    if (i < end && bytes[i] === 0x3d) {
      const valueStart = blanks(bytes, i + 1, end);
      if (valueStart < end && bytes[valueStart] === 0x22) {
        i = quotedEnd(bytes, valueStart, end);
        if (i === -1) return -1;
        value = unquote(text, valueStart, i);
      } else {
        i = skipClass(bytes, valueStart, end, VALUE);
        value = text.slice(valueStart, i);
      }
      i = blanks(bytes, i, end);
    }
    const name = lowerSlice(source, nameStart, nameEnd);
    if (!params.has(name)) params.set(name, value);
  }
  return i === end || bytes[i] === 0x2c ? i : -1;
}

/** `skipClass` for blanks, without the call where there is none. */
export function blanks(bytes: Uint8Array, start: number, end: number): number {
  return start < end && isClass(bytes[start], BLANK) ? skipClass(bytes, start, end, BLANK) : start;
}

/**
 * Where an item of a comma-separated list ends: at the next comma outside quoted strings and angle brackets, or at `end`.
 * A quote or a bracket that never closes takes all that follows into its item.
 */
export function itemEnd(bytes: Uint8Array, start: number, end: number): number {
  let bracket = false;
  let i = start;
  while (i < end) {
    const code = bytes[i];
    if (code === 0x22 && !bracket) {
      const close = quotedEnd(bytes, i, end);
      if (close === -1) return end;
      i = close;
      continue;
    }
    if (code === 0x2c && !bracket) break;
    if (code === 0x3c) bracket = true;
    else if (code === 0x3e) bracket = false;
    i++;
  }
  charge(i - start + 1);
  return i;
}
