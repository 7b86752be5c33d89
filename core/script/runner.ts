// Owns the handing of requests, replies and events to the script in use, and the time each may take.
import type { Clock } from '../base/clock';
import type { Logger } from '../base/logger';
import type { Random } from '../base/random';
import type { TimerWheel } from '../base/wheel';
import type { EventRouteInput } from '../module/request';
import type { SipResponse } from '../sip/message';
import type { ServerTransaction } from '../sip/transaction/layer';
import type { Flow } from '../sip/transport/flow';
import { watchRejections } from './rejections';
import { type ReplyKit, TransactionRequest } from './routed-request';
import type { Script } from './script';

export interface RunnerOptions {
  readonly log: Logger;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  /** `script_timeout`, s: a run that has not ended by then is ended and its request answered 500. */
  readonly scriptTimeout: number;
}

/** How often runs are looked at that take too long, in ms. */
const sweepEvery = 1000;
/** ms between two looks at earlier scripts. */
const settleStep = 5;

export class ScriptRunner {
  readonly #options: RunnerOptions;
  readonly #kit: ReplyKit;
  /** s; see the option. */
  scriptTimeout: number;
  #script: Script;
  /** Earlier scripts that still have runs in flight. */
  readonly #leaving = new Set<Script>();
  #sweeping = false;

  constructor(script: Script, options: RunnerOptions) {
    this.#options = options;
    this.scriptTimeout = options.scriptTimeout;
    this.#script = script;
    this.#kit = {
      random: options.random,
      secret: options.random.token() + options.random.token(),
      log: options.log,
    };
    watchRejections(options.log);
  }

  /** Takes requests to another script from now on. Runs in flight end on the one they began with. */
  use(script: Script): void {
    if (script === this.#script) return;
    this.#leaving.delete(script);
    if (this.#script.inFlight > 0) this.#leaving.add(this.#script);
    this.#script = script;
  }

  /** The one that takes requests. */
  get script(): Script {
    return this.#script;
  }

  /** Resolves when no run of an earlier script is in flight, or after `limit` ms. */
  async settled(limit: number): Promise<void> {
    const deadline = performance.now() + limit;
    while ([...this.#leaving].some((script) => script.inFlight > 0) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, settleStep));
    }
  }

  /** Runs that have not ended. */
  get inFlight(): number {
    let sum = this.#script.inFlight;
    for (const script of this.#leaving) sum += script.inFlight;
    return sum;
  }

  /** Routes a request. Whatever the script does, the request is answered. */
  run(transaction: ServerTransaction): void {
    const routed = new TransactionRequest(transaction, this.#kit);
    const subject = { title: 'request_route', routed, request: routed };
    this.#script.runRequest(subject, transaction.request.method, this.#start());
  }

  /** Whether `reply_route` is there, so that who has a reply need not look for its request. */
  get hasReplyRoute(): boolean {
    return this.#script.hasRoute('reply_route');
  }

  runReply(message: SipResponse, flow: Flow): void {
    if (!this.hasReplyRoute) return;
    this.#script.runReply({ title: 'reply_route', response: { message, flow } }, message.status, this.#start());
  }

  hasEventRoute(name: string): boolean {
    return this.#script.hasEventRoute(name);
  }

  runEvent(name: string, input: EventRouteInput): void {
    if (!this.hasEventRoute(name)) return;
    const { request, response } = input;
    this.#script.runEvent(
      name,
      input.fields,
      {
        title: `event_route['${name}']`,
        ...(request && { request: { message: request, flow: undefined } }),
        ...(response && { response: { message: response, flow: undefined } }),
      },
      this.#start(),
    );
  }

  #start(): number {
    if (!this.#sweeping) this.#sweepLater();
    return this.#options.clock.now();
  }

  /** One look a second at the oldest runs costs less than a timer for each. */
  #sweepLater(): void {
    this.#sweeping = true;
    this.#options.wheel.after(sweepEvery, () => {
      const { clock } = this.#options;
      const { scriptTimeout } = this;
      const scripts = [this.#script, ...this.#leaving];
      for (const script of scripts) {
        script.endStartedBefore(clock.now() - scriptTimeout * 1000, `${scriptTimeout} s (script_timeout)`);
        if (script.inFlight === 0) this.#leaving.delete(script);
      }
      this.#sweeping = false;
      if (this.inFlight > 0) this.#sweepLater();
    });
  }
}
