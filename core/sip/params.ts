// Owns header parameters: *( ";" name [ "=" value ] ) with quoted values, as they end nearly every SIP header.
import { BLANK, isClass, quotedEnd, scanWork, skipClass, TOKEN, unquote, VALUE } from './text';

/** Names in lower case; '' for a flag; a quoted value without its quotes and backslashes. Of a name given twice the first holds. */
export type Params = Map<string, string>;

/**
 * Reads the parameters of text[start, end) into `params`, up to the end or to a comma outside quotes.
 * @returns the position of the comma, `end`, or -1 when what stands there is no list of parameters
 */
export function scanParams(text: string, start: number, end: number, params: Params): number {
  let i = skipClass(text, start, end, BLANK);
  while (i < end && text.charCodeAt(i) === 0x3b) {
    const nameStart = skipClass(text, i + 1, end, BLANK);
    const nameEnd = skipClass(text, nameStart, end, TOKEN);
    if (nameEnd === nameStart) return -1;
    i = blanks(text, nameEnd, end);
    let value = '';
    if (i < end && text.charCodeAt(i) === 0x3d) {
      i = blanks(text, i + 1, end);
      const valueStart = i;
      if (i < end && text.charCodeAt(i) === 0x22) {
        i = quotedEnd(text, i, end);
        if (i === -1) return -1;
        value = unquote(text, valueStart, i);
      } else {
        i = skipClass(text, i, end, VALUE);
        value = text.slice(valueStart, i);
      }
      i = blanks(text, i, end);
    }
    const name = text.slice(nameStart, nameEnd).toLowerCase();
    if (!params.has(name)) params.set(name, value);
  }
  return i === end || text.charCodeAt(i) === 0x2c ? i : -1;
}

/** `skipClass` for blanks, without the call where there is none. */
function blanks(text: string, start: number, end: number): number {
  return start < end && isClass(text.charCodeAt(start), BLANK) ? skipClass(text, start, end, BLANK) : start;
}

/**
 * Where the items of a comma-separated list end: the next comma outside quoted strings and angle brackets, or `end`.
 * A quote or a bracket that never closes takes all that follows into its item.
 */
export function itemEnd(text: string, start: number, end: number): number {
  let bracket = false;
  let i = start;
  while (i < end) {
    const code = text.charCodeAt(i);
    if (code === 0x22 && !bracket) {
      const close = quotedEnd(text, i, end);
      if (close === -1) return end;
      i = close;
      continue;
    }
    if (code === 0x2c && !bracket) break;
    if (code === 0x3c) bracket = true;
    else if (code === 0x3e) bracket = false;
    i++;
  }
  scanWork.visited += i - start + 1;
  return i;
}
