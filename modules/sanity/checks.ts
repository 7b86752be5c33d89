// Owns the checks of sanity, one function each: what is wrong with a request, as the answer to it (RFC 3261 §8.1.1, §8.2).
import { type NameAddr, SipError, type SipRequest, uriOf } from '../../core/api';

/** What a check may know beside the request. */
export interface CheckOptions {
  /** Sum of 1 Request-URI, 2 From, 4 To, 8 Contact. */
  readonly uriChecks: number;
  /** Supported option tags of Proxy-Require, lower case. */
  readonly proxyRequire: ReadonlySet<string>;
}

/** A check throws SipError with the answer when the request fails it. */
export type Check = (message: SipRequest, options: CheckOptions) => void;

/** Schemes a Request-URI may have: those of telephone numbers and of presence beside SIP's own (RFC 3856 §5). */
const schemes = ['sip', 'sips', 'tel', 'tels', 'pres', 'im', 'urn'];
const transports = ['UDP', 'TCP', 'TLS', 'SCTP', 'TLS-SCTP', 'WS', 'WSS'];
const required = ['Via', 'From', 'To', 'Call-ID', 'CSeq'];

/** The checks by Kamailio's numbers, in Kamailio's order. 1, the version, is missing: no other version comes past the parser. */
export const checks: ReadonlyMap<number, Check> = new Map<number, Check>([
  [
    2,
    ({ uri }) => {
      const scheme = uri.slice(0, Math.max(uri.indexOf(':'), 0)).toLowerCase();
      if (!schemes.includes(scheme)) throw new SipError(416, 'Unsupported URI Scheme');
    },
  ],
  [
    4,
    (message) => {
      const missing = required.find((name) => message.header(name) === undefined);
      if (missing !== undefined) throw new SipError(400, `Missing ${missing}`);
    },
  ],
  // Reading the list of Via checks that each is SIP/2.0.
  [8, (message) => void message.vias],
  [
    16,
    (message) => {
      if (!transports.includes(message.via.protocol)) throw new SipError(400, 'Bad Via Protocol');
    },
  ],
  [
    32,
    (message) => {
      if (message.cseq.method !== message.method) throw new SipError(400, 'CSeq Method Does Not Match');
    },
  ],
  [64, (message) => void message.cseq.number],
  [
    128,
    (message) => {
      const length = message.header('Content-Length');
      if (length !== undefined && Number(length) !== message.body.length) {
        throw new SipError(400, 'Content-Length Mismatch');
      }
    },
  ],
  [256, (message) => void message.expires],
  [
    512,
    (message, { proxyRequire }) => {
      if (message.header('Proxy-Require') === undefined) return;
      const unknown = message.items('Proxy-Require').filter((tag) => !proxyRequire.has(tag.toLowerCase()));
      if (unknown.length > 0) throw new SipError(420, 'Bad Extension', `Unsupported: ${unknown.join(', ')}\r\n`);
    },
  ],
  [1024, (message, { uriChecks }) => checkUris(message, uriChecks)],
]);

const chosenBefore = new Map<number, readonly Check[]>();
/** Sums there are. A script may make up others; what they choose is found anew each time. */
const sums = 2048;

/** The checks of a sum of numbers. */
export function chosenChecks(sum: number): readonly Check[] {
  const known = chosenBefore.get(sum);
  if (known !== undefined) return known;
  const chosen = [...checks].filter(([number]) => (sum & number) !== 0).map(([, check]) => check);
  if (chosenBefore.size < sums) chosenBefore.set(sum, chosen);
  return chosen;
}

function checkUris(message: SipRequest, which: number): void {
  // Reading it throws when it is none.
  if ((which & 1) !== 0) void message.requestUri;
  if ((which & 2) !== 0 && uriOf(message.from) === undefined) throw new SipError(400, 'Bad From URI');
  if ((which & 4) !== 0 && uriOf(message.to) === undefined) throw new SipError(400, 'Bad To URI');
  if ((which & 8) === 0) return;
  for (const address of contactsOf(message)) {
    if (address.uri !== '*' && uriOf(address) === undefined) throw new SipError(400, 'Bad Contact URI');
  }
}

function contactsOf(message: SipRequest): NameAddr[] {
  try {
    return message.contacts;
  } catch {
    throw new SipError(400, 'Bad Contact URI');
  }
}
