// Owns the words of `listen:`: `udp:127.0.0.1:5060`, `tcp:[::1]:5060`, `udp:localhost:5060`.
import { isIPv4, isIPv6 } from 'node:net';
import { didYouMean } from '../base/nearest';

const protocols = ['udp', 'tcp'] as const;

/** A socket to open. */
export interface ListenSpec {
  readonly protocol: (typeof protocols)[number];
  /** Numeric; IPv6 without brackets. */
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
}

/** `udp:127.0.0.1:5060`, `tcp:[::1]:5060`. */
export function formatListen({
  protocol,
  address,
  port,
}: ListenSpec | { protocol: string; address: string; port: number }): string {
  return `${protocol}:${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** The socket, or what is wrong with the words. */
export function parseListen(text: string): ListenSpec | string {
  const first = text.indexOf(':');
  const word = first === -1 ? text : text.slice(0, first);
  const protocol = protocols.find((known) => known === word.toLowerCase());
  if (protocol === undefined) {
    return `"${text}": unknown protocol "${word}", expected ${protocols.join(' or ')}${didYouMean(word, protocols)}`;
  }
  const rest = text.slice(first + 1);
  if (!rest.startsWith('[') && rest.indexOf(':') !== rest.lastIndexOf(':')) {
    return `"${text}": an IPv6 address stands in brackets, as in ${protocol}:[::1]:5060`;
  }
  const hostEnd = rest.startsWith('[') ? rest.indexOf(']') + 1 : rest.indexOf(':');
  if (first === -1 || rest === '' || hostEnd <= 0 || rest[hostEnd] !== ':') {
    return `"${text}" is not protocol:address:port, for instance ${protocol}:127.0.0.1:5060 or ${protocol}:[::1]:5060`;
  }
  const host = rest.slice(0, hostEnd);
  const portText = rest.slice(hostEnd + 1);
  const address = parseAddress(host);
  if (address === undefined) return `"${text}": "${host}" is not an IP address or localhost`;
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port > 65535) return `"${text}": "${portText}" is not a port (0 to 65535)`;
  return { protocol, address, port };
}

/** localhost is the IPv4 loopback: what it resolves to differs between machines, and a client's URI must not. */
function parseAddress(host: string): string | undefined {
  if (host.toLowerCase() === 'localhost') return '127.0.0.1';
  if (host.startsWith('[')) {
    const inside = host.slice(1, -1);
    return isIPv6(inside) ? inside : undefined;
  }
  return isIPv4(host) ? host : undefined;
}
