// Owns the reading of a SUBSCRIBE: from the message to what the decision needs, with every fault the structure can have.
import {
  addressOfRecord,
  decodeUtf8,
  detach,
  type Flow,
  formatUri,
  hostPort,
  type MediaType,
  parseUri,
  SipError,
  type SipRequest,
  type SipUri,
  share,
  uriOf,
} from '../../../core/api';
import { needsItsFlow } from '../notify/target';
import { keyOfUri, type ResourceKey } from '../resource';
import { sizes } from '../sizes';
import {
  type ExpiresBounds,
  fitting,
  localContact,
  type Packages,
  type RequestedEvent,
  readAddress,
  readEvent,
  readExpires,
  readPresentity,
  unquoted,
} from './common';

/** A SUBSCRIBE that has been read. */
export interface SubscribeRequest {
  /** The resource of the Request-URI, or inside a dialog of the To header, where the presentity's address stays. */
  readonly key: ResourceKey;
  readonly inDialog: boolean;
  readonly callId: string;
  readonly fromTag: string;
  /** The dialog's, or the one that a new dialog gets. */
  readonly toTag: string;
  readonly cseq: number;
  readonly winfo: boolean;
  readonly eventId: string | undefined;
  /** Seconds to grant; 0 ends or fetches. */
  readonly expires: number;
  /** A fault that is answered only when the dialog is right. */
  readonly fault: SipError | undefined;
  readonly contact: string;
  readonly routes: string;
  /** The way to the watcher's connection from other nodes. */
  readonly flowRoute: string;
  /** Record-Route lines for the answer (RFC 3261 §12.1.1). */
  readonly recordRoutes: string;
  readonly socket: string;
  readonly source: string;
  readonly localUri: string;
  readonly remoteUri: string;
  readonly displayName: string;
  readonly watcher: string;
  readonly userAgent: string;
  /** What the Accept header admits; undefined when there is none. */
  readonly contentType: string | undefined;
  readonly defaultType: string;
  readonly localContact: string;
  readonly successStatus: 200 | 202;
}

export interface SubscribeBounds extends ExpiresBounds {
  readonly serverAddress: string | undefined;
  readonly subsRespond200: boolean;
}

/** What a new subscription gets from the server. */
export interface Given {
  /** The To tag of a new dialog. */
  tag(): string;
  /** The route by which other nodes reach a watcher on its flow; '' when there are none. */
  flowRoute(source: string): string;
}

/** Reads a SUBSCRIBE (RFC 6665 §4.2.1.1). Throws SipError. */
export function readSubscribe(
  message: SipRequest,
  flow: Flow,
  watcherUri: string | undefined,
  packages: Packages,
  bounds: SubscribeBounds,
  given: Given,
): SubscribeRequest {
  const event = readEvent(message, packages);
  const { from, to, fromTag, toTag, callId } = message;
  if (fromTag === undefined || fromTag === '') throw new SipError(400, 'Missing From Tag');
  const inDialog = toTag !== undefined;
  const called = inDialog ? uriOf(to) : undefined;
  const key = readPresentity(called?.host ? called : message.requestUri, event.package);
  const { expires, fault } = readExpires(message, event.package, bounds);
  const types = event.winfo ? [event.winfo.type] : event.package.notifyTypes;
  checkRoutes(message);
  const recordRoutes = message.headers('Record-Route');
  const source = sourceOf(message, flow);
  const contact = readContact(message);
  const routes = recordRoutes.join(', ');
  return {
    key,
    inDialog,
    callId: fitting(callId, sizes.callId, 'Call-ID'),
    fromTag: unquoted(fromTag, sizes.tag, 'From Tag'),
    toTag: inDialog ? unquoted(toTag, sizes.tag, 'To Tag') : given.tag(),
    cseq: message.cseq.number,
    winfo: event.winfo !== undefined,
    eventId: event.id === undefined ? undefined : unquoted(event.id, sizes.eventId, 'Event Id'),
    expires,
    fault,
    contact,
    routes,
    recordRoutes: recordRoutes.map((value) => `Record-Route: ${value}\r\n`).join(''),
    socket: share(`${flow.protocol}:${hostPort(flow.local)}`),
    source,
    flowRoute: needsItsFlow({ source, contact, routes }) ? given.flowRoute(source) : '',
    localUri: fitting(to.uri, sizes.uri, 'To'),
    remoteUri: fitting(from.uri, sizes.uri, 'From'),
    // Of a running dialog these are known.
    displayName: inDialog ? '' : readDisplayName(from.display),
    watcher: inDialog ? '' : readWatcher(watcherUri ?? from.uri),
    userAgent: inDialog ? '' : (message.header('User-Agent') ?? '').slice(0, sizes.userAgent),
    contentType: readAccept(message, types),
    defaultType: types[0] ?? '',
    localContact: share(localContact(bounds.serverAddress, flow)),
    successStatus: successStatus(event, bounds),
  };
}

/** The remote target: exactly one Contact, with a SIP URI; parameters of the header do not matter here. */
function readContact(message: SipRequest): string {
  const { contact } = message;
  const target = targetOf(contact.uri, uriOf(contact));
  if (target === undefined) throw new SipError(400, 'Bad Contact');
  return fitting(target, sizes.uri, 'Contact');
}

/** A Contact's URI as the Request-URI of what is sent there, which has no headers part (RFC 3261 §19.1.1). */
export function remoteTarget(uri: string): string | undefined {
  return targetOf(uri, parseUri(uri));
}

function targetOf(uri: string, parsed: SipUri | undefined): string | undefined {
  if (!parsed || !isSip(parsed.scheme) || parsed.host === '') return undefined;
  return parsed.headers === '' ? uri : formatUri({ ...parsed, headers: '' });
}

function isSip(scheme: string): boolean {
  return scheme === 'sip' || scheme === 'sips';
}

/** NOTIFYs will have to find their way along the Record-Route. Throws 400 when it names no hosts. */
function checkRoutes(message: SipRequest): void {
  if (!message.recordRoutes.every(isRoute)) throw new SipError(400, 'Bad Record-Route');
}

/** Whether a NOTIFY can be sent along this entry of a route set. */
export function isRoute({ uri }: { readonly uri: string }): boolean {
  const parsed = parseUri(uri);
  return parsed !== undefined && isSip(parsed.scheme);
}

/** For people, cut to its column without splitting a character. */
function readDisplayName(display: string): string {
  const text = decodeUtf8(display);
  if (text.length <= sizes.displayName) return text === display ? detach(text) : text;
  return text.slice(0, sizes.displayName).replace(/[\ud800-\udbff]$/, '');
}

/** The first of our types that the watcher's Accept admits. Throws 406 when there is none. */
function readAccept(message: SipRequest, types: readonly string[]): string | undefined {
  const ranges = message.accept;
  if (ranges === undefined) return undefined;
  const admitted = types.find((type) => admits(ranges, type));
  if (admitted === undefined) throw new SipError(406, 'Not Acceptable', `Accept: ${types.join(', ')}\r\n`);
  return admitted;
}

/** RFC 3261 §20.1: the most specific range decides, and `q=0` means never. */
function admits(ranges: readonly MediaType[], type: string): boolean {
  const names = [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*'];
  const range = names.map((name) => ranges.find((each) => each.type === name)).find((found) => found !== undefined);
  return range !== undefined && Number(range.params.get('q') ?? 1) !== 0;
}

/** Who watches, as `sip:user@host`; a URI without a host (tel:) without its parameters. */
function readWatcher(text: string): string {
  const parsed = readAddress(text);
  if (!parsed) throw new SipError(400, 'Bad From');
  const address = addressOfRecord(parsed);
  const { user, domain } = parsed.host === '' ? { user: address, domain: '' } : keyOfUri(address, '');
  if (user.length > sizes.user || domain.length > sizes.domain) throw new SipError(400, 'From Too Long');
  return address;
}

/** The source, when the watcher itself is there: behind a proxy the address says nothing about the watcher. */
function sourceOf(message: SipRequest, flow: Flow): string {
  return message.vias.length === 1 ? share(flow.key) : '';
}

function successStatus(event: RequestedEvent, bounds: SubscribeBounds): 200 | 202 {
  return bounds.subsRespond200 || event.winfo ? 200 : event.package.subscribeStatus;
}
