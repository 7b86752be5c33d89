// Owns a user agent on the `sip` package, an independent stack: publishes, subscribes and collects NOTIFYs.
import type * as sip from 'sip';
import {
  bodyText,
  type ClientTransport,
  type Endpoint,
  headerText,
  type Respond,
  SipClient,
} from '../../core/cli/sip-client';
import { fresh } from './wire';

/** A NOTIFY as the watcher saw it. */
export interface Notify {
  cseq: number;
  uri: string;
  event: string;
  /** active, pending or terminated */
  state: string;
  /** the parameters of Subscription-State */
  stateParams: string;
  contentType: string | undefined;
  body: string;
  request: sip.Request;
}

export interface SubscribeOptions {
  event?: string;
  expires?: number | null;
  accept?: string;
  from?: string;
  headers?: Record<string, unknown>;
}

export interface PublishOptions {
  body?: string;
  etag?: string;
  expires?: number;
  event?: string;
  contentType?: string;
  headers?: Record<string, unknown>;
}

const patienceMs = 30_000;

/** One SUBSCRIBE dialog. `next()` hands out its NOTIFYs in the order they came. */
export class UaDialog {
  readonly callId = fresh('dialog');
  readonly fromTag = fresh('tag');
  readonly notifies: Notify[] = [];
  remoteTag: string | undefined;
  remoteTarget: string | undefined;
  cseq = 0;
  #handed = 0;
  #wake: () => void = () => undefined;

  constructor(
    readonly ua: SipUa,
    readonly presentity: string,
    readonly options: SubscribeOptions,
  ) {}

  /** A SUBSCRIBE in this dialog: the first one, a refresh, or with 0 the end of it; by way of `through`'s server. */
  async send(
    expires: number | null | undefined,
    headers: Record<string, unknown> = {},
    through = this.ua,
  ): Promise<sip.Response> {
    this.cseq += 1;
    const toParams: sip.Params = this.remoteTag === undefined ? {} : { tag: this.remoteTag };
    const response = await through.client.request({
      method: 'SUBSCRIBE',
      uri: this.remoteTarget ?? this.presentity,
      headers: {
        from: { uri: this.options.from ?? this.ua.uri, params: { tag: this.fromTag } },
        to: { uri: this.presentity, params: toParams },
        'call-id': this.callId,
        cseq: { seq: this.cseq, method: 'SUBSCRIBE' },
        contact: this.ua.contact(),
        event: this.options.event ?? 'presence',
        ...(this.options.accept === undefined ? {} : { accept: this.options.accept }),
        ...(expires === null || expires === undefined ? {} : { expires: String(expires) }),
        ...this.options.headers,
        ...headers,
      },
    });
    if (response.status < 300) {
      const tag = response.headers.to.params.tag;
      if (typeof tag === 'string') this.remoteTag = tag;
      const contact = response.headers.contact;
      if (Array.isArray(contact)) this.remoteTarget = contact[0]?.uri;
    }
    return response;
  }

  take(notify: Notify): void {
    this.notifies.push(notify);
    this.#wake();
  }

  /** The next NOTIFY that was not handed out yet. */
  async next(): Promise<Notify> {
    const known = this.notifies[this.#handed];
    if (known !== undefined) {
      this.#handed += 1;
      return known;
    }
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no NOTIFY after ${this.#handed} in ${this.callId}`)),
        patienceMs,
      );
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return this.next();
  }

  /** Hands out NOTIFYs until one passes. */
  async until(test: (notify: Notify) => boolean): Promise<Notify> {
    for (;;) {
      const notify = await this.next();
      if (test(notify)) return notify;
    }
  }
}

/** Close it at the end of the test. */
export class SipUa {
  readonly dialogs = new Map<string, UaDialog>();
  /** what a NOTIFY is answered with; undefined: nothing */
  answer: (notify: Notify) => { status: number; reason: string; headers?: Record<string, unknown> } | undefined =
    () => ({
      status: 200,
      reason: 'OK',
    });

  private constructor(
    readonly client: SipClient,
    readonly uri: string,
    readonly local: Endpoint,
  ) {}

  static async open(transport: ClientTransport, server: Endpoint, uri: string): Promise<SipUa> {
    let ua: SipUa | undefined;
    const client = await SipClient.open({
      server,
      transport,
      onRequest: (request, respond) => ua?.receive(request, respond),
    });
    ua = new SipUa(client, uri, await client.local());
    return ua;
  }

  contact(): sip.NameAddr[] {
    const { address, port } = this.local;
    const user = this.uri.slice(4).split('@')[0] ?? 'ua';
    return [
      { uri: `sip:${user}@${address}:${port}${this.client.transport === 'tcp' ? ';transport=tcp' : ''}`, params: {} },
    ];
  }

  publish(presentity: string, options: PublishOptions = {}): Promise<sip.Response> {
    const { body, etag, expires, event = 'presence', contentType = 'application/pidf+xml' } = options;
    return this.client.request({
      method: 'PUBLISH',
      uri: presentity,
      headers: {
        from: { uri: presentity, params: { tag: fresh('tag') } },
        to: { uri: presentity, params: {} },
        'call-id': fresh('publish'),
        cseq: { seq: 1, method: 'PUBLISH' },
        event,
        ...(expires === undefined ? {} : { expires: String(expires) }),
        ...(etag === undefined ? {} : { 'sip-if-match': etag }),
        ...(body === undefined ? {} : { 'content-type': contentType }),
        ...options.headers,
      },
      body,
    });
  }

  /** A new dialog with its first SUBSCRIBE answered. */
  async subscribe(
    presentity: string,
    options: SubscribeOptions = {},
  ): Promise<{ dialog: UaDialog; response: sip.Response }> {
    const dialog = new UaDialog(this, presentity, options);
    this.dialogs.set(dialog.callId, dialog);
    const response = await dialog.send(options.expires === undefined ? 600 : options.expires);
    return { dialog, response };
  }

  receive(request: sip.Request, respond: Respond): void {
    const dialog = this.dialogs.get(request.headers['call-id']);
    if (request.method !== 'NOTIFY' || dialog === undefined) {
      respond(481, 'Subscription Does Not Exist');
      return;
    }
    const [state = '', ...params] = (headerText(request, 'subscription-state') ?? '').split(';');
    const notify = {
      cseq: request.headers.cseq.seq,
      uri: request.uri,
      event: headerText(request, 'event') ?? '',
      state,
      stateParams: params.join(';'),
      contentType: headerText(request, 'content-type'),
      body: bodyText(request),
      request,
    };
    const answer = this.answer(notify);
    if (answer !== undefined) respond(answer.status, answer.reason, answer.headers);
    dialog.take(notify);
  }

  close(): void {
    this.client.close();
  }
}

/** `rejected` is what a subscription ends with, and so on with other reasons; all else is its state. */
export function stateOf({ state, stateParams }: Notify): string {
  return state === 'terminated' ? (/reason=(\w+)/.exec(stateParams)?.[1] ?? '') : state;
}

/** The entity-tag of a 200 to a PUBLISH. */
export function etagOf(response: sip.Response): string {
  const etag = headerText(response, 'sip-etag');
  if (etag === undefined) throw new Error(`${response.status} ${response.reason} has no SIP-ETag`);
  return etag;
}
