// Owns header lines as a script writes them: 'Name: value', one or several, each perhaps ended by CRLF.
import { isToken, RollcallError } from '../../core/api';

export interface HeaderLine {
  readonly name: string;
  readonly value: string;
}

/** What a reply copies from its request, and what depends on its body: adding one would make the reply unreadable. */
const ofTheReply = new Set(['via', 'v', 'from', 'f', 'to', 't', 'call-id', 'i', 'cseq', 'content-length', 'l']);

/** Reads lines. @throws RollcallError when the text is not made of header lines */
export function readHeaderLines(text: string): HeaderLine[] {
  const lines = text.split('\r\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) throw new RollcallError('there is no header in the text');
  return lines.map((line) => {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim();
    if (!isToken(name) || /[\r\n\0]/.test(line)) {
      throw new RollcallError(`'${line}' is not a header line: write 'Name: value'`);
    }
    return { name, value: line.slice(colon + 1).trim() };
  });
}

/** The lines as they go into a reply. @throws RollcallError as `readHeaderLines`, or when a reply makes the header itself */
export function replyLines(text: string): string {
  let raw = '';
  for (const { name, value } of readHeaderLines(text)) {
    if (ofTheReply.has(name.toLowerCase())) throw new RollcallError(`${name} of a reply is made by the server`);
    raw += `${name}: ${value}\r\n`;
  }
  return raw;
}
