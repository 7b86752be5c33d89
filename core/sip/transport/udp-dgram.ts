// Owns UDP sockets of Node's own: a system call and a callback for every datagram, on every platform.
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { bytesOf, type Outgoing, withoutZone } from './flow';
import { maxQueuedBytes, type OpenUdpSocket, type Peer, type SocketOwner, type UdpSocket } from './udp-socket';

/** libuv is asked for what it has queued once in so many sends. */
const queueCheckEvery = 64;

export const openDgramSocket: OpenUdpSocket = <P extends Peer>(
  address: string,
  port: number,
  owner: SocketOwner<P>,
) => {
  const ipv6 = isIPv6(withoutZone(address));
  const socket = createSocket({
    type: ipv6 ? 'udp6' : 'udp4',
    // 0.0.0.0 and [::] are two listen points that may share a port.
    ipv6Only: ipv6,
    // Every address is numeric here: no resolver call, no tick of delay. The kernel refuses anything else.
    lookup: (name, _options, done) => done(null, name, ipv6 ? 6 : 4),
  });
  return new Promise<UdpSocket>((resolve, reject) => {
    const failed = (error: Error) => {
      socket.close();
      reject(error);
    };
    socket.once('error', failed);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', failed);
      resolve(new DgramSocket(socket, owner));
    });
  });
};

class DgramSocket<P extends Peer> implements UdpSocket {
  readonly port: number;
  readonly #socket: Socket;
  readonly #owner: SocketOwner<P>;
  #sends = 0;
  #full = false;

  constructor(socket: Socket, owner: SocketOwner<P>) {
    this.#socket = socket;
    this.#owner = owner;
    this.port = socket.address().port;
    socket.on('message', (bytes, from) => owner.received(bytes, owner.peer(from)));
    // ECONNREFUSED and the like of an earlier datagram: about one peer, never about the socket.
    socket.on('error', (error) => owner.troubled(error));
  }

  get full(): boolean {
    if (this.#full || ++this.#sends % queueCheckEvery === 0) {
      this.#full = this.#socket.getSendQueueSize() > maxQueuedBytes;
    }
    return this.#full;
  }

  send(message: Outgoing, { remote }: Peer, onError: ((error: Error) => void) | undefined): void {
    const bytes = bytesOf(message);
    try {
      // Without a callback Node keeps quiet about errors and makes no tick for them: the price of a reply.
      if (onError) {
        this.#socket.send(bytes, 0, bytes.length, remote.port, remote.address, (error) => {
          if (error) this.#owner.failed(error, onError);
        });
      } else {
        this.#socket.send(bytes, 0, bytes.length, remote.port, remote.address);
      }
    } catch (error) {
      // A port of 0, say: Node checks arguments by throwing.
      this.#owner.failed(error instanceof Error ? error : new Error(String(error)), onError);
    }
  }

  receiveBuffer(): number {
    return this.#socket.getRecvBufferSize();
  }

  resize(buffer: 'receive' | 'send', bytes: number): void {
    if (buffer === 'receive') this.#socket.setRecvBufferSize(bytes);
    else this.#socket.setSendBufferSize(bytes);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.close(() => resolve());
    });
  }
}
