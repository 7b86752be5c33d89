// Owns what a protocol's file provides to the layer and what it is given: a new protocol is one file and one line in layer.ts.
import type { Logger } from '../../base/logger';
import type { TimerWheel } from '../../base/wheel';
import type { Parsed } from '../message';
import type { ConnectionTable } from './connections';
import { bytesOf, type Endpoint, type Flow, type Outgoing, type Protocol } from './flow';
import type { TransportLimits } from './limits';

/** An open listening socket. */
export interface ListenPoint {
  readonly protocol: Protocol;
  /** As configured; may be a wildcard. */
  readonly address: string;
  /** The actual one, where port 0 was asked for. */
  readonly port: number;
  /** udp: bytes of the receive buffer that the kernel has granted. */
  readonly receiveBuffer?: number;
  /** Stops listening. Connections that came through it stay. */
  close(): Promise<void>;
}

/** A message that somebody has to look at. */
export type Received = Exclude<Parsed, { kind: 'noise' }>;

/** Counted since the start. */
export interface TransportCounters {
  received: number;
  sent: number;
  /** Keep-alives and other datagrams and lines with no message in them. */
  noise: number;
  /** Messages that did not parse. */
  bad: number;
  /** Messages not sent: queue full, connection gone, socket error. */
  sendFailures: number;
  /** Connections closed at once because a limit was reached. */
  refused: number;
  /** Connections closed because the peer was idle, slow, did not read or did not speak SIP. */
  dropped: number;
}

/** Sees a message that comes or leaves. `text` makes its latin1 text. */
export type Onlooker = (sent: boolean, protocol: Protocol, remote: Endpoint, text: () => string) => void;

/** Shows a message that leaves. Who has nobody to show it to should not call this. */
export function show(onlookers: ReadonlySet<Onlooker>, protocol: Protocol, remote: Endpoint, message: Outgoing): void {
  for (const see of onlookers) see(true, protocol, remote, () => bytesOf(message).toString('latin1'));
}

/** What the layer lends to its protocols. */
export interface TransportHost {
  readonly log: Logger;
  readonly wheel: TimerWheel;
  readonly limits: TransportLimits;
  readonly counters: TransportCounters;
  readonly connections: ConnectionTable;
  /** Told of every message that leaves; nobody most of the time. */
  readonly onlookers: ReadonlySet<Onlooker>;
  /** Hands a message up. Never throws. */
  received(message: Received, flow: Flow): void;
}

/** One protocol. */
export interface Transport {
  readonly protocol: Protocol;
  /** Rejects when the address cannot be bound. */
  listen(address: string, port: number): Promise<ListenPoint>;
  /**
   * A way to `remote`, from the local address of `from` where that matters. Rejects with an Error when there is none;
   * never throws.
   */
  flowTo(remote: Endpoint, from: Endpoint | undefined): Flow | Promise<Flow>;
  /** The flow of a stored key, as far as it still exists. */
  find(key: string, local: Endpoint, remote: Endpoint): Flow | undefined;
}
