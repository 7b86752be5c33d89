// Owns a NOTIFY as the presence tests see it: handed to the transactions, answered when a test says so.
import { parseMessage, type SipRequest, type SipResponse } from '../../../core/sip/message';
import type { ClientOutcome } from '../../../core/sip/transaction/client';
import { bytesOf, type Flow, type Outgoing } from '../../../core/sip/transport/flow';
import type { WatcherinfoDocument } from '../../../modules/presence/api';

/** A NOTIFY that was handed to the transactions. */
export class SentNotify {
  readonly request: SipRequest;
  readonly branch = '';
  answered = false;
  private kept: ClientOutcome | undefined;

  constructor(
    message: Outgoing,
    readonly flow: Flow,
    private onFinal: ((outcome: ClientOutcome) => void) | undefined,
  ) {
    const bytes = bytesOf(message);
    const parsed = parseMessage(bytes);
    if (parsed.kind !== 'request') throw new Error(`not a request: ${bytes.toString('latin1')}`);
    this.request = parsed.message;
  }

  get callId(): string {
    return this.request.callId;
  }

  get cseq(): number {
    return this.request.cseq.number;
  }

  get state(): string {
    return this.request.header('Subscription-State') ?? '';
  }

  get body(): string {
    return this.request.body.toString();
  }

  get winfo(): WatcherinfoDocument {
    return JSON.parse(this.body) as WatcherinfoDocument;
  }

  answer(status: number, headers = ''): void {
    if (this.answered) return;
    this.answered = true;
    const text = `SIP/2.0 ${status} Text\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=a\r\nTo: <sip:b@h>;tag=b\r\nCall-ID: c\r\nCSeq: 1 NOTIFY\r\n${headers}Content-Length: 0\r\n\r\n`;
    const parsed = parseMessage(Buffer.from(text));
    if (parsed.kind !== 'response') throw new Error('not a response');
    this.end({ response: parsed.message as SipResponse });
  }

  cancel(): void {
    this.answered = true;
  }

  park(): void {
    this.onFinal = undefined;
  }

  adopt(onFinal: (outcome: ClientOutcome) => void): void {
    this.onFinal = onFinal;
    const { kept } = this;
    if (kept) setImmediate(() => onFinal(kept));
  }

  fail(failure: 'timeout' | 'transport'): void {
    if (this.answered) return;
    this.answered = true;
    this.end({ failure });
  }

  private end(outcome: ClientOutcome): void {
    if (this.onFinal) this.onFinal(outcome);
    else this.kept = outcome;
  }
}
