// Owns SIP over TCP: how its sockets are made; all else is stream.ts.
import { connect, createServer } from 'node:net';
import type { TransportHost } from './protocol';
import { StreamTransport } from './stream';

/** The tcp protocol. A peer that closes its side only still gets the replies under way. */
export class TcpTransport extends StreamTransport {
  constructor(host: TransportHost) {
    super(host, {
      protocol: 'tcp',
      createServer: (accept) => createServer({ allowHalfOpen: true, noDelay: true }, accept),
      connect: (remote, localAddress, ready) =>
        connect(
          {
            host: remote.address,
            port: remote.port,
            allowHalfOpen: true,
            ...(localAddress === undefined ? {} : { localAddress }),
          },
          ready,
        ),
    });
  }
}
