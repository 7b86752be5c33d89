// Owns one NOTIFY on its way: how it is written, and whom its outcome is told.
import type { ClientOutcome, ClientRequest, ClientTransaction, Flow, Outgoing, SipServices } from '../../../core/api';
import type { Subscription } from '../resource';
import { type Channel, prepare, type Told } from './channel';
import type { Contents } from './content';
import { type Content, type NotifyFrame, notify, subscriptionState } from './message';

/** What is the notifier's business. */
export interface Tower {
  landed(channel: Channel, told: Told, outcome: ClientOutcome): void;
}

/** One object a NOTIFY: it is the request, and takes its outcome. */
export class Flight implements ClientRequest, Told {
  readonly method = 'NOTIFY';
  transaction: ClientTransaction | undefined = undefined;

  constructor(
    private readonly tower: Tower,
    private readonly channel: Channel,
    readonly subscription: Subscription,
    readonly last: boolean,
    readonly flow: Flow,
    private readonly frame: NotifyFrame,
    private readonly cseq: number,
    private readonly state: string,
    private readonly content: Content,
  ) {}

  render(via: string): Outgoing {
    return notify(this.frame, via, this.cseq, this.state, this.content);
  }

  onFinal(outcome: ClientOutcome): void {
    this.tower.landed(this.channel, this, outcome);
  }
}

interface Surroundings {
  readonly tower: Tower;
  /** Stands for the notifier in what it prepares. */
  readonly by: object;
  readonly contents: Contents;
  readonly sip: SipServices;
  /** ms since 1970. */
  readonly now: number;
}

/** Sends a dialog's next NOTIFY, with the state of this moment. */
export function takeOff(channel: Channel, flow: Flow, { tower, by, contents, sip, now }: Surroundings): void {
  const { end } = channel;
  const subscription = end?.subscription ?? channel.subscription;
  channel.again = false;
  const cseq = ++channel.cseq;
  const content = contents.next(channel, subscription, now);
  const state = subscriptionState(subscription, end?.reason, now);
  const frame = prepare(channel, by, subscription, flow, sip.userAgent);
  const flight = new Flight(tower, channel, subscription, end !== undefined, flow, frame, cseq, state, content);
  flight.transaction = sip.transactions.request(flight);
  channel.flight = flight;
}
