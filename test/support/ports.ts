// Owns ports for servers that have to keep theirs over a restart: none that the system hands out to sockets on its own.
import dgram from 'node:dgram';
import net from 'node:net';

// Below the ports the system picks from (32768 on Linux, 49152 elsewhere), so that no client socket of a test that runs
// at the same time takes the port while its server is down. Test files run in processes of their own: the pid spreads them.
const first = 20_000;
const count = 12_000;
let tried = 0;

/** A port of 127.0.0.1 that nobody has, for UDP and for TCP. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + ((process.pid * 61 + tried++) % count);
    if ((await udpIsFree(port)) && (await tcpIsFree(port))) return port;
  }
}

function udpIsFree(port: number): Promise<boolean> {
  const socket = dgram.createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false));
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => socket.close(() => resolve(true)));
  });
}

function tcpIsFree(port: number): Promise<boolean> {
  const server = net.createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
