// Owns the border to the compiled addon (native/): its shape, the layout of the memory shared with it, and finding it.
import { join } from 'node:path';

/** The numbers of native/batch.h. Words are of 32 bits. */
export const batchOut = 128;
const batchIn = 64;
export const peerPlaces = 16_384;
export const peerIsNew = 1 << 30;
export const addressWords = 6;
export const inCount = 0;
export const inNeeded = 1;
export const inHead = 2;
export const inStride = 3 + addressWords;
export const outCount = 0;
export const outQueuedBytes = 1;
export const outScratch = 2;
export const outHead = outScratch + addressWords;
export const outStride = 3 + addressWords;

export const inWords = inHead + batchIn * inStride;
export const outWords = outHead + batchOut * outStride;
export const failedWords = 2 * batchOut;

/** A socket of the addon. Errors thrown have the name of the errno as their `code`. */
export interface NativeSocket {
  /** Sends what the outbox holds; how many pairs of ticket and errno stand in `failed`. */
  flush(): number;
  /** Leaves the words of a numeric address in the outbox at `outScratch`; false when it is none of the socket's family. */
  parse(address: string, port: number): boolean;
  /** The address of an entry of the inbox, with the zone of a link-local one. */
  print(entry: number): string;
  /** Asks the kernel for a buffer, unless `bytes` is 0, and says what it has granted. */
  buffer(receive: boolean, bytes: number): number;
  port(): number;
  /** Sends what can be sent at once, and frees the port. */
  close(): void;
}

export interface Addon {
  /**
   * @param bundle whether datagrams of one peer that leave together cross the network stack as one (UDP_SEGMENT, udp(7))
   * @param gather ms for which datagrams may wait for others while many come
   * @param failed pairs of ticket and errno
   * @param slab what is sent
   * @param arena what datagrams are copied to, from its first byte on
   * @param onArrivals the inbox is filled; returns a new arena when the old one is full (`inNeeded` bytes do not fit)
   * @param onFailures so many pairs stand in `failed`
   */
  readonly UdpSocket: new (
    address: string,
    port: number,
    bundle: boolean,
    gather: number,
    inbox: Int32Array,
    outbox: Int32Array,
    failed: Int32Array,
    slab: Uint8Array,
    arena: Uint8Array,
    onArrivals: () => Uint8Array | undefined,
    onFailures: (count: number) => void,
  ) => NativeSocket;
}

const file = join(__dirname, '../../../../core/sip/transport/native/build/Release/rollcall_udp.node');

/** The addon, or why there is none: no compiler when the server was set up, another platform than Linux. */
export function loadAddon(): Addon | { readonly missing: string } {
  try {
    return require(file) as Addon;
  } catch (error) {
    return { missing: error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error) };
  }
}
