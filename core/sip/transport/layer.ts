// Owns all sockets of the server: listens, hands every message up with the flow it came on, finds or opens flows to send on.
import { isIP } from 'node:net';
import { RollcallError } from '../../base/errors';
import type { Logger } from '../../base/logger';
import type { TimerWheel } from '../../base/wheel';
import { type Backlog, BacklogTable } from './backlog';
import { ConnectionTable } from './connections';
import { type Endpoint, type Flow, hostPort, type Protocol, parseFlowKey, withoutZone } from './flow';
import { defaultTransportLimits, type TransportLimits } from './limits';
import type { ListenPoint, Onlooker, Received, Transport, TransportCounters, TransportHost } from './protocol';
import { TcpTransport } from './tcp';
import { UdpTransport } from './udp';
import { type UdpWays, udpSockets } from './udp-batch';

export type { ListenPoint, Onlooker, Received, TransportCounters } from './protocol';

export interface TransportOptions {
  readonly log: Logger;
  readonly wheel: TimerWheel;
  /** What is left out has the value of `defaultTransportLimits`. */
  readonly limits?: Partial<TransportLimits>;
  /** How UDP goes. Default: in batches where the addon is compiled, not bundled. */
  readonly udp?: UdpWays;
  /** The kernel's view of UDP sockets; another one in tests. */
  readonly backlogs?: BacklogTable;
}

/** The transport layer, RFC 3261 §18. */
export class TransportLayer {
  readonly #log: Logger;
  readonly #transports: ReadonlyMap<string, Transport>;
  readonly #connections: ConnectionTable;
  readonly #backlogs: BacklogTable;
  readonly #counters: TransportCounters = {
    received: 0,
    sent: 0,
    noise: 0,
    bad: 0,
    sendFailures: 0,
    refused: 0,
    dropped: 0,
  };
  #points: readonly ListenPoint[] = [];
  /** Every host:port this layer may have written into a Via. */
  readonly #sentBy = new Set<string>();
  /** The same by the local endpoint of a flow, which flows of one socket share. */
  readonly #sentByOf = new WeakMap<Endpoint, string>();
  readonly #onlookers = new Set<Onlooker>();
  #handler: (message: Received, flow: Flow) => void = () => {};

  constructor(options: TransportOptions) {
    this.#log = options.log;
    this.#backlogs = options.backlogs ?? new BacklogTable();
    const limits = { ...defaultTransportLimits, ...options.limits };
    this.#connections = new ConnectionTable(limits);
    const host: TransportHost = {
      log: options.log,
      wheel: options.wheel,
      limits,
      counters: this.#counters,
      connections: this.#connections,
      onlookers: this.#onlookers,
      received: (message, flow) => this.#received(message, flow),
    };
    // A new protocol is a file beside tcp.ts and one line here.
    const transports: Transport[] = [
      new UdpTransport(host, udpSockets(options.udp ?? { batching: true, bundling: false, gather: 0 }, options.log)),
      new TcpTransport(host),
    ];
    this.#transports = new Map(transports.map((transport) => [transport.protocol, transport]));
  }

  /** The open listening sockets, in the order in which they were opened. */
  get points(): readonly ListenPoint[] {
    return this.#points;
  }

  /** Counters since the start, and how many connections are open. */
  get stats(): Readonly<TransportCounters> & { readonly connections: number } {
    return { ...this.#counters, connections: this.#connections.size };
  }

  /**
   * Opens a listening socket. `address` is numeric (IPv6 with or without brackets), port 0 takes a free one.
   * Rejects with RollcallError when that cannot be.
   */
  async listen(spec: { protocol: Protocol; address: string; port: number }): Promise<ListenPoint> {
    const address = spec.address.replace(/^\[|\]$/g, '');
    const where = `${spec.protocol}:${hostPort({ address, port: spec.port })}`;
    const transport = this.#transports.get(spec.protocol);
    if (!transport) {
      const known = [...this.#transports.keys()].join(', ');
      throw new RollcallError(`cannot listen on ${where}: unknown protocol`, { hint: `known: ${known}` });
    }
    if (isIP(withoutZone(address)) === 0) {
      throw new RollcallError(`cannot listen on ${where}: not a numeric address`, {
        hint: 'write the address itself, such as 127.0.0.1, 0.0.0.0 or [::]',
      });
    }
    const opened = await transport.listen(address, spec.port).catch((error: NodeJS.ErrnoException) => {
      throw new RollcallError(`cannot listen on ${where}: ${reasons[error.code ?? ''] ?? error.message}`, {
        cause: error,
      });
    });
    const point: ListenPoint = {
      protocol: opened.protocol,
      address: opened.address,
      port: opened.port,
      ...(opened.receiveBuffer === undefined ? {} : { receiveBuffer: opened.receiveBuffer }),
      close: () => {
        this.#points = this.#points.filter((other) => other !== point);
        return opened.close();
      },
    };
    this.#points = [...this.#points, point];
    return point;
  }

  /** What waits in the kernel for each UDP socket, with the size of its buffer; empty where the kernel does not tell. */
  backlogs(): { readonly point: ListenPoint; readonly backlog: Backlog; readonly receiveBuffer: number }[] {
    return this.#points.flatMap((point) => {
      const { address, port, receiveBuffer } = point;
      const backlog = receiveBuffer === undefined ? undefined : this.#backlogs.of(address, port);
      return receiveBuffer === undefined || backlog === undefined ? [] : [{ point, backlog, receiveBuffer }];
    });
  }

  /** Sets who gets the messages. A message is a request, a response, or a bad one that may be answered. */
  onMessage(handler: (message: Received, flow: Flow) => void): void {
    this.#handler = handler;
  }

  /**
   * A flow to `remote`. udp: through a listening socket of its family, the same one when `from` is given. Streams: the
   * open connection to exactly that endpoint, else a new one. Rejects with an Error when there is no socket of the family,
   * the connection cannot be opened or the protocol is unknown; never throws.
   */
  flowTo(protocol: Protocol, remote: Endpoint, from?: { local: Endpoint }): Flow | Promise<Flow> {
    const transport = this.#transports.get(protocol);
    if (!transport) return Promise.reject(new Error(`no transport for ${protocol}`));
    return transport.flowTo(remote, from?.local);
  }

  /** Whether something can be sent so at present: for udp a socket of the family has to listen. */
  supports(protocol: Protocol, family: 4 | 6): boolean {
    if (protocol !== 'udp') return this.#transports.has(protocol);
    return this.#points.some((point) => point.protocol === 'udp' && isIP(point.address) === family);
  }

  /** The flow of a key: a connection while it is open, a udp flow while a socket listens on its local address. */
  findFlow(key: string): Flow | undefined {
    const connection = this.#connections.find(key);
    if (connection) return connection;
    const parts = parseFlowKey(key);
    return parts && this.#transports.get(parts.protocol)?.find(key, parts.local, parts.remote);
  }

  /** Calls `handler` when a connection has gone, so that what waits for an answer on it need not wait for its timer. */
  onFlowClosed(handler: (flow: Flow) => void): void {
    this.#connections.onClosed(handler);
  }

  /**
   * The sent-by of requests sent on a flow, `host:port`: where a response would be sent if the flow were gone, so for a
   * connection that we opened the port is one that we listen on (RFC 3261 §18.1.1).
   */
  sentBy(flow: Flow): string {
    const { local, protocol } = flow;
    const known = this.#sentByOf.get(local);
    if (known !== undefined) return known;
    const own = this.#points.filter((point) => point.protocol === protocol);
    const listens = own.some((point) => point.port === local.port);
    const port = listens ? local.port : (own[0]?.port ?? this.#points[0]?.port ?? 5060);
    const text = hostPort({ address: withoutZone(local.address), port });
    this.#sentBy.add(text);
    this.#sentByOf.set(local, text);
    return text;
  }

  /** Whether a response with this sent-by in its top Via answers a request of ours (RFC 3261 §18.1.2). */
  isOurs(host: string, port: number | undefined): boolean {
    return this.#sentBy.has(`${host}:${port ?? 5060}`);
  }

  /** Closes the listening sockets and every connection. */
  async close(): Promise<void> {
    await Promise.all(this.#points.map((point) => point.close()));
    this.#connections.shut();
  }

  /** Lets somebody see every message that comes or leaves, until the result is called. Keep-alives are not messages. */
  watch(onlooker: Onlooker): () => void {
    this.#onlookers.add(onlooker);
    return () => this.#onlookers.delete(onlooker);
  }

  #received(message: Received, flow: Flow): void {
    if (this.#onlookers.size > 0) {
      for (const see of this.#onlookers) see(false, flow.protocol, flow.remote, () => textOf(message));
    }
    try {
      this.#handler(message, flow);
    } catch (error) {
      this.#log.error({ err: error, flow: flow.key }, 'handling a message failed');
    }
  }
}

function textOf(received: Received): string {
  if (received.kind === 'bad') return `${received.replyTo?.head ?? ''}(it cannot be read: ${received.reason})`;
  const { head, body } = received.message;
  return `${head}\r\n${body.toString('latin1')}`;
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'permission denied (ports below 1024 need a privilege)',
};
