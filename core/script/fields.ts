// Owns what a script can read of a message: each property once, with its type, its text for the editor, and how it is got.
import type { SipRequest, SipResponse } from '../sip/message';
import { decodeUtf8 } from '../sip/text';
import type { Flow } from '../sip/transport/flow';
import { parseUri, type SipUri } from '../sip/uri';

/** What may cross into the sandbox and out of it. */
export type Plain = string | number | boolean | null;

/** The message a script reads, with the way it came where that is known. */
export interface Readable {
  readonly message: SipRequest | SipResponse;
  readonly flow: Flow | undefined;
}

/** One property. `read` may throw SipError when the message is broken there. */
export interface Field {
  readonly name: string;
  readonly type: 'string' | 'number' | 'string | undefined' | 'number | undefined';
  readonly doc: string;
  read(from: Readable): string | number | undefined;
}

type Read = (message: SipRequest, flow: Flow | undefined) => string | number | undefined;
type ReadReply = (message: SipResponse) => string | number | undefined;

function userOf(text: string): string | undefined {
  const user = parseUri(text)?.user;
  return user === undefined || user === '' ? undefined : user;
}

function hostOf(text: string): string | undefined {
  const uri: SipUri | undefined = parseUri(text);
  return uri === undefined || uri.host === '' ? undefined : uri.host.toLowerCase();
}

/** Of requests and replies alike. */
const common: readonly (readonly [string, Field['type'], string, Read & ReadReply])[] = [
  ['from', 'string', 'The URI in From.', (m) => m.from.uri],
  ['fromUser', 'string | undefined', 'The user part of the URI in From.', (m) => userOf(m.from.uri)],
  ['fromHost', 'string | undefined', 'The host of the URI in From, lower case.', (m) => hostOf(m.from.uri)],
  ['fromTag', 'string | undefined', 'The tag of From.', (m) => m.fromTag],
  ['to', 'string', 'The URI in To.', (m) => m.to.uri],
  ['toUser', 'string | undefined', 'The user part of the URI in To.', (m) => userOf(m.to.uri)],
  ['toHost', 'string | undefined', 'The host of the URI in To, lower case.', (m) => hostOf(m.to.uri)],
  ['toTag', 'string | undefined', 'The tag of To: there is one when the message is inside a dialog.', (m) => m.toTag],
  ['callId', 'string', 'The Call-ID.', (m) => m.callId],
  ['cseq', 'number', 'The number in CSeq.', (m) => m.cseq.number],
  ['event', 'string | undefined', 'The event package in Event, lower case, without its id.', (m) => m.event?.package],
  ['contentType', 'string | undefined', 'The media type of the body, lower case.', (m) => m.contentType?.type],
  ['body', 'string', "The body as text ('' when there is none).", (m) => m.body.toString('utf8')],
];

const ofRequests: readonly (readonly [string, Field['type'], string, Read])[] = [
  ['method', 'string', 'The method: PUBLISH, SUBSCRIBE, …', (m) => m.method],
  ['ruri', 'string', 'The Request-URI.', (m) => m.uri],
  ['ruriUser', 'string | undefined', 'The user part of the Request-URI.', (m) => userOf(m.uri)],
  ['ruriHost', 'string | undefined', 'The host of the Request-URI, lower case.', (m) => hostOf(m.uri)],
  [
    'source',
    'string',
    'The address the request came from.',
    (m, flow) => flow?.remote.address ?? m.source?.address ?? '',
  ],
  ['sourcePort', 'number', 'The port it came from.', (m, flow) => flow?.remote.port ?? m.source?.port ?? 0],
  ['protocol', 'string', 'How it came: udp, tcp, tls, ws or wss.', (_, flow) => flow?.protocol ?? ''],
];

const ofReplies: readonly (readonly [string, Field['type'], string, ReadReply])[] = [
  ['status', 'number', 'The status code: 200, 481, …', (m) => m.status],
  ['reason', 'string', 'The reason phrase.', (m) => m.reason],
  ['method', 'string', 'The method of the request that it answers.', (m) => m.cseq.method],
];

/** Properties of `Request`; a property's place in the list is its number on the way to the sandbox. */
export const requestFields: readonly Field[] = [...ofRequests, ...common].map(([name, type, doc, read]) => ({
  name,
  type,
  doc,
  read: ({ message, flow }) => text(read(message as SipRequest, flow), name),
}));

/** Properties of `Reply`. */
export const replyFields: readonly Field[] = [...ofReplies, ...common].map(([name, type, doc, read]) => ({
  name,
  type,
  doc,
  read: ({ message }) => text(read(message as SipResponse), name),
}));

/** Header text is one character a byte; scripts get it as people read it. The body has been decoded. */
function text(value: string | number | undefined, name: string): string | number | undefined {
  return typeof value === 'string' && name !== 'body' ? decodeUtf8(value) : value;
}
