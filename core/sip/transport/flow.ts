// Owns the idea of a flow (RFC 5626): one way to one peer, named by a key that stays the same while it lives.

/** As in `listen` and in flow keys. In a Via it is written in capitals. */
export type Protocol = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

/** A numeric address (IPv6 without brackets, a link-local one with its zone: `fe80::1%eth0`) and a port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A message to send: its bytes, or its head, one character a byte, and its body. Neither is changed once it is sent. */
export type Outgoing = Buffer | { readonly head: string; readonly body: Buffer };

/** The bytes of a message. */
export function bytesOf(message: Outgoing): Buffer {
  if (message instanceof Uint8Array) return message;
  const { head, body } = message;
  const bytes = Buffer.allocUnsafe(head.length + body.length);
  bytes.write(head, 0, 'latin1');
  bytes.set(body, head.length);
  return bytes;
}

/** Where a message came from, and where one can be sent. */
export interface Flow {
  readonly protocol: Protocol;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** False once a connection has gone. A udp flow is open as long as its socket. */
  readonly open: boolean;
  /** `tcp:127.0.0.1:5060>127.0.0.1:40012`: for maps and for what is stored about where a request came from. */
  readonly key: string;
  /**
   * Sends one message. Never throws. `onError` is called at most once, later, when the message is known not to have left:
   * the connection is gone, the peer does not read, the datagram is too large, there is no route.
   */
  send(message: Outgoing, onError?: (error: Error) => void): void;
}

/** host:port, an IPv6 address in brackets. */
export function hostPort(endpoint: Endpoint): string {
  const { address, port } = endpoint;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The key of a flow between two endpoints. */
export function flowKey(protocol: Protocol, local: Endpoint, remote: Endpoint): string {
  return `${protocol}:${hostPort(local)}>${hostPort(remote)}`;
}

/** The parts of a key; undefined when the text is none. */
export function parseFlowKey(key: string): { protocol: string; local: Endpoint; remote: Endpoint } | undefined {
  const colon = key.indexOf(':');
  const arrow = key.indexOf('>');
  if (colon <= 0 || arrow < colon) return undefined;
  const local = parseHostPort(key.slice(colon + 1, arrow));
  const remote = parseHostPort(key.slice(arrow + 1));
  return local && remote && { protocol: key.slice(0, colon), local, remote };
}

function parseHostPort(text: string): Endpoint | undefined {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon <= 0 || !Number.isInteger(port) || port < 1 || port > 65535) return undefined;
  const host = text.slice(0, colon);
  return { address: host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host, port };
}

/** The address without its zone: what may be written into a message (RFC 3261 has no zones, RFC 6874 forbids them on the wire). */
export function withoutZone(address: string): string {
  const percent = address.indexOf('%');
  return percent < 0 ? address : address.slice(0, percent);
}
