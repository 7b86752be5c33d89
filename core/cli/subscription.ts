// Owns one subscription of `rollcall watch`: its dialog (RFC 6665) from the SUBSCRIBE to the last NOTIFY.
import type * as sip from 'sip';
import { systemRandom } from '../base/random';
import { contactOf } from './client-target';
import { bodyText, headerText, type Respond, type SipClient } from './sip-client';

/** What a NOTIFY says. */
export interface Notification {
  /** active, pending or terminated */
  state: string;
  reason: string | undefined;
  /** s the server asks to wait before a new SUBSCRIBE */
  retryAfter: number | undefined;
  contentType: string | undefined;
  body: string;
}

/** How a subscription ended. */
export type Ending = Pick<Notification, 'reason' | 'retryAfter'>;

const random = systemRandom(16);

/** A dialog that is made by its first SUBSCRIBE. It is over when `ended` resolves, and is not used again. */
export class Subscription {
  readonly ended: Promise<Ending>;
  readonly #callId = `${random.token()}@rollcall`;
  readonly #tag = random.token();
  #end: (ending: Ending) => void = () => undefined;
  #remoteTag: string | undefined;
  #remoteTarget: string | undefined;
  #remoteCseq = -1;
  #cseq = 0;

  constructor(
    readonly client: SipClient,
    readonly dialog: { presentity: string; watcher: string; event: string; accept: string },
    readonly onNotification: (notification: Notification) => void,
  ) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Subscribes, refreshes or (`expires` 0) ends. */
  async send(expires: number): Promise<sip.Response> {
    const { presentity, watcher, event, accept } = this.dialog;
    const toParams: sip.Params = this.#remoteTag === undefined ? {} : { tag: this.#remoteTag };
    this.#cseq += 1;
    const response = await this.client.request({
      method: 'SUBSCRIBE',
      uri: this.#remoteTarget ?? presentity,
      headers: {
        from: { uri: watcher, params: { tag: this.#tag } },
        to: { uri: presentity, params: toParams },
        'call-id': this.#callId,
        cseq: { seq: this.#cseq, method: 'SUBSCRIBE' },
        contact: await contactOf(this.client, watcher),
        event,
        accept,
        expires: String(expires),
      },
    });
    if (response.status < 300) this.#learn(response.headers.to.params.tag, response.headers.contact);
    return response;
  }

  /** Takes a NOTIFY. `false` when it belongs to another dialog. */
  take(request: sip.Request, respond: Respond): boolean {
    const { headers } = request;
    if (headers['call-id'] !== this.#callId || headers.to.params.tag !== this.#tag) return false;
    if (this.#remoteTag !== undefined && headers.from.params.tag !== this.#remoteTag) return false;
    if (headers.cseq.seq <= this.#remoteCseq) {
      respond(500, 'CSeq Out Of Order'); // RFC 3261 §12.2.2
      return true;
    }
    this.#remoteCseq = headers.cseq.seq;
    this.#learn(headers.from.params.tag, headers.contact); // the first NOTIFY may overtake the 2xx (RFC 6665 §4.1.2.4)
    respond(200, 'OK');
    const [state = '', ...params] = (headerText(request, 'subscription-state') ?? '').split(';');
    const notification: Notification = {
      state: state.trim().toLowerCase(),
      reason: param(params, 'reason'),
      retryAfter: seconds(param(params, 'retry-after')),
      contentType: headerText(request, 'content-type')?.split(';')[0]?.trim().toLowerCase(),
      body: bodyText(request),
    };
    this.onNotification(notification);
    if (notification.state === 'terminated') this.#end(notification);
    return true;
  }

  #learn(tag: string | number | null | undefined, contact: sip.Headers['contact']): void {
    if (typeof tag === 'string') this.#remoteTag = tag;
    if (Array.isArray(contact) && contact[0] !== undefined) this.#remoteTarget = contact[0].uri;
  }
}

function param(params: readonly string[], name: string): string | undefined {
  for (const text of params) {
    const [key = '', value] = text.split('=');
    if (key.trim().toLowerCase() === name) return value?.trim();
  }
  return undefined;
}

function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
