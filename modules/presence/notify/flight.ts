// Owns one NOTIFY on its way: how it is written, and whom its outcome is told.
import type { ClientOutcome, ClientRequest, ClientTransaction, Flow, Outgoing } from '../../../core/api';
import type { Subscription } from '../resource';
import type { Channel, Told } from './channel';
import { type Content, type NotifyFrame, notify } from './message';

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
