// Owns values as SQL text: bytes that pass a latin1 connection unchanged, so that text and blobs arrive exactly as they are here.
import type { Value } from '../../core/api';

/**
 * A literal for a column. The session's character_set_client is latin1, so every char of the statement is one byte to the server's lexer, and
 * character_set_connection is utf8mb4 with a binary collation, so what is ASCII needs no introducer.
 * @param latin1 the column is latin1, as Kamailio's are: it holds the bytes of the text as they are
 */
export function literal(value: Value, latin1 = false): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') return `_binary${quoted(bytesOf(value))}`;
  if (!odd.test(value)) return latin1 ? `_latin1'${value}'` : `'${value}'`;
  if (latin1 && !beyondLatin1.test(value)) return `_latin1${quoted(value)}`;
  if (!beyondAscii.test(value)) return quoted(value);
  return `_utf8mb4${quoted(Buffer.from(value, 'utf8').toString('latin1'))}`;
}

/** What does not stand between quotes as it is: nearly no text has it, so one look is enough. */
const odd = /['\\\0\x80-\uffff]/;
const beyondAscii = /[\x80-\uffff]/;
const beyondLatin1 = /[\u0100-\uffff]/;

function bytesOf(blob: Uint8Array): string {
  const bytes = blob instanceof Buffer ? blob : Buffer.from(blob.buffer, blob.byteOffset, blob.length);
  return bytes.toString('latin1');
}

const special = /['\\\0]/;
const escapes: Readonly<Record<string, string>> = { "'": "\\'", '\\': '\\\\', '\0': '\\0' };

function quoted(text: string): string {
  return special.test(text) ? `'${text.replace(/['\\\0]/g, (char) => escapes[char] ?? char)}'` : `'${text}'`;
}
