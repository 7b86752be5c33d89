// Owns the framing of streams: where the first message in a buffer ends, found without looking at any byte twice over.
import { SipError } from '../base/errors';
import { defaultLimits, faultError, HeaderLines, type Limits } from './lines';
import { charge } from './text';

/** What a stream buffer starts with. Offsets are into the buffer. */
export type Frame =
  /** Bytes start to headEnd are start line, headers and empty line; contentLength bytes of body follow (0 when not said). */
  | { kind: 'message'; start: number; headEnd: number; contentLength: number }
  /** The header block has not come in full. `searched` is what to hand in next time. */
  | { kind: 'incomplete'; start: number; searched: number }
  /** No way to know where the message ends: answer `parseMessage(bytes start to headEnd)` and close the connection. */
  | { kind: 'bad'; start: number; headEnd: number; error: SipError };

/**
 * Looks for the message that starts at `start`, past the CR, LF and NUL of keep-alives.
 * @param searched of the last `incomplete` for the same message: bytes after its `start` that hold no end of a header block
 */
export function findFrame(buffer: Buffer, start: number, searched = 0, limits: Limits = defaultLimits): Frame {
  const first = searched === 0 ? skipKeepAlive(buffer, start) : start;
  const headEnd = findHeadEnd(buffer, first + searched);
  const size = (headEnd === -1 ? buffer.length : headEnd) - first;
  if (size > limits.maxHeadBytes) {
    return {
      kind: 'bad',
      start: first,
      headEnd: first + limits.maxHeadBytes,
      error: new SipError(513, 'Headers Too Large'),
    };
  }
  // An LF may be half of the empty line, and a CR after it too: the last two bytes are looked at again.
  if (headEnd === -1) return { kind: 'incomplete', start: first, searched: Math.max(0, size - 2) };
  const text = buffer.toString('latin1', first, headEnd);
  const lineFeed = text.indexOf('\n');
  charge(text.length + lineFeed);
  try {
    const lines = new HeaderLines(buffer.subarray(first, headEnd), text, lineFeed + 1, limits);
    if (lines.fault !== undefined && lines.fault !== 'line') throw faultError(lines.fault);
    return { kind: 'message', start: first, headEnd, contentLength: lines.contentLength() ?? 0 };
  } catch (error) {
    if (!(error instanceof SipError)) throw error;
    return { kind: 'bad', start: first, headEnd, error };
  }
}

/** The first byte at or after `start` that is not CR, LF or NUL (RFC 3261 §7.5, RFC 5626 §3.5.1; libpurple sends NULs). */
export function skipKeepAlive(bytes: Buffer, start: number): number {
  let i = start;
  while (i < bytes.length && (bytes[i] === 0x0d || bytes[i] === 0x0a || bytes[i] === 0)) i++;
  charge(i - start);
  return i;
}

/** The offset after the first empty line at or after `from`, or -1. */
function findHeadEnd(buffer: Buffer, from: number): number {
  let lineFeed = buffer.indexOf(0x0a, from);
  while (lineFeed !== -1) {
    const next = buffer[lineFeed + 1];
    if (next === 0x0a) break;
    if (next === 0x0d && buffer[lineFeed + 2] === 0x0a) break;
    lineFeed = buffer.indexOf(0x0a, lineFeed + 1);
  }
  charge((lineFeed === -1 ? buffer.length : lineFeed) - from);
  if (lineFeed === -1) return -1;
  return lineFeed + (buffer[lineFeed + 1] === 0x0a ? 2 : 3);
}
