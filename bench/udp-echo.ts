// Owns an echo on the server's own UDP sockets, of either kind: node dist/bench/udp-echo.js PORT single|batches|bundles.
import { silentLogger } from '../core/base/logger';
import type { Endpoint } from '../core/sip/transport/flow';
import { udpSockets } from '../core/sip/transport/udp-batch';
import type { Peer, UdpSocket } from '../core/sip/transport/udp-socket';

class Remote implements Peer {
  packed: readonly number[] | undefined = undefined;
  constructor(readonly remote: Endpoint) {}
}

async function serve(port: number, kind: string | undefined): Promise<void> {
  let socket: UdpSocket | undefined;
  const complain = (error: Error) => console.error(error.message);
  socket = await udpSockets({ batching: kind !== 'single', bundling: kind === 'bundles', gather: 0 }, silentLogger)(
    '127.0.0.1',
    port,
    {
      peer: (remote) => new Remote(remote),
      received: (bytes, from) => socket?.send(bytes, from, undefined),
      failed: complain,
      troubled: complain,
    },
  );
}

void serve(Number(process.argv[2]), process.argv[3]);
