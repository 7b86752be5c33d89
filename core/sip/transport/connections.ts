// Owns the table of open connections: found by key and by remote endpoint, counted in all and per address.
import { type Flow, hostPort, type Protocol } from './flow';
import type { TransportLimits } from './limits';

/** A flow that has an end. */
export interface Connection extends Flow {
  /** Drops it at once, whatever waits in it. */
  destroy(): void;
}

/** All connections of all protocols. */
export class ConnectionTable {
  readonly #limits: TransportLimits;
  /** Every connection that holds a socket. */
  readonly #all = new Set<Connection>();
  /** Those that a peer still listens on. */
  readonly #byKey = new Map<string, Connection>();
  readonly #byRemote = new Map<string, Connection>();
  readonly #perAddress = new Map<string, number>();
  readonly #closed = new Set<(flow: Flow) => void>();

  constructor(limits: TransportLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Whether the limits admit one more connection from or to `address`. */
  admits(address: string): boolean {
    return (
      this.#all.size < this.#limits.maxConnections &&
      (this.#perAddress.get(address) ?? 0) < this.#limits.maxConnectionsPerAddress
    );
  }

  add(connection: Connection): void {
    const { address } = connection.remote;
    this.#all.add(connection);
    this.#byKey.set(connection.key, connection);
    // The newest is the one a peer that reconnected still listens on.
    this.#byRemote.set(remoteKey(connection), connection);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
  }

  /** Nobody finds it any more, and whoever waits for something on it is told; it counts until `remove`. */
  retire(connection: Connection): void {
    if (!this.#byKey.delete(connection.key)) return;
    const remote = remoteKey(connection);
    if (this.#byRemote.get(remote) === connection) this.#byRemote.delete(remote);
    for (const handler of this.#closed) handler(connection);
  }

  /** Its socket is closed. */
  remove(connection: Connection): void {
    this.retire(connection);
    if (!this.#all.delete(connection)) return;
    const { address } = connection.remote;
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }

  find(key: string): Connection | undefined {
    return this.#byKey.get(key);
  }

  /** The connection whose other end is exactly `remote`: one that we opened, or one that the peer opened from there. */
  to(protocol: Protocol, remote: { address: string; port: number }): Connection | undefined {
    return this.#byRemote.get(`${protocol}:${hostPort(remote)}`);
  }

  onClosed(handler: (flow: Flow) => void): void {
    this.#closed.add(handler);
  }

  destroyAll(): void {
    for (const connection of [...this.#all]) connection.destroy();
  }
}

function remoteKey(connection: Connection): string {
  return `${connection.protocol}:${hostPort(connection.remote)}`;
}
