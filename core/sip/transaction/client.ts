// Owns client transactions for non-INVITE requests: retransmission, timeout, and the match of responses (RFC 3261 §17.1.2).
import { BriefMap } from '../../base/brief-map';
import { hashText } from '../../base/hash';
import type { Logger } from '../../base/logger';
import type { Random } from '../../base/random';
import type { TimerWheel, WheelTimer } from '../../base/wheel';
import type { SipResponse } from '../message';
import type { Flow, Outgoing } from '../transport/flow';
import type { MethodCounts } from './counts';
import type { Timers } from './timers';

/** How a request ended: a final response, or why there is none. */
export interface ClientOutcome {
  readonly response?: SipResponse;
  readonly failure?: 'timeout' | 'transport';
}

export interface ClientRequest {
  readonly flow: Flow;
  readonly method: string;
  /** Makes the request, with `Via: ` + via as its top Via. Called once, at once. */
  render(via: string): Outgoing;
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
  }

  /** Requests that wait for a final response. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Sends a request. What `render` throws comes back to the caller, with nothing begun. */
  request(options: ClientRequest): ClientTransaction {
    const { flow } = options;
    const branch = branchOf(this.#random.token());
    const via = `${sentWith(flow.protocol)}${this.#sentBy(flow)};branch=${branch};rport`;
    const message = options.render(via);
    this.#counts.request(options.method);
    const now = this.#wheel.now();
    const call = new Call(this, branch, options, message, now + 64 * this.#timers.t1);
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
    if (call) return response.cseq.method === call.method ? call : undefined;
    return isBranchOfOurs(branch) ? 'repeated' : undefined;
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
  }

  #send(call: Call): void {
    call.flow.send(call.message, (error) => {
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
  readonly method: string;
  timer: WheelTimer | undefined;
  interval = 0;
  proceeding = false;
  readonly #table: ClientTransactions;
  #listener: Pick<ClientRequest, 'onFinal'> | undefined;
  #kept: ClientOutcome | undefined;

  constructor(
    table: ClientTransactions,
    readonly branch: string,
    request: ClientRequest,
    readonly message: Outgoing,
    readonly deadline: number,
  ) {
    this.#table = table;
    this.flow = request.flow;
    this.method = request.method;
    this.#listener = request;
  }

  cancel(): void {
    this.#table.forget(this);
    this.#kept = undefined;
    this.#listener = undefined;
  }

  park(): void {
    this.#listener = undefined;
  }

  adopt(onFinal: (outcome: ClientOutcome) => void): void {
    this.#listener = { onFinal };
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept) setImmediate(() => this.#table.tell(this, kept));
  }

  /** Tells the outcome, or keeps it. */
  end(outcome: ClientOutcome): void {
    if (this.#listener) this.#listener.onFinal(outcome);
    else this.#kept = outcome;
  }
}

/** What a Via begins with, by protocol. */
const beginnings = new Map<string, string>();

function sentWith(protocol: string): string {
  let beginning = beginnings.get(protocol);
  if (beginning === undefined) {
    beginning = `SIP/2.0/${protocol.toUpperCase()} `;
    beginnings.set(protocol, beginning);
  }
  return beginning;
}

const magicCookie = 'z9hG4bK';
/** The length of the mark that ends a branch: 25 bits, in the alphabet of numbers to the base of 32. */
const markLength = 5;

/** A branch that this process knows again, without remembering it: a mark that only it can make follows the token. */
function branchOf(token: string): string {
  const mark = (hashText(token) >>> 7).toString(32).padStart(markLength, '0');
  return magicCookie + token + mark;
}

/**
 * Whether a branch has been made here. A response with one that nobody waits for comes again, or late: it is absorbed
 * (timer K, RFC 3261 §17.1.2.2, without its end).
 */
function isBranchOfOurs(branch: string): boolean {
  return branchOf(branch.slice(magicCookie.length, -markLength)) === branch;
}
