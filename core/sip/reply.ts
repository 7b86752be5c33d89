// Owns replies: the bytes that answer a request, its Via, From, To, Call-ID and CSeq copied as received (RFC 3261 §8.2.6.2).
import type { SipRequest } from './message';
import { sameName } from './names';
import { blanks, itemEnd } from './params';
import { type ByteText, charge, oneLine, quotedEnd, skipClass, TOKEN, toBytes } from './text';

const received = Buffer.from('received');
const rport = Buffer.from('rport');

export interface ReplyOptions {
  /** Added to To when the request has none there. */
  toTag?: string | undefined;
  /** Raw header lines, each ending in CRLF. */
  headers?: string | undefined;
  contentType?: string | undefined;
  body?: Buffer | undefined;
}

/**
 * The reply to a request. The topmost Via gets `received` and `rport` from `request.source` (RFC 3261 §18.2.1, RFC 3581;
 * always, because libpurple and Kamailio's pua sit behind NAT without asking for it).
 */
export function buildReply(request: SipRequest, status: number, reason: string, options: ReplyOptions = {}): Buffer {
  let head = `SIP/2.0 ${status} ${oneLine(reason)}\r\nVia: ${topVia(request)}\r\n`;
  if (request.isRepeated('Via')) for (const via of request.headers('Via').slice(1)) head += `Via: ${via}\r\n`;
  head += copied(request, 'From');
  head += taggedTo(request, options.toTag);
  head += copied(request, 'Call-ID');
  head += copied(request, 'CSeq');
  if (options.headers !== undefined) head += toBytes(options.headers);
  const body = options.body;
  if (body === undefined || body.length === 0) return Buffer.from(`${head}Content-Length: 0\r\n\r\n`, 'latin1');
  if (options.contentType !== undefined) head += `Content-Type: ${options.contentType}\r\n`;
  head += `Content-Length: ${body.length}\r\n\r\n`;
  const bytes = Buffer.allocUnsafe(head.length + body.length);
  bytes.write(head, 0, 'latin1');
  body.copy(bytes, head.length);
  return bytes;
}

/** A header line as it came; nothing for a bad request that has none. */
function copied(request: SipRequest, name: string): string {
  const value = request.header(name);
  return value === undefined ? '' : `${name}: ${value}\r\n`;
}

/** The To line of the reply, with our tag when it has none. One that cannot be read goes back as it came. */
function taggedTo(request: SipRequest, toTag: string | undefined): string {
  const line = copied(request, 'To');
  if (toTag === undefined) return line;
  try {
    return request.toTag === undefined ? `${line.slice(0, -2)};tag=${toTag}\r\n` : line;
  } catch {
    return line;
  }
}

/** The first Via line, its topmost Via with our `received` and `rport` in place of those it had. */
function topVia(request: SipRequest): string {
  const { source } = request;
  if (source === undefined) return request.header('Via') ?? '';
  const stamp = `;received=${source.address};rport=${source.port}`;
  return request.scan('Via', (line, start, end) => stampVia(line, start, end, stamp)) ?? '';
}

function stampVia({ bytes, text }: ByteText, start: number, end: number, stamp: string): string {
  const viaEnd = itemEnd(bytes, start, end);
  charge(viaEnd - start);
  let kept = '';
  let from = start;
  for (let i = start; i <= viaEnd; i++) {
    if (i < viaEnd && bytes[i] === 0x22) {
      const close = quotedEnd(bytes, i, viaEnd);
      i = (close === -1 ? viaEnd : close) - 1;
    } else if (i === viaEnd || bytes[i] === 0x3b) {
      if (from === start || !isStamp(bytes, from, i)) kept += text.slice(from, i);
      from = i;
    }
  }
  return kept + stamp + text.slice(viaEnd, end);
}

/** Whether bytes[start, end), a semicolon and what follows, is a `received` or `rport` parameter. */
function isStamp(bytes: Uint8Array, start: number, end: number): boolean {
  const name = blanks(bytes, start + 1, end);
  const nameEnd = skipClass(bytes, name, end, TOKEN);
  return sameName(bytes, name, nameEnd, received) || sameName(bytes, name, nameEnd, rport);
}
