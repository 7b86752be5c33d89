// Owns SIP messages: bytes in, a request, a response, a message to refuse or noise out (RFC 3261 §7, §18).
import { SipError } from '../base/errors';
import { SipMessage } from './fields';
import { skipKeepAlive } from './frame';
import { defaultLimits, faultError, HeaderLines, type Limits } from './lines';
import { H, headerName } from './names';
import { charge, DIGIT, decimal, isClass, skipClass, TOKEN, URI } from './text';
import { readUri, type SipUri } from './uri';

export { type CSeq, SipMessage } from './fields';
export { defaultLimits, type Limits } from './lines';

const noBody = Buffer.alloc(0);

/** A request as received, or as a routing script has edited it. */
export class SipRequest extends SipMessage {
  /** Where it came from; the transport sets it at receipt. */
  source: { address: string; port: number } | undefined = undefined;

  constructor(
    readonly method: string,
    /** The Request-URI as text. */
    readonly uri: string,
    readonly version: string,
    private readonly parsedUri: SipUri | undefined,
    lines: HeaderLines,
    startLine: number,
    body: Buffer,
  ) {
    super(lines, startLine, body);
  }

  /** The Request-URI taken apart. @throws SipError 400 when it is no URI, which only the `replyTo` of a bad message has */
  get requestUri(): SipUri {
    if (this.parsedUri === undefined) throw new SipError(400, 'Bad Request-URI');
    return this.parsedUri;
  }
}

/** A response as received. */
export class SipResponse extends SipMessage {
  constructor(
    readonly status: number,
    readonly reason: string,
    readonly version: string,
    lines: HeaderLines,
    startLine: number,
    body: Buffer,
  ) {
    super(lines, startLine, body);
  }
}

/** What came out of some bytes. */
export type Parsed =
  | { kind: 'request'; message: SipRequest }
  | { kind: 'response'; message: SipResponse }
  /**
   * To be answered `status reason` through `replyTo`, or dropped when that is undefined: a response, an ACK, or no Via and
   * CSeq to send back. The typed getters of `replyTo` may throw; `buildReply` copies what is there.
   */
  | { kind: 'bad'; reason: string; status: number; replyTo: SipRequest | undefined }
  /** Keep-alives: nothing but CR, LF and NUL. */
  | { kind: 'noise' };

/** A start line taken apart. `fault` says what is wrong with it; the rest is then what could be read. */
interface StartLine {
  response: boolean;
  method: string;
  uri: string;
  uriStart: number;
  version: string;
  status: number;
  reason: string;
  fault: SipError | undefined;
}

/** A client finds the transaction of a reply by Via and CSeq (RFC 3261 §17.1.3): without them it is not worth sending. */
const answerable = bits(H.via, H.cseq);
const mandatory = bits(H.from, H.to, H.callId);
/** Headers that contradict themselves when they stand twice. */
const once = bits(H.from, H.to, H.callId, H.cseq, H.maxForwards);

/** What a Request-URI may name here; RFC 3261 §8.2.2.1 wants 416 for all else. */
const schemes = new Set(['sip', 'sips', 'tel', 'pres', 'im']);

function bits(...numbers: number[]): number {
  return numbers.reduce((set, number) => set | (1 << number), 0);
}

/**
 * Takes one datagram, or one framed message of a stream, apart. Checks what every message needs (start line, topmost Via,
 * From, To, Call-ID, CSeq, Content-Length); all else is read when asked for. Never throws, and works in the time of its size.
 */
export function parseMessage(bytes: Buffer, limits: Limits = defaultLimits): Parsed {
  const start = skipKeepAlive(bytes, 0);
  if (start === bytes.length) return { kind: 'noise' };
  const text = bytes.toString('latin1');
  const lineFeed = text.indexOf('\n', start);
  const lineStop = lineFeed === -1 ? text.length : lineFeed;
  charge(text.length + lineStop - start);
  const line = parseStartLine(bytes, text, start, bytes[lineStop - 1] === 0x0d ? lineStop - 1 : lineStop);
  const lines = new HeaderLines(bytes, text, Math.min(lineStop + 1, text.length), limits);
  let problem = line.fault ?? faultError(lines.fault);
  if (problem === undefined) {
    try {
      refuseRepeated(lines);
      return line.response ? readResponse(line, lines, start, bytes) : readRequest(line, lines, start, bytes);
    } catch (error) {
      if (!(error instanceof SipError)) throw error;
      problem = error;
    }
  }
  const wayBack = !line.response && line.method !== 'ACK' && lines.hasAll(answerable);
  const replyTo = wayBack
    ? new SipRequest(line.method, line.uri, line.version, undefined, lines, start, noBody)
    : undefined;
  return { kind: 'bad', reason: problem.reason, status: problem.status, replyTo };
}

function readRequest(line: StartLine, lines: HeaderLines, start: number, bytes: Buffer): Parsed {
  const body = readBody(lines, bytes);
  const uri = readUri(lines, line.uriStart, line.uriStart + line.uri.length);
  const message = new SipRequest(line.method, line.uri, line.version, uri, lines, start, body);
  checkHeaders(message);
  if (message.cseq.method !== line.method) throw new SipError(400, 'CSeq Method Does Not Match');
  const { scheme, headers } = message.requestUri;
  if (!schemes.has(scheme)) throw new SipError(416, 'Unsupported URI Scheme');
  if (headers !== '') throw new SipError(400, 'Bad Request-URI');
  return { kind: 'request', message };
}

function readResponse(line: StartLine, lines: HeaderLines, start: number, bytes: Buffer): Parsed {
  const body = readBody(lines, bytes);
  const message = new SipResponse(line.status, line.reason, line.version, lines, start, body);
  // It is matched by these two (RFC 3261 §17.1.3); the others are read by whoever asks for them.
  message.via;
  message.cseq;
  if (!lines.hasAll(mandatory)) checkHeaders(message);
  return { kind: 'response', message };
}

function refuseRepeated(lines: HeaderLines): void {
  const repeated = lines.repeatedOf(once);
  if (repeated !== 0) throw new SipError(400, `Repeated ${headerName(31 - Math.clz32(repeated & -repeated))}`);
}

/** What no message can do without. Each value is kept, so a module that asks for it again pays nothing. */
function checkHeaders(message: SipMessage): void {
  message.via;
  message.from;
  message.to;
  message.callId;
  message.cseq;
}

/** RFC 3261 §18.3: over a datagram no Content-Length means the rest, what is beyond it is dropped, and less than it is a fault. */
function readBody(lines: HeaderLines, bytes: Buffer): Buffer {
  const bodyStart = lines.end + (bytes[lines.end] === 0x0d ? 2 : 1);
  const available = Math.max(0, bytes.length - bodyStart);
  const length = lines.contentLength() ?? available;
  if (length > available) throw new SipError(400, 'Content-Length Exceeds Message');
  return length === 0 ? noBody : bytes.subarray(bodyStart, bodyStart + length);
}

function parseStartLine(bytes: Buffer, text: string, start: number, end: number): StartLine {
  const line: StartLine = {
    response: false,
    method: '',
    uri: '',
    uriStart: 0,
    version: 'SIP/2.0',
    status: 0,
    reason: '',
    fault: undefined,
  };
  const first = skipClass(bytes, start, end, TOKEN);
  if (first < end && bytes[first] === 0x2f && text.slice(start, first).toUpperCase() === 'SIP') {
    parseStatusLine(bytes, text, start, end, line);
  } else {
    parseRequestLine(bytes, text, start, first, end, line);
  }
  return line;
}

/** Method SP Request-URI SP SIP-Version, one blank each (RFC 3261 §7.1). */
function parseRequestLine(
  bytes: Buffer,
  text: string,
  start: number,
  methodEnd: number,
  end: number,
  line: StartLine,
): void {
  line.method = text.slice(start, methodEnd);
  const uriEnd = skipClass(bytes, methodEnd + 1, end, URI);
  line.uri = text.slice(methodEnd + 1, uriEnd);
  line.uriStart = methodEnd + 1;
  const version = text.slice(uriEnd + 1, end);
  if (methodEnd === start || bytes[methodEnd] !== 0x20) line.fault = new SipError(400, 'Bad Request Line');
  else if (uriEnd === methodEnd + 1 || bytes[uriEnd] !== 0x20) line.fault = new SipError(400, 'Bad Request-URI');
  else if (version !== 'SIP/2.0') line.fault = versionFault(version, 'Bad Request Line');
}

/** SIP-Version SP Status-Code SP Reason-Phrase (§7.2); a status line that ends after its code is accepted. */
function parseStatusLine(bytes: Buffer, text: string, start: number, end: number, line: StartLine): void {
  line.response = true;
  const versionEnd = skipClass(bytes, start, end, URI);
  line.version = text.slice(start, versionEnd);
  const codeEnd = skipClass(bytes, versionEnd + 1, end, DIGIT);
  line.status = decimal(bytes, versionEnd + 1, codeEnd, 699);
  if (line.version !== 'SIP/2.0') line.fault = versionFault(line.version, 'Bad Status Line');
  else if (codeEnd !== versionEnd + 4 || line.status < 100 || (codeEnd < end && bytes[codeEnd] !== 0x20)) {
    line.fault = new SipError(400, 'Bad Status Line');
  }
  line.reason = text.slice(codeEnd + 1, end);
}

/** SIP-Version compares without case (§7.1); one of the right shape that is not ours is 505 (§21.5.6). */
function versionFault(version: string, otherwise: string): SipError | undefined {
  const upper = version.slice(0, 32).toUpperCase();
  if (upper === 'SIP/2.0') return undefined;
  const dot = upper.indexOf('.');
  const shaped =
    upper.startsWith('SIP/') && dot !== -1 && isDigits(upper, 4, dot) && isDigits(upper, dot + 1, upper.length);
  return shaped ? new SipError(505, 'Version Not Supported') : new SipError(400, otherwise);
}

function isDigits(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    if (!isClass(text.charCodeAt(i), DIGIT)) return false;
  }
  return end > start;
}
