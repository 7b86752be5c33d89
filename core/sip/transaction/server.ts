// Owns server transactions: which requests are new, which are retransmissions, and what those are answered with.
import { BriefMap } from '../../base/brief-map';
import type { Logger } from '../../base/logger';
import type { TimerWheel } from '../../base/wheel';
import type { SipRequest } from '../message';
import type { Flow } from '../transport/flow';
import type { MethodCounts } from './counts';
import { type TransactionKey, transactionKey } from './key';
import { ReplyStore } from './replies';
import type { Timers } from './timers';

/** One request to be answered, RFC 3261 §17.2.2. */
export interface ServerTransaction {
  readonly request: SipRequest;
  readonly flow: Flow;
  /** Whether a final reply has been sent. */
  readonly answered: boolean;
  /**
   * Sends a reply. A final one (200 and above) ends the work; further ones are logged and dropped. With `keep` a
   * retransmitted request gets the same bytes again; without, nothing about the request is remembered, and its
   * retransmission comes to the handler as a new request.
   */
  respond(bytes: Buffer, status: number, keep: boolean): void;
}

export interface ServerTransactionLimits {
  /** Requests handed to the handler and not answered. One more is answered 503. */
  readonly maxWorking: number;
  /** Stored replies; the oldest go first. */
  readonly maxReplies: number;
  /** Bytes of stored replies; the oldest go first. */
  readonly maxReplyBytes: number;
}

/** Room for 32 s of 9,000 requests a second; above that a reply is kept for a shorter time. */
export const defaultServerLimits: ServerTransactionLimits = {
  maxWorking: 20_000,
  maxReplies: 300_000,
  maxReplyBytes: 128 * 1024 * 1024,
};

/** Methods a CANCEL is looked up under. It is meant for INVITE; for the others the answer is 200 and nothing else. */
const cancelled = [
  'INVITE',
  'PUBLISH',
  'SUBSCRIBE',
  'NOTIFY',
  'OPTIONS',
  'MESSAGE',
  'REGISTER',
  'INFO',
  'REFER',
  'BYE',
];

/** All server transactions. */
export class ServerTransactions {
  readonly #wheel: TimerWheel;
  readonly #log: Logger;
  readonly #limits: ServerTransactionLimits;
  readonly #lifetime: number;
  readonly #counts: MethodCounts;
  readonly #deliver: (bytes: Buffer, transaction: ServerTransaction) => void;
  readonly #working = new BriefMap<Work>();
  readonly #replies: ReplyStore;
  #sweeping = false;

  /** @param options.deliver sends a reply, on the flow of its request as long as that is open */
  constructor(options: {
    wheel: TimerWheel;
    log: Logger;
    timers: Timers;
    limits: ServerTransactionLimits;
    counts: MethodCounts;
    deliver: (bytes: Buffer, transaction: ServerTransaction) => void;
  }) {
    this.#wheel = options.wheel;
    this.#log = options.log;
    this.#limits = options.limits;
    this.#lifetime = 64 * options.timers.t1;
    this.#counts = options.counts;
    this.#deliver = options.deliver;
    this.#replies = new ReplyStore(options.wheel, {
      lifetime: this.#lifetime,
      maxReplies: options.limits.maxReplies,
      maxBytes: options.limits.maxReplyBytes,
    });
  }

  /** Requests without a final reply. */
  get working(): number {
    return this.#working.size;
  }

  /** Replies kept for retransmissions. */
  get kept(): number {
    return this.#replies.size;
  }

  get full(): boolean {
    return this.#working.size >= this.#limits.maxWorking;
  }

  /** Whether the request came before. If it did and there is a reply, that has been sent again. */
  absorbs(key: TransactionKey, flow: Flow): boolean {
    const work = this.#working.get(key.text, key.hash);
    if (work) {
      work.repeat(flow);
      return true;
    }
    const reply = this.#replies.find(key);
    if (!reply) return false;
    flow.send(reply);
    return true;
  }

  /** A new transaction. */
  begin(key: TransactionKey, request: SipRequest, flow: Flow): ServerTransaction {
    const work = new Work(this, key, request, flow, this.#wheel.now());
    this.#working.set(key.text, work, key.hash);
    this.#sweepLater();
    return work;
  }

  /** Whether some transaction is the one a CANCEL is for (RFC 3261 §9.2). */
  cancels(request: SipRequest): boolean {
    return cancelled.some((method) => {
      const key = transactionKey(request, method);
      return this.#working.has(key.text, key.hash) || this.#replies.has(key);
    });
  }

  /** @internal */
  reply(work: Work, bytes: Buffer): void {
    this.#deliver(bytes, work);
  }

  /** @internal Timer J is 64*T1 for datagrams and nothing for streams, where nobody retransmits. */
  complete(work: Work, bytes: Buffer, status: number, keep: boolean): void {
    this.#counts.answer(work.request.method, status);
    // Of a transaction that was given up its place may be another's by now.
    if (this.#working.get(work.key.text, work.key.hash) === work) {
      this.#working.delete(work.key.text, work.key.hash);
      if (keep && work.flow.protocol === 'udp') this.#replies.add(work.key, bytes);
    }
    this.#deliver(bytes, work);
  }

  /** @internal */
  refuse(work: Work, status: number): void {
    const { method, callId } = work.request;
    this.#log.warn({ callId, method, status }, 'a second final reply was dropped');
  }

  /** What has not been answered while the client waited (its timer F) is given up: nobody listens for the answer. */
  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#wheel.after(this.#lifetime, () => {
      this.#sweeping = false;
      const oldest = this.#wheel.now() - this.#lifetime;
      let requests = 0;
      for (const [key, work] of this.#working.entries()) {
        if (work.began > oldest) continue;
        this.#working.delete(key);
        requests++;
      }
      if (requests > 0) this.#log.warn({ requests }, 'requests were never answered');
      if (this.#working.size > 0) this.#sweepLater();
    });
  }
}

class Work implements ServerTransaction {
  #provisional: Buffer | undefined;
  #answered = false;
  readonly #table: ServerTransactions;

  constructor(
    table: ServerTransactions,
    readonly key: TransactionKey,
    readonly request: SipRequest,
    readonly flow: Flow,
    readonly began: number,
  ) {
    this.#table = table;
  }

  get answered(): boolean {
    return this.#answered;
  }

  respond(bytes: Buffer, status: number, keep: boolean): void {
    if (this.#answered) {
      this.#table.refuse(this, status);
    } else if (status < 200) {
      this.#provisional = bytes;
      this.#table.reply(this, bytes);
    } else {
      this.#answered = true;
      this.#table.complete(this, bytes, status, keep);
    }
  }

  /** A retransmission while working: the last provisional reply again, if there was one. */
  repeat(flow: Flow): void {
    if (this.#provisional) flow.send(this.#provisional);
  }
}
