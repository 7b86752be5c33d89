// Owns UDP sockets of the compiled addon: one call for all that has come, and one system call for all that a turn sends.
import { getSystemErrorName } from 'node:util';
import type { Logger } from '../../base/logger';
import { hostPort, type Outgoing } from './flow';
import {
  type Addon,
  addressWords,
  batchOut,
  failedWords,
  inCount,
  inHead,
  inNeeded,
  inStride,
  inWords,
  loadAddon,
  type NativeSocket,
  outCount,
  outHead,
  outQueuedBytes,
  outScratch,
  outStride,
  outWords,
  peerIsNew,
  peerPlaces,
} from './udp-addon';
import { openDgramSocket } from './udp-dgram';
import { maxQueuedBytes, type OpenUdpSocket, type Peer, type SocketOwner, type UdpSocket } from './udp-socket';

/** Datagrams are copied into memory of this size, one behind the other: it is freed with the last of them. */
const arenaBytes = 128 * 1024;
/** What one turn may write before it is sent. Holds the largest datagram there is. */
const slabBytes = 256 * 1024;
const largestDatagram = 65_535;
/** Who asks for failures while the kernel takes nothing; the rest is not told. */
const maxAsking = 65_536;

type OnError = ((error: Error) => void) | undefined;

/** What the settings say of UDP sockets. */
export interface UdpWays {
  /** Sockets of the addon, where it is compiled. */
  readonly batching: boolean;
  /** Datagrams of one peer and one size that leave together cross the network stack as one. */
  readonly bundling: boolean;
  /** ms for which datagrams may wait for others while many come, so that the addon reads them together. */
  readonly gather: number;
}

/** Sockets of the addon where it is compiled and wanted, else Node's own. */
export function udpSockets({ batching, bundling, gather }: UdpWays, log: Logger): OpenUdpSocket {
  if (!batching) return openDgramSocket;
  const addon = loadAddon();
  if (!('missing' in addon))
    return async (address, port, owner) => new BatchSocket(addon, address, port, { bundling, gather }, owner);
  log.info({ reason: addon.missing }, 'udp goes datagram by datagram: the addon for batches is not compiled');
  return openDgramSocket;
}

class BatchSocket<P extends Peer> implements UdpSocket {
  readonly port: number;
  readonly #native: NativeSocket;
  readonly #owner: SocketOwner<P>;
  readonly #inbox = new Int32Array(inWords);
  readonly #outbox = new Int32Array(outWords);
  readonly #failed = new Int32Array(failedWords);
  readonly #slab = Buffer.allocUnsafeSlow(slabBytes);
  #arena = Buffer.allocUnsafeSlow(arenaBytes);
  /** By the number that the addon knows them by. */
  readonly #peers: (P | undefined)[] = new Array(peerPlaces).fill(undefined);
  /** Bytes of the slab that are taken. */
  #used = 0;
  /** Who wants to hear of a failure. The ticket of a datagram is its place here plus 1, and 0 when nobody does. */
  readonly #asking: OnError[] = [];

  constructor(
    addon: Addon,
    address: string,
    port: number,
    { bundling, gather }: Omit<UdpWays, 'batching'>,
    owner: SocketOwner<P>,
  ) {
    this.#owner = owner;
    this.#native = new addon.UdpSocket(
      address,
      port,
      bundling,
      gather,
      this.#inbox,
      this.#outbox,
      this.#failed,
      this.#slab,
      this.#arena,
      () => this.#arrived(),
      (count) => this.#report(count),
    );
    this.port = this.#native.port();
  }

  get full(): boolean {
    return (this.#outbox[outQueuedBytes] ?? 0) > maxQueuedBytes;
  }

  send(message: Outgoing, to: Peer, onError: OnError): void {
    const bytes = message instanceof Uint8Array;
    const length = bytes ? message.length : message.head.length + message.body.length;
    to.packed ??= this.#pack(to);
    const address = to.packed;
    if (address === undefined || length > largestDatagram) {
      const code = address ? 'EMSGSIZE' : 'EINVAL';
      this.#owner.failed(sendError(code, hostPort(to.remote)), onError);
      return;
    }
    let count = this.#outbox[outCount] ?? 0;
    if (count === batchOut || (count > 0 && this.#used + length > slabBytes)) {
      this.#report(this.#native.flush());
      count = 0;
    }
    if (count === 0) this.#begin();
    const entry = outHead + count * outStride;
    if (bytes) {
      this.#slab.set(message, this.#used);
    } else {
      this.#slab.write(message.head, this.#used, 'latin1');
      this.#slab.set(message.body, this.#used + message.head.length);
    }
    this.#outbox[entry] = this.#used;
    this.#outbox[entry + 1] = length;
    this.#outbox[entry + 2] = onError && this.#asking.length < maxAsking ? this.#asking.push(onError) : 0;
    for (let i = 0; i < addressWords; i++) this.#outbox[entry + 3 + i] = address[i] ?? 0;
    this.#used += length;
    this.#outbox[outCount] = count + 1;
  }

  receiveBuffer(): number {
    return this.#native.buffer(true, 0);
  }

  resize(buffer: 'receive' | 'send', bytes: number): void {
    this.#native.buffer(buffer === 'receive', bytes);
  }

  async close(): Promise<void> {
    this.#native.close();
  }

  /** The addon has sent the last batch. What it keeps may still fail, and only then tickets are still valid. */
  #begin(): void {
    this.#used = 0;
    if (this.#outbox[outQueuedBytes] === 0) this.#asking.length = 0;
  }

  /** The inbox is full of datagrams. */
  #arrived(): Buffer | undefined {
    const inbox = this.#inbox;
    const count = inbox[inCount] ?? 0;
    try {
      for (let n = 0, entry = inHead; n < count; n++, entry += inStride) {
        const start = inbox[entry] ?? 0;
        const bytes = this.#arena.subarray(start, start + (inbox[entry + 1] ?? 0));
        this.#owner.received(bytes, this.#peerOf(n, entry));
      }
    } catch (error) {
      // Numbers of peers that were not read may have changed hands.
      this.#peers.fill(undefined);
      throw error;
    }
    if (inbox[inNeeded] === 0) return undefined;
    this.#arena = Buffer.allocUnsafeSlow(arenaBytes);
    return this.#arena;
  }

  #peerOf(n: number, entry: number): P {
    const place = this.#inbox[entry + 2] ?? 0;
    if (place < peerIsNew) {
      const known = this.#peers[place];
      if (known !== undefined) return known;
    }
    const remote = { address: this.#native.print(n), port: this.#inbox[entry + 3] ?? 0 };
    const peer = this.#owner.peer(remote);
    peer.packed = addressAt(this.#inbox, entry + 3);
    this.#peers[place & ~peerIsNew] = peer;
    return peer;
  }

  #pack({ remote }: Peer): readonly number[] | undefined {
    // The kernel refuses to send to port 0, Node before it.
    if (remote.port === 0 || !this.#native.parse(remote.address, remote.port)) return undefined;
    return addressAt(this.#outbox, outScratch);
  }

  #report(count: number): void {
    for (let i = 0; i < count; i++) {
      const ticket = this.#failed[2 * i] ?? 0;
      const code = getSystemErrorName(-(this.#failed[2 * i + 1] ?? 0));
      this.#owner.failed(sendError(code), ticket > 0 ? this.#asking[ticket - 1] : undefined);
    }
  }
}

/** `Array.from` would make room for three times as many. */
function addressAt(words: Int32Array, start: number): number[] {
  const address = new Array<number>(addressWords);
  for (let i = 0; i < addressWords; i++) address[i] = words[start + i] ?? 0;
  return address;
}

function sendError(code: string, to?: string): Error {
  return Object.assign(new Error(to === undefined ? `send ${code}` : `send ${code} ${to}`), { code, syscall: 'send' });
}
