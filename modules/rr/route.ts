// Owns routes as this server meets them: which of them are its own, and taking those off a request (RFC 3261 §16.4).
import {
  type Flow,
  formatNameAddr,
  hostPort,
  type ListenPoint,
  type NameAddr,
  parseUri,
  type SipRequest,
  type SipUri,
} from '../../core/api';

/** How the server is called from outside. */
export interface Names {
  readonly points: readonly ListenPoint[];
  /** `host` or `host:port`, lower case. */
  readonly aliases: ReadonlySet<string>;
}

/**
 * Takes the server's own routes off the top.
 * @returns as Kamailio's loose_route: true when one was taken off and the request is inside a dialog or has routes left
 * @throws SipError 400 when a Route cannot be read
 */
export function takeOwnRoutes(message: SipRequest, flow: Flow, names: Names): boolean {
  if (message.header('Route') === undefined) return false;
  const { routes } = message;
  let own = 0;
  while (own < routes.length && isOwn(routes[own], flow, names)) own++;
  if (own === 0) return false;
  const left = routes.slice(own);
  message.removeHeader('Route');
  if (left.length > 0) message.insertHeader('Route', left.map(formatNameAddr).join(', '));
  // A route to us and no further on a request outside a dialog was set up by hand: the request is for us to serve.
  return left.length > 0 || message.toTag !== undefined;
}

function isOwn(route: NameAddr | undefined, flow: Flow, { points, aliases }: Names): boolean {
  const uri = route === undefined ? undefined : parseUri(route.uri);
  if (uri === undefined || uri.host === '') return false;
  const host = uri.host.toLowerCase();
  const port = uri.port ?? defaultPort(uri);
  if (aliases.has(host) || aliases.has(`${host}:${port}`)) return true;
  return points.some((point) => {
    if (point.port !== port) return false;
    // A socket that listens on every address has the one at which this request met it.
    const address = isWildcard(point.address) ? flow.local.address : point.address;
    return hostPort({ address, port }).toLowerCase() === `${host}:${port}`;
  });
}

function defaultPort({ scheme, params }: SipUri): number {
  return scheme === 'sips' || params.get('transport')?.toLowerCase() === 'tls' ? 5061 : 5060;
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}
