// Owns what PUBLISH and SUBSCRIBE have in common when they are read: event package, presentity, Expires, our Contact.
import {
  addressOfRecord,
  type EventHeader,
  type Flow,
  hostPort,
  parseNameAddrs,
  parseUri,
  SipError,
  type SipRequest,
  type SipUri,
} from '../../../core/api';
import type { EventPackage, WatcherinfoFormat } from '../api';
import { keyOfUri, type ResourceKey } from '../resource';
import { sizes } from '../sizes';

/** The packages that are registered at this moment. */
export interface Packages {
  readonly events: ReadonlyMap<string, EventPackage>;
  readonly watcherinfo: ReadonlyMap<string, WatcherinfoFormat>;
}

/** Bounds of Expires, in seconds. */
export interface ExpiresBounds {
  readonly minExpires: number;
  readonly maxExpires: number;
}

export interface RequestedEvent {
  readonly package: EventPackage;
  readonly id: string | undefined;
  /** The watcherinfo format when the Event is `PACKAGE.winfo`. */
  readonly winfo: WatcherinfoFormat | undefined;
}

const winfoSuffix = '.winfo';

/** The Event header's package. Throws 489 with Allow-Events (RFC 6665 §8.2.2) when it names none that is registered. */
export function readEvent(message: SipRequest, packages: Packages): RequestedEvent {
  const event = eventOf(message);
  if (!event) throw badEvent(packages);
  const winfo = event.package.endsWith(winfoSuffix) ? packages.watcherinfo.values().next().value : undefined;
  const name = winfo ? event.package.slice(0, -winfoSuffix.length) : event.package;
  const found = packages.events.get(name);
  if (!found) throw badEvent(packages);
  return { package: found, id: event.id, winfo };
}

/** Undefined when there is none, several, or one that cannot be read. */
function eventOf(message: SipRequest): EventHeader | undefined {
  try {
    return message.event;
  } catch {
    return undefined;
  }
}

/**
 * An address as a script or operator gives it: a URI, or the value of a header such as P-Asserted-Identity (RFC 3325 §9.1), of
 * which the first address counts. Undefined when it is neither.
 */
export function readAddress(text: string): SipUri | undefined {
  return parseUri(text) ?? parseUri(parseNameAddrs(text)?.[0]?.uri ?? '');
}

export function badEvent(packages: Packages): SipError {
  const names = [...packages.events.keys()];
  if (packages.watcherinfo.size > 0) names.push(...names.map((name) => name + winfoSuffix));
  return new SipError(489, 'Bad Event', `Allow-Events: ${names.join(', ')}\r\n`);
}

/** The resource that a Request-URI and an event package name; scheme, port and parameters do not matter. Throws 400. */
export function readPresentity(uri: SipUri, event: EventPackage): ResourceKey {
  if (uri.host === '') throw new SipError(400, 'Bad Request-URI');
  const key = keyOfUri(addressOfRecord(uri), event.name);
  if (key.user.length > sizes.user || key.domain.length > sizes.domain) throw new SipError(400, 'Request-URI Too Long');
  return key;
}

/** A text to be stored, still cut from its message: whoever stores it makes a copy. Throws 400 when the column has no room for it. */
export function fitting(text: string, size: number, name: string): string {
  if (text.length > size) throw new SipError(400, `${name} Too Long`);
  return text;
}

/** A parameter's value that goes back to the watcher as it came: it must need no quotes (tags and ids are tokens). */
export function unquoted(value: string, size: number, name: string): string {
  if (value === '' || /[\s",;<>\\]/.test(value)) throw new SipError(400, `Bad ${name}`);
  return fitting(value, size, name);
}

/**
 * Seconds to grant: what was asked, at most `maxExpires`; the package's default when nothing was asked. A 400 or 423 comes
 * back as `fault`, because other faults have to be answered first.
 */
export function readExpires(
  message: SipRequest,
  event: EventPackage,
  bounds: ExpiresBounds,
): { expires: number; fault?: SipError } {
  let asked: number;
  try {
    asked = message.expires ?? event.defaultExpires;
  } catch (error) {
    if (error instanceof SipError) return { expires: 0, fault: error };
    throw error;
  }
  const expires = Math.min(asked, bounds.maxExpires);
  if (expires !== 0 && expires < bounds.minExpires) {
    return { expires, fault: new SipError(423, 'Interval Too Brief', `Min-Expires: ${bounds.minExpires}\r\n`) };
  }
  return { expires };
}

/** Our Contact: `server_address`, or the socket that the request came to. */
export function localContact(serverAddress: string | undefined, flow: Flow): string {
  if (serverAddress !== undefined) return `<${serverAddress}>`;
  return `<sip:${hostPort(flow.local)}${flow.protocol === 'udp' ? '' : `;transport=${flow.protocol}`}>`;
}
