// Owns replies: the bytes that answer a request, its Via, From, To, Call-ID and CSeq copied as received (RFC 3261 §8.2.6.2).
import type { SipRequest } from './message';
import { sameName } from './names';
import { blanks, itemEnd } from './params';
import { byteText, charge, oneLine, quotedEnd, skipClass, TOKEN } from './text';

const received = Buffer.from('received');
const rport = Buffer.from('rport');

export interface ReplyOptions {
  /** Added to To when the request has none there. */
  toTag?: string;
  /** Raw header lines, each ending in CRLF. */
  headers?: string;
  contentType?: string;
  body?: Buffer;
}

/**
 * The reply to a request. The topmost Via gets `received` and `rport` from `request.source` (RFC 3261 §18.2.1, RFC 3581;
 * always, because libpurple and Kamailio's pua sit behind NAT without asking for it).
 */
export function buildReply(request: SipRequest, status: number, reason: string, options: ReplyOptions = {}): Buffer {
  let head = `SIP/2.0 ${status} ${oneLine(reason)}\r\n`;
  let first = true;
  for (const value of request.headers('Via')) {
    head += `Via: ${first ? topVia(value, request) : value}\r\n`;
    first = false;
  }
  head += `From: ${request.header('From') ?? ''}\r\n`;
  head += `To: ${taggedTo(request, options.toTag)}\r\n`;
  head += `Call-ID: ${request.header('Call-ID') ?? ''}\r\n`;
  head += `CSeq: ${request.header('CSeq') ?? ''}\r\n`;
  if (options.headers !== undefined) head += options.headers;
  const body = options.body;
  if (body === undefined || body.length === 0) return Buffer.from(`${head}Content-Length: 0\r\n\r\n`, 'latin1');
  if (options.contentType !== undefined) head += `Content-Type: ${options.contentType}\r\n`;
  head += `Content-Length: ${body.length}\r\n\r\n`;
  const bytes = Buffer.allocUnsafe(head.length + body.length);
  bytes.write(head, 0, 'latin1');
  body.copy(bytes, head.length);
  return bytes;
}

/** The To of the reply. One that cannot be read goes back as it came. */
function taggedTo(request: SipRequest, toTag: string | undefined): string {
  const to = request.header('To') ?? '';
  if (toTag === undefined) return to;
  try {
    return request.toTag === undefined ? `${to};tag=${toTag}` : to;
  } catch {
    return to;
  }
}

/** The first Via of a value with our `received` and `rport` in place of those it had. */
function topVia(value: string, request: SipRequest): string {
  const source = request.source;
  if (source === undefined) return value;
  const { bytes } = byteText(value);
  const end = itemEnd(bytes, 0, value.length);
  const stamp = `;received=${source.address};rport=${source.port}`;
  return `${withoutStamp(bytes, value, end)}${stamp}${value.slice(end)}`;
}

/** The Via value[0, end) without its `received` and `rport` parameters, the rest as written. */
function withoutStamp(bytes: Uint8Array, value: string, end: number): string {
  charge(end);
  let kept = '';
  let from = 0;
  for (let i = 0; i <= end; i++) {
    if (i < end && bytes[i] === 0x22) {
      const close = quotedEnd(bytes, i, end);
      i = (close === -1 ? end : close) - 1;
    } else if (i === end || bytes[i] === 0x3b) {
      const nameStart = blanks(bytes, from + 1, i);
      const name = skipClass(bytes, nameStart, i, TOKEN);
      if (from === 0 || !(sameName(bytes, nameStart, name, received) || sameName(bytes, nameStart, name, rport))) {
        kept += value.slice(from, i);
      }
      from = i;
    }
  }
  return kept;
}
