// Owns the table of connections: found by key and by remote endpoint, counted in all and per address.
import { type Endpoint, type Flow, hostPort, type Protocol } from './flow';
import type { TransportLimits } from './limits';

/** A flow that has an end. */
export interface Connection extends Flow {
  /** Drops it at once, whatever waits in it. */
  destroy(): void;
}

/** All connections of all protocols, those on their way included. */
export class ConnectionTable {
  readonly #limits: TransportLimits;
  /** Whatever holds a socket. */
  readonly #held = new Map<{ destroy(): void }, string>();
  /** How many of them for each address. */
  readonly #perAddress = new Map<string, number>();
  /** Connections that a peer still listens on. */
  readonly #byKey = new Map<string, Connection>();
  readonly #byRemote = new Map<string, Connection>();
  readonly #closed = new Set<(flow: Flow) => void>();
  #shut = false;

  constructor(limits: TransportLimits) {
    this.#limits = limits;
  }

  /** Connections that hold a socket. */
  get size(): number {
    return this.#held.size;
  }

  /** Whether the limits admit one more connection from or to `address`. */
  admits(address: string): boolean {
    return (
      !this.#shut &&
      this.#held.size < this.#limits.maxConnections &&
      (this.#perAddress.get(address) ?? 0) < this.#limits.maxConnectionsPerAddress
    );
  }

  /** Counts a socket from now on until `release`: one that is being opened, or a connection. */
  hold(socket: { destroy(): void }, address: string): void {
    this.#held.set(socket, address);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
  }

  release(socket: { destroy(): void }): void {
    const address = this.#held.get(socket);
    if (address === undefined) return;
    this.#held.delete(socket);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }

  add(connection: Connection): void {
    this.hold(connection, connection.remote.address);
    this.#byKey.set(connection.key, connection);
    // The newest is the one a peer that reconnected still listens on.
    this.#byRemote.set(remoteKey(connection.protocol, connection.remote), connection);
  }

  /** Nobody finds it any more, and whoever waits for something on it is told; it counts until `release`. */
  retire(connection: Connection): void {
    if (!this.#byKey.delete(connection.key)) return;
    const remote = remoteKey(connection.protocol, connection.remote);
    if (this.#byRemote.get(remote) === connection) this.#byRemote.delete(remote);
    for (const handler of this.#closed) handler(connection);
  }

  find(key: string): Connection | undefined {
    return this.#byKey.get(key);
  }

  /** The connection whose other end is exactly `remote`: one that we opened, or one that the peer opened from there. */
  to(protocol: Protocol, remote: Endpoint): Connection | undefined {
    return this.#byRemote.get(remoteKey(protocol, remote));
  }

  onClosed(handler: (flow: Flow) => void): void {
    this.#closed.add(handler);
  }

  /** Drops everything and admits nothing more. */
  shut(): void {
    this.#shut = true;
    for (const socket of [...this.#held.keys()]) socket.destroy();
  }
}

function remoteKey(protocol: Protocol, remote: Endpoint): string {
  return `${protocol}:${hostPort(remote)}`;
}
