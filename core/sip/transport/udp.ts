// Owns SIP over UDP: one socket per listen point, a flow per peer that costs nothing to keep.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { parseMessage } from '../message';
import { isWildcard, LocalAddresses } from './addresses';
import { type Endpoint, type Flow, flowKey, withoutZone } from './flow';
import { type ListenPoint, show, type Transport, type TransportHost } from './protocol';

/** libuv queues what the kernel does not take at once. How much of that is let grow, and how often it is looked at. */
const maxQueuedBytes = 8 * 1024 * 1024;
const queueCheckEvery = 64;

/** The udp protocol: flows go out through a listening socket, so that peers and NATs see one port. */
export class UdpTransport implements Transport {
  readonly protocol = 'udp';
  readonly #host: TransportHost;
  readonly #points: UdpPoint[] = [];

  constructor(host: TransportHost) {
    this.#host = host;
  }

  async listen(address: string, port: number): Promise<ListenPoint> {
    const point = await UdpPoint.open(this.#host, address, port);
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

class UdpPoint implements ListenPoint {
  readonly protocol = 'udp';
  readonly wildcard: boolean;
  readonly ipv6: boolean;
  readonly receiveBuffer: number;
  open = true;
  readonly #host: TransportHost;
  readonly #socket: Socket;
  readonly #local: Endpoint;
  readonly #addresses: LocalAddresses | undefined;
  #sends = 0;
  #congested = false;

  static open(host: TransportHost, address: string, port: number): Promise<UdpPoint> {
    const ipv6 = isIPv6(withoutZone(address));
    const socket = createSocket({
      type: ipv6 ? 'udp6' : 'udp4',
      // 0.0.0.0 and [::] are two listen points that may share a port.
      ipv6Only: ipv6,
      // Every address is numeric here: no resolver call, no tick of delay. The kernel refuses anything else.
      lookup: (name, _options, done) => done(null, name, ipv6 ? 6 : 4),
    });
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => {
        socket.close();
        reject(error);
      };
      socket.once('error', failed);
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off('error', failed);
        resolve(new UdpPoint(host, socket, address, socket.address().port));
      });
    });
  }

  private constructor(
    host: TransportHost,
    socket: Socket,
    readonly address: string,
    readonly port: number,
  ) {
    this.#host = host;
    this.#socket = socket;
    this.#local = { address, port };
    this.wildcard = isWildcard(address);
    this.ipv6 = isIPv6(withoutZone(address));
    this.#addresses = this.wildcard ? new LocalAddresses(address) : undefined;
    this.#enlargeBuffers(host.limits.udpBufferBytes);
    this.receiveBuffer = socket.getRecvBufferSize();
    socket.on('message', (bytes, from) => this.#receive(bytes, from));
    // ECONNREFUSED and the like of an earlier datagram: about one peer, never about the socket.
    socket.on('error', (error) => host.log.debug({ err: error }, 'udp socket reported an error'));
  }

  localFor(remote: Endpoint): Endpoint {
    if (!this.#addresses) return this.#local;
    return { address: this.#addresses.facing(remote.address), port: this.port };
  }

  send(bytes: Buffer, remote: Endpoint, onError: ((error: Error) => void) | undefined): void {
    if (!this.open || this.#isCongested()) {
      this.#failed(new Error(this.open ? 'the udp send queue is full' : 'the udp socket is closed'), onError);
      return;
    }
    this.#host.counters.sent++;
    if (this.#host.onlookers.size > 0) show(this.#host.onlookers, 'udp', remote, bytes);
    try {
      // Without a callback Node keeps quiet about errors and makes no tick for them: the price of a reply.
      if (onError) {
        this.#socket.send(bytes, 0, bytes.length, remote.port, remote.address, (error) => {
          if (error) this.#failed(error, onError);
        });
      } else {
        this.#socket.send(bytes, 0, bytes.length, remote.port, remote.address);
      }
    } catch (error) {
      // A port of 0, say: Node checks arguments by throwing.
      this.#failed(error instanceof Error ? error : new Error(String(error)), onError);
    }
  }

  squeeze(bytes: number): void {
    if (!this.open) return;
    // The kernel grants twice what it is asked for (socket(7)), and counts what it adds to each datagram.
    const wanted = bytes === 0 ? this.receiveBuffer : Math.min(bytes, this.receiveBuffer);
    this.#socket.setRecvBufferSize(Math.ceil(wanted / 2));
  }

  close(): Promise<void> {
    if (!this.open) return Promise.resolve();
    this.open = false;
    return new Promise((resolve) => {
      this.#socket.close(() => resolve());
    });
  }

  #receive(bytes: Buffer, from: RemoteInfo): void {
    const { counters, limits } = this.#host;
    counters.received++;
    const parsed = parseMessage(bytes, limits);
    switch (parsed.kind) {
      case 'noise':
        counters.noise++;
        return;
      case 'request':
        parsed.message.source = source(from);
        break;
      case 'bad':
        counters.bad++;
        if (parsed.replyTo) parsed.replyTo.source = source(from);
        break;
      case 'response':
        break;
    }
    this.#host.received(parsed, new UdpFlow(this, from));
  }

  #isCongested(): boolean {
    if (this.#congested || ++this.#sends % queueCheckEvery === 0) {
      this.#congested = this.#socket.getSendQueueSize() > maxQueuedBytes;
    }
    return this.#congested;
  }

  #failed(error: Error, onError: ((error: Error) => void) | undefined): void {
    this.#host.counters.sendFailures++;
    if (onError) setImmediate(onError, error);
  }

  #enlargeBuffers(bytes: number): void {
    for (const set of ['setRecvBufferSize', 'setSendBufferSize'] as const) {
      try {
        this.#socket[set](bytes);
      } catch (error) {
        this.#host.log.warn({ err: error }, `udp ${set}(${bytes}) failed; net.core.rmem_max and wmem_max bound it`);
      }
    }
  }
}

class UdpFlow implements Flow {
  readonly protocol = 'udp';
  readonly #point: UdpPoint;
  #local: Endpoint | undefined;

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
    return flowKey('udp', this.local, this.remote);
  }

  send(bytes: Buffer, onError?: (error: Error) => void): void {
    this.#point.send(bytes, this.remote, onError);
  }
}

/** What goes into received= and rport=. */
function source(from: RemoteInfo): Endpoint {
  return from.address.includes('%') ? { address: withoutZone(from.address), port: from.port } : from;
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
