// Owns the reading of a PUBLISH: from the message to what the decision needs, with every fault the structure can have.
import { type Flow, parseContentType, SipError, type SipRequest } from '../../../core/api';
import type { EventPackage } from '../api';
import type { ResourceKey } from '../resource';
import { sizes } from '../sizes';
import {
  badEvent,
  type ExpiresBounds,
  localContact,
  type Packages,
  readEvent,
  readExpires,
  readPresentity,
} from './common';

/** A PUBLISH that has been read. */
export interface PublishRequest {
  readonly key: ResourceKey;
  readonly ifMatch: string | undefined;
  /** Seconds to grant; 0 removes. */
  readonly expires: number;
  /** The checked body, a copy of its own; undefined when there is none. */
  readonly body: Buffer | undefined;
  /** Whether the body may go to watchers unchanged, when the package says. */
  readonly asIs: boolean | undefined;
  /** A fault that is answered only when the entity-tag is right (the order of RFC 3903 §6). */
  readonly fault: SipError | undefined;
  /** Who is not notified of this change, or ''. */
  readonly sender: string;
  readonly localContact: string;
}

export interface PublishBounds extends ExpiresBounds {
  /** Bytes. */
  readonly maxBody: number;
  readonly serverAddress: string | undefined;
}

/** Reads a PUBLISH (RFC 3903 §6, steps 1 to 5). Throws SipError for faults that come before the entity-tag. */
export function readPublish(
  message: SipRequest,
  flow: Flow,
  sender: string,
  packages: Packages,
  bounds: PublishBounds,
): PublishRequest {
  const event = readEvent(message, packages);
  if (event.winfo) throw badEvent(packages);
  const key = readPresentity(message.requestUri, event.package);
  // Touching them makes them be parsed: each throws 400 when it is missing or broken.
  void [message.from, message.to, message.callId, message.cseq];
  const ifMatch = readIfMatch(message);
  const { expires, fault } = readExpires(message, event.package, bounds);
  const content = readBody(message, event.package, key.uri, bounds.maxBody, ifMatch !== undefined);
  return {
    key,
    ifMatch,
    expires,
    body: content.body,
    asIs: content.asIs,
    fault: fault ?? content.fault,
    // Longer than any watcher's address: nobody is meant.
    sender: sender.length > sizes.uri ? '' : sender,
    localContact: localContact(bounds.serverAddress, flow),
  };
}

function readIfMatch(message: SipRequest): string | undefined {
  const values = message.headers('SIP-If-Match');
  const [value] = values;
  if (value === undefined) return undefined;
  if (values.length > 1 || value === '' || value.includes(',')) throw new SipError(400, 'Bad SIP-If-Match');
  return value;
}

function readBody(
  message: SipRequest,
  event: EventPackage,
  presentity: string,
  maxBody: number,
  mayLack: boolean,
): { body?: Buffer; asIs?: boolean | undefined; fault?: SipError } {
  const { body } = message;
  if (body.length === 0) return mayLack ? {} : { fault: new SipError(400, 'Missing Body') };
  const accept = `Accept: ${event.publishTypes.join(', ')}\r\n`;
  if (!event.publishTypes.includes(mediaType(message))) {
    return { fault: new SipError(415, 'Unsupported Media Type', accept) };
  }
  const encoding = message.header('Content-Encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return { fault: new SipError(415, 'Unsupported Media Type', `${accept}Accept-Encoding: identity\r\n`) };
  }
  if (body.length > maxBody) return { fault: new SipError(413, 'Request Entity Too Large') };
  // The datagram must not stay in memory as long as the publication. The copy is what is checked: packages may remember it.
  const copy = Buffer.allocUnsafeSlow(body.length);
  body.copy(copy);
  const verdict = event.check(copy, presentity);
  if (!verdict.ok) return { fault: new SipError(400, verdict.reason) };
  return { body: copy, asIs: verdict.asIs };
}

/** The body's type; '' when there is none or it cannot be read, which no package takes. */
function mediaType(message: SipRequest): string {
  const value = message.header('Content-Type');
  return (value === undefined ? undefined : parseContentType(value)?.type) ?? '';
}
