// Owns the one request a script is working on: its AVPs, the headers collected for its answer, its answer, its To tag.
import { createHmac } from 'node:crypto';
import type { Logger } from '../base/logger';
import type { Random } from '../base/random';
import { SmallMap } from '../base/small-map';
import type { Avps, RoutedRequest } from '../module/request';
import type { SipRequest } from '../sip/message';
import { buildReply, type ReplyOptions } from '../sip/reply';
import type { ServerTransaction } from '../sip/transaction/layer';
import type { Flow } from '../sip/transport/flow';

/** What all requests of a server share. */
export interface ReplyKit {
  readonly random: Random;
  /** The key of the tags of stateless replies. */
  readonly secret: string;
  readonly log: Logger;
}

/** Whoever knows where in the script a run is. */
export interface Whereabouts {
  whereIs(run: number): string;
}

/** A request with the server transaction that will answer it. */
export class TransactionRequest implements RoutedRequest {
  replyHeaders = '';
  readonly #transaction: ServerTransaction;
  readonly #kit: ReplyKit;
  #avps: Avps | undefined;
  #answered = false;
  #toTag: string | undefined;
  #whereabouts: Whereabouts | undefined;
  #run = 0;

  constructor(transaction: ServerTransaction, kit: ReplyKit) {
    this.#transaction = transaction;
    this.#kit = kit;
  }

  get avps(): Avps {
    this.#avps ??= new SmallMap<string | number>();
    return this.#avps;
  }

  get message(): SipRequest {
    return this.#transaction.request;
  }

  get flow(): Flow {
    return this.#transaction.flow;
  }

  get answered(): boolean {
    return this.#answered;
  }

  /** Says which run works on the request, so that a misuse can be logged with its line. */
  assign(whereabouts: Whereabouts, run: number): void {
    this.#whereabouts = whereabouts;
    this.#run = run;
  }

  reply(status: number, reason: string, options: ReplyOptions & { stateless?: boolean } = {}): boolean {
    if (this.#answered) {
      const where = this.#whereabouts?.whereIs(this.#run) ?? 'script';
      const text = `${where}: second reply ${status} ${reason} refused, the request has been answered`;
      this.#kit.log.error({ callId: this.message.header('Call-ID') }, text);
      return false;
    }
    const stateless = options.stateless === true;
    const headers = this.replyHeaders + (options.headers ?? '');
    // RFC 3261 §8.2.6.2: every answer but a 100 has a To tag, and all answers to one request the same one.
    if (status > 100) this.#toTag = options.toTag ?? this.#toTag ?? this.#makeToTag(stateless);
    if (status >= 200) this.#answered = true;
    const { contentType, body } = options;
    const reply = { headers, toTag: this.#toTag, contentType, body };
    this.#transaction.respond(buildReply(this.message, status, reason, reply), status, !stateless);
    return true;
  }

  /**
   * Unguessable. A server that keeps nothing has to give the same tag again when the request comes again (RFC 3261 §8.2.7),
   * so that of a stateless reply follows from the request and a key that only this process knows.
   */
  #makeToTag(stateless: boolean): string {
    if (!stateless) return this.#kit.random.token();
    const { message } = this;
    const hash = createHmac('sha256', this.#kit.secret);
    return hash
      .update(`${message.header('Via') ?? ''}\n${message.header('Call-ID') ?? ''}\n${message.header('From') ?? ''}`)
      .digest('base64url')
      .slice(0, 16)
      .replaceAll('_', '.');
  }
}
