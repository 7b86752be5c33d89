// Owns what a UDP socket is to its listen point: datagrams in and out, whoever calls the kernel for them.
import type { Endpoint, Outgoing } from './flow';

/** What may wait for the kernel before more is refused, in bytes. */
export const maxQueuedBytes = 8 * 1024 * 1024;

/** A peer, as its socket knows it. The socket keeps here what it has made of the address. */
export interface Peer {
  readonly remote: Endpoint;
  packed: readonly number[] | undefined;
}

/** Who has a socket. */
export interface SocketOwner<P extends Peer> {
  /** A peer that is heard of for the first time, or again after it was forgotten. */
  peer(remote: Endpoint): P;
  /** A datagram. Its bytes are never written over; who keeps a part of them for long copies it. Never throws. */
  received(bytes: Buffer, from: P): void;
  /** A datagram that was given to `send` has not left. */
  failed(error: Error, onError: ((error: Error) => void) | undefined): void;
  /** The socket reports an error of no datagram in particular. */
  troubled(error: Error): void;
}

/** A bound socket. */
export interface UdpSocket {
  readonly port: number;
  /** Whether more than `maxQueuedBytes` wait for the kernel. */
  readonly full: boolean;
  /**
   * Sends, at the latest at the end of this turn of the event loop. Never throws.
   */
  send(message: Outgoing, to: Peer, onError: ((error: Error) => void) | undefined): void;
  /** The size of the receive buffer that the kernel has granted (which is twice what it is asked for, socket(7)). */
  receiveBuffer(): number;
  /** Asks for a buffer of so many bytes. @throws Error when the kernel refuses */
  resize(buffer: 'receive' | 'send', bytes: number): void;
  /** Resolves when the port is free again. What was sent before has been given to the kernel. */
  close(): Promise<void>;
}

/** Rejects with an Error with a `code` when it cannot be bound. */
export type OpenUdpSocket = <P extends Peer>(
  address: string,
  port: number,
  owner: SocketOwner<P>,
) => Promise<UdpSocket>;
