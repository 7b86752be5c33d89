// Owns listening and connecting for the protocols that are streams; tcp.ts and its like say only how their sockets are made.
import type { Server, Socket } from 'node:net';
import { StreamConnection } from './connection';
import { type Endpoint, type Flow, hostPort, type Protocol } from './flow';
import type { ListenPoint, Transport, TransportHost } from './protocol';

/** What differs between stream protocols. */
export interface StreamSockets {
  readonly protocol: Protocol;
  /** A server that calls `accept` with every connection that is ready for messages, and is not listening yet. */
  createServer(accept: (socket: Socket) => void): Server;
  /** A socket on its way to `remote`, with half-open connections allowed; `ready` is called once messages can be sent. */
  connect(remote: Endpoint, localAddress: string | undefined, ready: () => void): Socket;
}

/** One stream protocol. */
export class StreamTransport implements Transport {
  readonly protocol: Protocol;
  readonly #host: TransportHost;
  readonly #sockets: StreamSockets;
  readonly #connecting = new Map<string, Promise<Flow>>();

  constructor(host: TransportHost, sockets: StreamSockets) {
    this.#host = host;
    this.#sockets = sockets;
    this.protocol = sockets.protocol;
  }

  listen(address: string, port: number): Promise<ListenPoint> {
    const server = this.#sockets.createServer((socket) => this.#accept(socket));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      // 0.0.0.0 and [::] are two listen points that may share a port.
      server.listen({ host: address, port, exclusive: true, ipv6Only: address.includes(':'), backlog: 1024 }, () => {
        server.off('error', reject);
        // Out of descriptors, most likely: the next connection may succeed.
        server.on('error', (error) => this.#host.log.error({ err: error }, `${this.protocol} could not accept`));
        const bound = server.address();
        resolve({
          protocol: this.protocol,
          address,
          port: bound !== null && typeof bound === 'object' ? bound.port : port,
          close: () =>
            // close() calls back when the last connection has gone; the port is free at once.
            new Promise((closed) => {
              server.close();
              setImmediate(closed);
            }),
        });
      });
    });
  }

  flowTo(remote: Endpoint, from: Endpoint | undefined): Flow | Promise<Flow> {
    const open = this.#host.connections.to(this.protocol, remote);
    if (open) return open;
    const key = hostPort(remote);
    let connecting = this.#connecting.get(key);
    if (!connecting) {
      connecting = this.#connect(remote, from?.address).finally(() => this.#connecting.delete(key));
      this.#connecting.set(key, connecting);
    }
    return connecting;
  }

  find(): Flow | undefined {
    return undefined;
  }

  #accept(socket: Socket): void {
    const ends = endsOf(socket);
    if (!ends || !this.#host.connections.admits(ends.remote.address)) {
      this.#host.counters.refused++;
      // A reset that comes with the refusal must find somebody.
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    new StreamConnection(this.#host, this.protocol, socket, ends, true);
  }

  #connect(remote: Endpoint, localAddress: string | undefined): Promise<Flow> {
    const { connections, counters, limits, wheel } = this.#host;
    const where = `${this.protocol}:${hostPort(remote)}`;
    if (!connections.admits(remote.address)) {
      counters.refused++;
      return Promise.reject(new Error(`too many connections to open ${where}`));
    }
    return new Promise((resolve, reject) => {
      const socket = this.#sockets.connect(remote, localAddress, () => {
        const ends = endsOf(socket);
        if (!ends) {
          socket.destroy();
          return;
        }
        settled();
        resolve(new StreamConnection(this.#host, this.protocol, socket, { ...ends, remote }, false));
      });
      const timer = wheel.after(limits.connectTimeout, () => socket.destroy(new Error(`${where} does not answer`)));
      let reason = new Error(`${where} closed at once`);
      const remember = (error: Error) => {
        reason = error;
      };
      const closed = () => {
        settled();
        reject(reason);
      };
      const settled = () => {
        wheel.cancel(timer);
        connections.release(socket);
        socket.off('error', remember);
        socket.off('close', closed);
      };
      connections.hold(socket, remote.address);
      socket.on('error', remember);
      socket.on('close', closed);
    });
  }
}

/** Undefined when the peer has gone already. */
function endsOf(socket: Socket): { local: Endpoint; remote: Endpoint } | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (
    localAddress === undefined ||
    localPort === undefined ||
    remoteAddress === undefined ||
    remotePort === undefined
  ) {
    return undefined;
  }
  return {
    local: { address: localAddress, port: localPort },
    remote: { address: remoteAddress, port: remotePort },
  };
}
