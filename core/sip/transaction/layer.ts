// Owns the way of a message through the transaction layer: requests to the handler once each, responses to their requests.
import { createHmac } from 'node:crypto';
import type { Logger } from '../../base/logger';
import type { Random } from '../../base/random';
import type { TimerWheel } from '../../base/wheel';
import type { SipRequest, SipResponse } from '../message';
import { buildReply } from '../reply';
import type { Flow } from '../transport/flow';
import type { Received, TransportLayer } from '../transport/layer';
import { type ClientCounters, type ClientRequest, type ClientTransaction, ClientTransactions } from './client';
import { MethodCounts } from './counts';
import { transactionKey } from './key';
import { LoadWatch } from './load';
import { OptionTags } from './options';
import { defaultOverloadLimits, Overload, type OverloadLimits } from './overload';
import { RefusedRequests } from './refused';
import {
  defaultServerLimits,
  type ServerTransaction,
  type ServerTransactionLimits,
  ServerTransactions,
} from './server';
import { defaultTimers, type Timers } from './timers';

export type { ClientOutcome, ClientRequest, ClientTransaction } from './client';
export type { ServerTransaction } from './server';

export interface TransactionOptions {
  readonly transports: TransportLayer;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly log: Logger;
  /** ms; what is left out has RFC 3261's value. */
  readonly timers?: Partial<Timers>;
  readonly limits?: Partial<ServerTransactionLimits>;
  readonly overload?: OverloadLimits;
}

/** Counted since the start. */
export interface TransactionCounters {
  /** Requests handed to the handler. */
  requests: number;
  /** Requests sent again by their client and absorbed. */
  retransmissions: number;
  /** Requests answered here, without the handler. */
  rejected: number;
  /** Responses to nothing of ours. */
  strayResponses: number;
}

/**
 * The transaction layer, RFC 3261 §17. An INVITE is served like any other request: this server accepts none and sends no
 * provisional reply to one, so its client retransmits until it has the final reply and timer G would add nothing (§8.2.7
 * allows the same to a stateless server); its ACK is absorbed.
 */
export class TransactionLayer {
  /** Option tags that Require may name (§8.2.2.3). */
  readonly options = new OptionTags();
  /** Which requests are refused when there are too many; its limits may be changed at any time. */
  readonly overload: Overload;
  /** Requests that came, each once, and the final answers they got. */
  readonly served = new MethodCounts();
  /** Requests that were sent, each once, and the final answers they got. */
  readonly asked = new MethodCounts();
  readonly #transports: TransportLayer;
  readonly #wheel: TimerWheel;
  readonly #log: Logger;
  readonly #servers: ServerTransactions;
  readonly #clients: ClientTransactions;
  readonly #load: LoadWatch;
  readonly #refused = new RefusedRequests();
  readonly #secret: string;
  readonly #refusalTag: string;
  readonly #counters: TransactionCounters = { requests: 0, retransmissions: 0, rejected: 0, strayResponses: 0 };
  #onRequest: ((transaction: ServerTransaction) => void) | undefined;
  #onResponse: (response: SipResponse, flow: Flow, matched: boolean) => void = () => {};

  constructor(options: TransactionOptions) {
    const { transports, wheel, random, log } = options;
    const timers = { ...defaultTimers, ...options.timers };
    const limits = { ...defaultServerLimits, ...options.limits };
    this.#transports = transports;
    this.#wheel = wheel;
    this.#log = log;
    this.#secret = random.token();
    this.#refusalTag = random.token();
    this.overload = new Overload(options.overload ?? defaultOverloadLimits);
    this.#load = new LoadWatch({ wheel, transports, overload: this.overload, log });
    this.#servers = new ServerTransactions({
      wheel,
      log,
      timers,
      limits,
      counts: this.served,
      deliver: (bytes, t) => this.#deliver(bytes, t),
    });
    this.#clients = new ClientTransactions({
      wheel,
      random,
      log,
      timers,
      counts: this.asked,
      sentBy: (flow) => transports.sentBy(flow),
    });
    transports.onMessage((message, flow) => this.#receive(message, flow));
    transports.onFlowClosed((flow) => this.#clients.flowClosed(flow));
  }

  /** Sets who answers requests. ACK, CANCEL and retransmissions never come there. */
  onRequest(handler: (transaction: ServerTransaction) => void): void {
    this.#onRequest = handler;
  }

  /** Sets who sees every response first, except repeated ones. `matched`: it answers a request that waits. */
  onResponse(handler: (response: SipResponse, flow: Flow, matched: boolean) => void): void {
    this.#onResponse = handler;
  }

  /** Sends a request other than INVITE and ACK and sees to its retransmission. */
  request(options: ClientRequest): ClientTransaction {
    return this.#clients.request(options);
  }

  /** Counters since the start, and how many transactions there are. */
  get stats(): Readonly<TransactionCounters> & {
    readonly working: number;
    readonly kept: number;
    readonly pending: number;
    readonly sent: Readonly<ClientCounters>;
  } {
    const { working, kept } = this.#servers;
    const { pending, counters: sent } = this.#clients;
    return { ...this.#counters, working, kept, pending, sent };
  }

  #receive(received: Received, flow: Flow): void {
    switch (received.kind) {
      case 'request':
        this.#request(received.message, flow);
        break;
      case 'response':
        this.#response(received.message, flow);
        break;
      case 'bad':
        // A response and an ACK have no replyTo: neither is ever answered.
        if (received.replyTo) this.#reject(received.replyTo, flow, received.status, received.reason);
        break;
    }
  }

  #request(request: SipRequest, flow: Flow): void {
    if (request.method === 'ACK') return;
    const key = transactionKey(request);
    if (this.#servers.absorbs(key, flow)) {
      this.#counters.retransmissions++;
      return;
    }
    if (this.#refused.has(key.hash, this.#wheel.now())) {
      this.#counters.retransmissions++;
      this.#refuse(request, flow, this.overload.retryAfter());
      return;
    }
    this.served.request(request.method);
    if (request.method === 'CANCEL') {
      this.#cancel(request, flow);
      return;
    }
    this.#load.request();
    const refusal = this.overload.refuses(request, this.#servers.working);
    if (!this.#onRequest || this.#servers.full || refusal !== undefined) {
      this.#refused.note(key.hash, this.#wheel.now());
      this.#counters.rejected++;
      this.served.answer(request.method, 503);
      this.#refuse(request, flow, refusal ?? this.overload.retryAfter());
      return;
    }
    const unsupported = this.options.unsupported(request);
    if (unsupported.length > 0) {
      this.#reject(request, flow, 420, 'Bad Extension', `Unsupported: ${unsupported.join(', ')}\r\n`);
      return;
    }
    this.#counters.requests++;
    const transaction = this.#servers.begin(key, request, flow);
    try {
      this.#onRequest(transaction);
    } catch (error) {
      this.#log.error({ err: error, callId: request.callId }, 'handling a request failed');
      if (transaction.answered) return;
      transaction.respond(this.#render(request, 500, 'Server Internal Error', ''), 500, true);
    }
  }

  /**
   * RFC 3261 §9.2: 481 when there is nothing to cancel, else 200. The request itself is left alone: a request other than
   * INVITE is answered at once whatever a CANCEL says, and an INVITE here is on its way to its own final reply, so there
   * is nothing that a 487 would shorten. No script has to know of it.
   */
  #cancel(request: SipRequest, flow: Flow): void {
    if (this.#servers.cancels(request)) this.#reject(request, flow, 200, 'OK');
    else this.#reject(request, flow, 481, 'Call/Transaction Does Not Exist');
  }

  #response(response: SipResponse, flow: Flow): void {
    const { host, port } = response.via;
    if (!this.#transports.isOurs(host, port)) {
      this.#counters.strayResponses++;
      return;
    }
    const match = this.#clients.match(response);
    if (match === 'repeated') return;
    if (!match) this.#counters.strayResponses++;
    try {
      this.#onResponse(response, flow, match !== undefined);
    } catch (error) {
      this.#log.error({ err: error, callId: response.callId }, 'handling a response failed');
    }
    if (match) this.#clients.receive(match, response);
  }

  /** Answers without keeping anything: what comes again is answered again, with the same bytes. */
  #reject(request: SipRequest, flow: Flow, status: number, reason: string, headers = ''): void {
    this.#counters.rejected++;
    this.served.answer(request.method, status);
    flow.send(this.#render(request, status, reason, headers));
  }

  /** There may be many of these: their To tag, which begins no dialog, is the same for all. */
  #refuse(request: SipRequest, flow: Flow, retryAfter: number): void {
    const headers = `Retry-After: ${retryAfter}\r\n`;
    flow.send(buildReply(request, 503, 'Service Unavailable', { toTag: this.#refusalTag, headers }));
  }

  /** The To tag of a stateless reply is a function of the request, so that all replies to it are alike (§8.2.7). */
  #render(request: SipRequest, status: number, reason: string, headers: string): Buffer {
    const hash = createHmac('sha256', this.#secret).update(request.head.slice(0, 4096), 'latin1');
    return buildReply(request, status, reason, { toTag: hash.digest('hex').slice(0, 16), headers });
  }

  /**
   * A reply goes back on the flow of its request. When that connection has gone, one is opened to where the request came
   * from, at the port of its sent-by (§18.2.2).
   */
  #deliver(bytes: Buffer, transaction: ServerTransaction): void {
    const { flow, request } = transaction;
    if (flow.protocol === 'udp') {
      flow.send(bytes);
      return;
    }
    flow.send(bytes, () => {
      const back = { address: flow.remote.address, port: request.via.port ?? (flow.protocol === 'tls' ? 5061 : 5060) };
      Promise.resolve(this.#transports.flowTo(flow.protocol, back)).then(
        (opened) => opened.send(bytes),
        (error) => this.#log.debug({ err: error, flow: flow.key }, 'a reply could not be delivered'),
      );
    });
  }
}
