// Owns where a NOTIFY goes: the flow that the SUBSCRIBE came on, the route set, or the Contact.
import {
  type Flow,
  parseFlowKey,
  parseNameAddr,
  parseUri,
  type SipServices,
  type SipUri,
  splitCommas,
  type Target,
} from '../../../core/api';
import type { Subscription } from '../resource';

/**
 * Request-URI and Route header of a request inside the dialog (RFC 3261 §12.2.1.1, a strict router at the top included).
 * `flow`: on the watcher's own connection the node that holds it is no part of the way.
 */
export function routesOf(
  { contact, routes, flowRoute, source }: Subscription,
  flow: Pick<Flow, 'key'>,
): { requestUri: string; routes: string } {
  const through = flowRoute === '' || flow.key === source ? [] : [flowRoute];
  if (routes === '') return { requestUri: contact, routes: through.join() };
  const [first, ...others] = splitCommas(routes);
  const uri = parseNameAddr(first ?? '')?.uri ?? '';
  if (parseUri(uri)?.params.has('lr')) return { requestUri: contact, routes: [...through, routes].join(', ') };
  return { requestUri: uri, routes: [...through, ...others, `<${contact}>`].join(', ') };
}

/**
 * Whether a watcher is reached by nothing but the way it came: over its connection, or by UDP without a proxy while its Contact
 * names another host than the one it sends from (NAT, `.invalid`).
 */
export function needsItsFlow({
  source,
  contact,
  routes,
}: Pick<Subscription, 'source' | 'contact' | 'routes'>): boolean {
  const flow = parseFlowKey(source);
  if (flow?.protocol !== 'udp') return flow !== undefined;
  const uri = parseUri(contact);
  return routes === '' && uri !== undefined && isElsewhere(uri, flow.remote.address);
}

/**
 * The flow for a dialog's next NOTIFY. A watcher that came over a connection is notified on it while it lives; one that came by
 * UDP without a proxy and names another host than the one it sends from at its source. When another node holds that flow,
 * through that node, which alone knows whether it lives. Everybody else at the first route or the Contact (RFC 3261 §8.1.2,
 * RFC 3263). Rejects when there is no way.
 */
export function flowFor(subscription: Subscription, sip: SipServices): Flow | Promise<Flow> {
  const source = parseFlowKey(subscription.source);
  if (source && (source.protocol !== 'udp' || subscription.flowRoute !== '')) {
    const own = sip.transports.findFlow(subscription.source);
    if (own?.open) return own;
  }
  const nextHop = nextHopOf(subscription);
  if (!nextHop) return Promise.reject(new Error('no usable Contact'));
  if (source?.protocol === 'udp' && subscription.routes === '' && subscription.flowRoute === '') {
    const atSource = isAt(nextHop, source.remote.address) && (nextHop.port ?? 5060) === source.remote.port;
    const back =
      atSource || isElsewhere(nextHop, source.remote.address)
        ? sip.transports.findFlow(subscription.source)
        : undefined;
    if (back) return back;
  }
  const local = localOf(subscription);
  return toFirst(sip, sip.resolver.resolve(nextHop), local);
}

function nextHopOf({ contact, routes, flowRoute }: Subscription): SipUri | undefined {
  const [first] = flowRoute !== '' ? [flowRoute] : routes === '' ? [] : splitCommas(routes);
  return parseUri(first === undefined ? contact : (parseNameAddr(first)?.uri ?? ''));
}

function isAt(uri: SipUri, address: string): boolean {
  return uri.scheme === 'sip' && (uri.params.get('transport') ?? 'udp') === 'udp' && bareHost(uri) === address;
}

/** Whether a URI certainly names another host than the one at `address`: a name that DNS knows may well be the same. */
function isElsewhere(uri: SipUri, address: string): boolean {
  const host = bareHost(uri);
  if (host === address) return false;
  return host.includes(':') || /^[0-9.]+$/.test(host) || host.endsWith('.invalid');
}

function bareHost({ host }: SipUri): string {
  return host.startsWith('[') ? host.slice(1, -1) : host.toLowerCase();
}

function localOf({ socket }: Subscription) {
  return parseFlowKey(`${socket}>${socket.slice(socket.indexOf(':') + 1)}`);
}

async function toFirst(
  sip: SipServices,
  resolving: Promise<Target[]>,
  from: ReturnType<typeof parseFlowKey>,
): Promise<Flow> {
  let failure: unknown = new Error('the name of the next hop has no address');
  for (const target of await resolving) {
    try {
      const same = from && from.protocol === target.protocol ? { local: from.local } : undefined;
      return await sip.transports.flowTo(target.protocol, target, same);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
