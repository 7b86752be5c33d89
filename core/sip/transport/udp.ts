// Owns SIP over UDP: one socket per listen point, a flow per peer that costs nothing to keep.
import { isIPv6 } from 'node:net';
import { parseMessage } from '../message';
import { isWildcard, LocalAddresses } from './addresses';
import { type Endpoint, type Flow, flowKey, type Outgoing, withoutZone } from './flow';
import { type ListenPoint, show, type Transport, type TransportHost } from './protocol';
import type { OpenUdpSocket, Peer, SocketOwner, UdpSocket } from './udp-socket';

/** The udp protocol: flows go out through a listening socket, so that peers and NATs see one port. */
export class UdpTransport implements Transport {
  readonly protocol = 'udp';
  readonly #host: TransportHost;
  readonly #openSocket: OpenUdpSocket;
  readonly #points: UdpPoint[] = [];

  constructor(host: TransportHost, openSocket: OpenUdpSocket) {
    this.#host = host;
    this.#openSocket = openSocket;
  }

  async listen(address: string, port: number): Promise<ListenPoint> {
    const point = new UdpPoint(this.#host, address);
    await point.start(this.#openSocket, port);
    this.#points.push(point);
    return point;
  }

  flowTo(remote: Endpoint, from: Endpoint | undefined): Flow | Promise<Flow> {
    const point = (from && this.#bound(from)) ?? this.#towards(remote.address);
    return point
      ? new UdpFlow(point, remote)
      : Promise.reject(new Error(`no udp socket to reach ${remote.address} from`));
  }

  find(_key: string, local: Endpoint, remote: Endpoint): Flow | undefined {
    const point = this.#bound(local);
    return point && new UdpFlow(point, remote);
  }

  /** The open socket that `local` is an address of. */
  #bound(local: Endpoint): UdpPoint | undefined {
    const family = isIPv6(withoutZone(local.address));
    return this.#points.find(
      (point) =>
        point.open &&
        point.port === local.port &&
        (point.address === local.address || (point.wildcard && point.ipv6 === family)),
    );
  }

  /** A socket bound to loopback reaches only loopback, so it is the last choice for the world. */
  #towards(address: string): UdpPoint | undefined {
    const family = isIPv6(withoutZone(address));
    const loopback = isLoopback(address);
    const able = this.#points.filter((point) => point.open && point.ipv6 === family);
    return able.find((point) => point.wildcard || isLoopback(point.address) === loopback) ?? able[0];
  }
}

class UdpPoint implements ListenPoint, SocketOwner<UdpFlow> {
  readonly protocol = 'udp';
  readonly wildcard: boolean;
  readonly ipv6: boolean;
  port = 0;
  receiveBuffer = 0;
  open = false;
  readonly #host: TransportHost;
  readonly #addresses: LocalAddresses | undefined;
  #local: Endpoint;
  #socket: UdpSocket | undefined;

  constructor(
    host: TransportHost,
    readonly address: string,
  ) {
    this.#host = host;
    this.wildcard = isWildcard(address);
    this.ipv6 = isIPv6(withoutZone(address));
    this.#addresses = this.wildcard ? new LocalAddresses(address) : undefined;
    this.#local = { address, port: 0 };
  }

  /** Rejects when the address cannot be bound. */
  async start(openSocket: OpenUdpSocket, port: number): Promise<void> {
    const socket = await openSocket(this.address, port, this);
    this.#socket = socket;
    this.port = socket.port;
    this.#local = { address: this.address, port: socket.port };
    this.open = true;
    for (const buffer of ['receive', 'send'] as const) this.#enlarge(socket, buffer);
    this.receiveBuffer = socket.receiveBuffer();
  }

  localFor(remote: Endpoint): Endpoint {
    if (!this.#addresses) return this.#local;
    return { address: this.#addresses.facing(remote.address), port: this.port };
  }

  send(message: Outgoing, flow: UdpFlow, onError: ((error: Error) => void) | undefined): void {
    const socket = this.#socket;
    if (socket === undefined || !this.open || socket.full) {
      this.failed(new Error(this.open ? 'the udp send queue is full' : 'the udp socket is closed'), onError);
      return;
    }
    this.#host.counters.sent++;
    if (this.#host.onlookers.size > 0) show(this.#host.onlookers, 'udp', flow.remote, message);
    socket.send(message, flow, onError);
  }

  async close(): Promise<void> {
    if (!this.open) return;
    this.open = false;
    await this.#socket?.close();
  }

  peer(remote: Endpoint): UdpFlow {
    return new UdpFlow(this, remote);
  }

  received(bytes: Buffer, from: UdpFlow): void {
    const { counters, limits } = this.#host;
    counters.received++;
    const parsed = parseMessage(bytes, limits);
    switch (parsed.kind) {
      case 'noise':
        counters.noise++;
        return;
      case 'request':
        parsed.message.source = from.source;
        break;
      case 'bad':
        counters.bad++;
        if (parsed.replyTo) parsed.replyTo.source = from.source;
        break;
      case 'response':
        break;
    }
    this.#host.received(parsed, from);
  }

  failed(error: Error, onError: ((error: Error) => void) | undefined): void {
    this.#host.counters.sendFailures++;
    if (onError) setImmediate(onError, error);
  }

  troubled(error: Error): void {
    this.#host.log.debug({ err: error }, 'udp socket reported an error');
  }

  #enlarge(socket: UdpSocket, buffer: 'receive' | 'send'): void {
    const bytes = this.#host.limits.udpBufferBytes;
    try {
      socket.resize(buffer, bytes);
    } catch (error) {
      const bound = buffer === 'receive' ? 'rmem_max' : 'wmem_max';
      this.#host.log.warn(
        { err: error },
        `a udp ${buffer} buffer of ${bytes} bytes failed; net.core.${bound} bounds it`,
      );
    }
  }
}

/** A peer of a socket. Sockets that know their peers again keep it, so what it is asked for it makes once. */
class UdpFlow implements Flow, Peer {
  readonly protocol = 'udp';
  packed: readonly number[] | undefined = undefined;
  readonly #point: UdpPoint;
  #local: Endpoint | undefined;
  #source: Endpoint | undefined;
  #key: string | undefined;

  constructor(
    point: UdpPoint,
    readonly remote: Endpoint,
  ) {
    this.#point = point;
  }

  get local(): Endpoint {
    this.#local ??= this.#point.localFor(this.remote);
    return this.#local;
  }

  get open(): boolean {
    return this.#point.open;
  }

  get key(): string {
    this.#key ??= flowKey('udp', this.local, this.remote);
    return this.#key;
  }

  /** What goes into received= and rport=. */
  get source(): Endpoint {
    const { address, port } = this.remote;
    this.#source ??= address.includes('%') ? { address: withoutZone(address), port } : this.remote;
    return this.#source;
  }

  send(message: Outgoing, onError?: (error: Error) => void): void {
    this.#point.send(message, this, onError);
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
