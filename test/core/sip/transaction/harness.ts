// Owns the set-up of the transaction tests: the layer on fake flows, so that every byte sent is seen and time is the test's.
import { type Logger, silentLogger } from '../../../../core/base/logger';
import type { Random } from '../../../../core/base/random';
import { TimerWheel } from '../../../../core/base/wheel';
import { parseMessage, type SipRequest, type SipResponse } from '../../../../core/sip/message';
import { buildReply } from '../../../../core/sip/reply';
import { type ServerTransaction, TransactionLayer } from '../../../../core/sip/transaction/layer';
import { defaultOverloadLimits } from '../../../../core/sip/transaction/overload';
import type { ServerTransactionLimits } from '../../../../core/sip/transaction/server';
import {
  bytesOf,
  type Endpoint,
  type Flow,
  flowKey,
  hostPort,
  type Outgoing,
  type Protocol,
} from '../../../../core/sip/transport/flow';
import type { Received, TransportLayer } from '../../../../core/sip/transport/layer';
import { ManualClock } from '../../../support/clock';
import { fresh, type RequestParts, requestText, WireMessage } from '../../../support/wire';

/** Keeps what is sent. */
export class FakeFlow implements Flow {
  readonly sent: Buffer[] = [];
  open = true;
  /** Given to onError of whatever is sent next. */
  failure: Error | undefined;
  readonly local: Endpoint = { address: '127.0.0.1', port: 5060 };

  constructor(
    readonly protocol: Protocol = 'udp',
    readonly remote: Endpoint = { address: '192.0.2.7', port: 4321 },
  ) {}

  get key(): string {
    return flowKey(this.protocol, this.local, this.remote);
  }

  /** What was sent, as text. */
  get texts(): string[] {
    return this.sent.map((bytes) => bytes.toString('latin1'));
  }

  get last(): WireMessage {
    return new WireMessage(this.sent.at(-1)?.toString('latin1') ?? '');
  }

  send(message: Outgoing, onError?: (error: Error) => void): void {
    const { failure } = this;
    if (failure) {
      if (onError) setImmediate(onError, failure);
      return;
    }
    this.sent.push(bytesOf(message));
  }
}

/** What the transaction layer asks of the transport layer. */
class FakeTransports {
  #handler: (received: Received, flow: Flow) => void = () => {};
  readonly closed: ((flow: Flow) => void)[] = [];
  readonly opened: FakeFlow[] = [];
  /** Bytes that wait in the kernel. */
  waiting = 0;
  readonly stats = { received: 0 };

  onMessage(handler: (received: Received, flow: Flow) => void): void {
    this.#handler = handler;
  }
  onFlowClosed(handler: (flow: Flow) => void): void {
    this.closed.push(handler);
  }
  sentBy(flow: Flow): string {
    return hostPort(flow.local);
  }
  isOurs(host: string, port: number | undefined): boolean {
    return `${host}:${port ?? 5060}` === '127.0.0.1:5060';
  }
  flowTo(protocol: Protocol, remote: Endpoint): Promise<Flow> {
    const flow = new FakeFlow(protocol, remote);
    this.opened.push(flow);
    return Promise.resolve(flow);
  }
  backlogs(): ReturnType<TransportLayer['backlogs']> {
    const point = { protocol: 'udp', address: '127.0.0.1', port: 5060, close: async () => {} } as const;
    return [{ point, backlog: { bytes: this.waiting, dropped: 0 }, receiveBuffer: 8 * 1024 * 1024 }];
  }
  receive(text: string, flow: Flow): void {
    const parsed = parseMessage(Buffer.from(text, 'latin1'));
    const request = parsed.kind === 'request' ? parsed.message : parsed.kind === 'bad' ? parsed.replyTo : undefined;
    if (request) request.source = flow.remote;
    this.stats.received++;
    if (parsed.kind !== 'noise') this.#handler(parsed, flow);
  }
}

export interface TransactionHarness {
  readonly layer: TransactionLayer;
  readonly transports: FakeTransports;
  readonly clock: ManualClock;
  readonly wheel: TimerWheel;
  /** What came to the handler. */
  readonly handled: ServerTransaction[];
  readonly logged: string[];
  receive(text: string, flow: Flow): void;
}

export function transactionHarness(limits: Partial<ServerTransactionLimits> = {}): TransactionHarness {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  clock.onTick(() => wheel.advance());
  const transports = new FakeTransports();
  let tokens = 0;
  const random: Random = { token: () => `token${tokens++}` };
  const logged: string[] = [];
  const write = (fields: object | string, text?: string) => void logged.push(text ?? String(fields));
  const log: Logger = { ...silentLogger, info: write, warn: write, error: write };
  const layer = new TransactionLayer({
    transports: transports as unknown as TransportLayer,
    wheel,
    random,
    log,
    limits,
    // Time jumps here, which is not the loop being late.
    overload: { ...defaultOverloadLimits, delay: 0 },
  });
  const handled: ServerTransaction[] = [];
  layer.onRequest((transaction) => {
    handled.push(transaction);
  });
  return { layer, transports, clock, wheel, handled, logged, receive: (text, flow) => transports.receive(text, flow) };
}

/** A request as text, from a client behind 192.0.2.7. */
export function request(parts: Partial<RequestParts> = {}): string {
  return requestText({
    method: 'PUBLISH',
    uri: 'sip:alice@example.com',
    via: 'SIP/2.0/UDP 192.0.2.7:4321',
    callId: 'call@client',
    from: '<sip:alice@example.com>;tag=f',
    branch: fresh('z9hG4bK'),
    ...parts,
  });
}

export function answer(transaction: ServerTransaction | undefined, status = 200, keep = true): void {
  if (!transaction) throw new Error('there is no transaction to answer');
  const bytes = buildReply(transaction.request, status, 'Reason', { toTag: fresh('t') });
  transaction.respond(bytes, status, keep);
}

export type { SipRequest, SipResponse };
