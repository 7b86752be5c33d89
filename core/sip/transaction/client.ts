// Owns client transactions for non-INVITE requests: retransmission, timeout, and the match of responses (RFC 3261 §17.1.2).
import { BriefMap } from '../../base/brief-map';
import type { Logger } from '../../base/logger';
import type { Random } from '../../base/random';
import type { TimerWheel, WheelTimer } from '../../base/wheel';
import type { SipResponse } from '../message';
import type { Flow } from '../transport/flow';
import type { MethodCounts } from './counts';
import { RecentSet } from './recent';
import type { Timers } from './timers';

/** How a request ended: a final response, or why there is none. */
export interface ClientOutcome {
  readonly response?: SipResponse;
  readonly failure?: 'timeout' | 'transport';
}

export interface ClientRequest {
  readonly flow: Flow;
  /** Makes the request, with `Via: ` + via as its top Via. Called once, at once. */
  render(via: string): Buffer;
  /** Called once, never before `request` has returned. */
  onFinal(outcome: ClientOutcome): void;
}

/** A request under way. */
export interface ClientTransaction {
  readonly branch: string;
  /** Forgets it: no more retransmissions, no callback. */
  cancel(): void;
  /**
   * Takes the outcome away from who asked for it: it is kept until somebody calls `adopt`. A module that is reloaded hands
   * its requests in flight over so.
   */
  park(): void;
  /** Takes the outcome from now on; one that is kept is told soon. */
  adopt(onFinal: (outcome: ClientOutcome) => void): void;
}

/** Counted since the start. */
export interface ClientCounters {
  /** Requests sent again because no answer had come. */
  retransmissions: number;
  /** Requests that got no final answer in time. */
  timeouts: number;
  /** Requests that could not be sent, or whose connection went before the answer came. */
  failures: number;
}

/** All client transactions: one map by branch, and for each at most one timer of the wheel at a time. */
export class ClientTransactions {
  readonly counters: ClientCounters = { retransmissions: 0, timeouts: 0, failures: 0 };
  readonly #wheel: TimerWheel;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #timers: Timers;
  readonly #counts: MethodCounts;
  readonly #sentBy: (flow: Flow) => string;
  readonly #pending = new BriefMap<Call>();
  /** Only for streams, whose end is the end of what waits on them. */
  readonly #byConnection = new Map<Flow, Set<Call>>();
  /** Timer K: retransmissions of a final response are absorbed for T4. */
  readonly #finished: RecentSet;

  constructor(options: {
    wheel: TimerWheel;
    random: Random;
    log: Logger;
    timers: Timers;
    counts: MethodCounts;
    sentBy: (flow: Flow) => string;
  }) {
    this.#wheel = options.wheel;
    this.#random = options.random;
    this.#log = options.log;
    this.#timers = options.timers;
    this.#counts = options.counts;
    this.#sentBy = options.sentBy;
    this.#finished = new RecentSet(options.wheel, options.timers.t4);
  }

  /** Requests that wait for a final response. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Sends a request. What `render` throws comes back to the caller, with nothing begun. */
  request(options: ClientRequest): ClientTransaction {
    const { flow } = options;
    const branch = `z9hG4bK${this.#random.token()}`;
    const via = `SIP/2.0/${flow.protocol.toUpperCase()} ${this.#sentBy(flow)};branch=${branch};rport`;
    const bytes = options.render(via);
    this.#counts.request(methodOf(bytes));
    const now = this.#wheel.now();
    const call = new Call(this, branch, options, bytes, now + 64 * this.#timers.t1);
    call.interval = this.#timers.t1;
    this.#pending.set(branch, call);
    if (flow.protocol !== 'udp') {
      const calls = this.#byConnection.get(flow);
      if (calls) calls.add(call);
      else this.#byConnection.set(flow, new Set([call]));
    }
    this.#arm(call, now);
    this.#send(call);
    return call;
  }

  /** The request a response answers; 'repeated' for one that was answered before; undefined for none of ours. */
  match(response: SipResponse): Call | 'repeated' | undefined {
    const { branch } = response.via;
    if (branch === undefined) return undefined;
    const call = this.#pending.get(branch);
    if (call) return call.isMethod(response.cseq.method) ? call : undefined;
    return this.#finished.has(branch) ? 'repeated' : undefined;
  }

  /** Takes the response of a matched request. */
  receive(call: Call, response: SipResponse): void {
    if (response.status < 200) call.proceeding = true;
    else {
      this.#counts.answer(response.cseq.method, response.status);
      this.#finish(call, { response });
    }
  }

  /** Fails what waits for an answer on a connection that has gone. */
  flowClosed(flow: Flow): void {
    // A copy: whoever is told may try again at once, on the same flow even.
    for (const call of [...(this.#byConnection.get(flow) ?? [])]) this.#finish(call, { failure: 'transport' });
  }

  /** @internal */
  forget(call: Call): void {
    if (!this.#pending.delete(call.branch)) return;
    if (call.timer) this.#wheel.cancel(call.timer);
    const calls = this.#byConnection.get(call.flow);
    if (calls?.delete(call) && calls.size === 0) this.#byConnection.delete(call.flow);
    this.#finished.add(call.branch);
  }

  #send(call: Call): void {
    call.flow.send(call.bytes, (error) => {
      this.#log.debug({ err: error, flow: call.flow.key }, 'a request could not be sent');
      this.#finish(call, { failure: 'transport' });
    });
  }

  /** Timer E (datagrams only) or F, whichever is sooner. */
  #arm(call: Call, now: number): void {
    const left = call.deadline - now;
    const wait = call.flow.protocol === 'udp' ? Math.min(call.interval, left) : left;
    call.timer = this.#wheel.after(wait, () => this.#ring(call));
  }

  #ring(call: Call): void {
    const now = this.#wheel.now();
    if (now >= call.deadline) {
      this.counters.timeouts++;
      this.#finish(call, { failure: 'timeout' });
      return;
    }
    call.interval = call.proceeding ? this.#timers.t2 : Math.min(2 * call.interval, this.#timers.t2);
    this.#arm(call, now);
    this.counters.retransmissions++;
    this.#send(call);
  }

  /** @internal */
  tell(call: Call, outcome: ClientOutcome): void {
    try {
      call.end(outcome);
    } catch (error) {
      this.#log.error({ err: error, branch: call.branch }, 'taking the outcome of a request failed');
    }
  }

  #finish(call: Call, outcome: ClientOutcome): void {
    if (!this.#pending.has(call.branch)) return;
    if (outcome.failure === 'transport') this.counters.failures++;
    this.forget(call);
    this.tell(call, outcome);
  }
}

/** @internal A request under way, with what the table needs to know of it. */
export class Call implements ClientTransaction {
  readonly flow: Flow;
  timer: WheelTimer | undefined;
  interval = 0;
  proceeding = false;
  readonly #table: ClientTransactions;
  #onFinal: ((outcome: ClientOutcome) => void) | undefined;
  #kept: ClientOutcome | undefined;

  constructor(
    table: ClientTransactions,
    readonly branch: string,
    request: ClientRequest,
    readonly bytes: Buffer,
    readonly deadline: number,
  ) {
    this.#table = table;
    this.flow = request.flow;
    this.#onFinal = (outcome) => request.onFinal(outcome);
  }

  cancel(): void {
    this.#table.forget(this);
    this.#kept = undefined;
    this.#onFinal = undefined;
  }

  park(): void {
    this.#onFinal = undefined;
  }

  adopt(onFinal: (outcome: ClientOutcome) => void): void {
    this.#onFinal = onFinal;
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept) setImmediate(() => this.#table.tell(this, kept));
  }

  /** Tells the outcome, or keeps it. */
  end(outcome: ClientOutcome): void {
    if (this.#onFinal) this.#onFinal(outcome);
    else this.#kept = outcome;
  }

  /** Whether the request has this method: read from its first bytes, which nobody needs before a response comes. */
  isMethod(method: string): boolean {
    return methodOf(this.bytes) === method;
  }
}

/** The longest method that is told apart from others; a token ends with the blank before the Request-URI. */
const maxMethod = 32;

function methodOf(request: Buffer): string {
  const blank = request.indexOf(0x20);
  return request.toString('latin1', 0, blank < 0 ? maxMethod : Math.min(blank, maxMethod));
}
