// Owns the bounds of what peers can make the transports hold and wait for.
import { defaultLimits, type Limits } from '../message';

/** With the limits of one message. Sizes in bytes, times in ms. */
export interface TransportLimits extends Limits {
  /** The body of one message on a stream; more is answered 413. (A datagram is bounded by UDP itself.) */
  readonly maxBodyBytes: number;
  /** Connections in all, accepted and opened. */
  readonly maxConnections: number;
  /** Connections from and to one address. */
  readonly maxConnectionsPerAddress: number;
  /** How long a message may take from its first byte to its last, and an accepted connection until its first message. */
  readonly messageTimeout: number;
  /** How long a connection may carry nothing in either direction. */
  readonly idleTimeout: number;
  /** How long opening a connection may take. */
  readonly connectTimeout: number;
  /** Bytes that wait for a peer that does not read; a message that exceeds them drops the connection. */
  readonly maxQueuedBytes: number;
  /** Receive and send buffer asked of the kernel for a UDP socket. */
  readonly udpBufferBytes: number;
}

/**
 * Idle time is above one hour, the longest usual subscription, so that a watcher without keep-alives still gets its
 * NOTIFY on the connection it subscribed on.
 */
export const defaultTransportLimits: TransportLimits = {
  ...defaultLimits,
  maxBodyBytes: 256 * 1024,
  maxConnections: 10_000,
  maxConnectionsPerAddress: 1000,
  messageTimeout: 10_000,
  idleTimeout: 3_900_000,
  connectTimeout: 5000,
  maxQueuedBytes: 1024 * 1024,
  udpBufferBytes: 4 * 1024 * 1024,
};
