// Owns the HTTP socket: it stays open over a reload, and whoever serves it at the moment gets its requests.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Logger } from '../../core/api';
import type { HttpAddress } from './address';

/** ms that a request may take to arrive, and a connection may rest between two. */
const requestTimeout = 10_000;
const keepAliveTimeout = 30_000;
/** ms that requests in flight may take once the socket is closed. */
const lastRequests = 2000;

/** What one life of the module hands to the next: nothing of it is code of the module. */
export interface Handover {
  readonly server: Server;
  readonly address: HttpAddress;
}

export class HttpSocket {
  private constructor(readonly handover: Handover) {}

  /** Rejects with the system's error when the address cannot be had. */
  static async open(address: HttpAddress): Promise<HttpSocket> {
    const server = createServer({ requestTimeout, keepAliveTimeout });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address.address, port: address.port, exclusive: true }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return new HttpSocket({ server, address });
  }

  /** The socket of an earlier life. Requests go where they went until `serve` says otherwise. */
  static takeOver(handover: Handover): HttpSocket {
    return new HttpSocket(handover);
  }

  get port(): number {
    const bound = this.handover.server.address();
    return bound !== null && typeof bound === 'object' ? bound.port : this.handover.address.port;
  }

  isAt({ address, port }: HttpAddress): boolean {
    return this.handover.address.address === address && this.handover.address.port === port;
  }

  /** Gives each request from now on to `listener`; those that have begun end where they are. */
  serve(listener: RequestListener, maxConnections: number, log: Logger): void {
    const { server } = this.handover;
    for (const event of ['request', 'error']) server.removeAllListeners(event);
    server.on('request', listener);
    // No descriptor left for one more connection, say.
    server.on('error', (error) => log.warn({ err: error }, 'an HTTP connection could not be accepted'));
    server.maxConnections = maxConnections;
  }

  /** The port is free at once; requests in flight have a moment to finish. */
  close(): void {
    const { server } = this.handover;
    server.close();
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), lastRequests).unref();
  }
}
