// Owns a toy presence server that commits one fault now and then, to see whether the load generator notices.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { WireMessage } from './wire';

export const faultKinds = [
  'none',
  'loss',
  'lost-notify',
  'reuse-cseq',
  'lower-cseq',
  'wrong-body',
  'stale-body',
  'no-etag',
  'error',
  'forget',
] as const;
export type FaultKind = (typeof faultKinds)[number];

interface Dialog {
  readonly presentity: string;
  readonly fixed: string;
  readonly tag: string;
  contact: string;
  port: number;
  cseq: number;
  ended: boolean;
}

/** How many messages lie between two faults. */
const every = 97;

export class FaultyServer {
  readonly #socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 22 });
  readonly #publications = new Map<string, { etag: string; body: string }>();
  readonly #dialogs = new Map<string, Dialog>();
  /** by Via, for what is sent again */
  readonly #answered = new Map<string, string>();
  #made = 0;
  #occasions = 0;

  private constructor(readonly fault: FaultKind) {}

  static async start(fault: FaultKind): Promise<FaultyServer> {
    const server = new FaultyServer(fault);
    server.#socket.on('message', (bytes, from) => server.#take(new WireMessage(bytes.toString('latin1')), from.port));
    server.#socket.bind(0, '127.0.0.1');
    await once(server.#socket, 'listening');
    return server;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  /** Whether the fault is committed this time. */
  #errs(...kinds: FaultKind[]): boolean {
    return kinds.includes(this.fault) && ++this.#occasions % every === 0;
  }

  #take(request: WireMessage, port: number): void {
    if (request.status > 0) return;
    const via = request.header('Via') ?? '';
    const former = this.#answered.get(via);
    if (former !== undefined) {
      this.#send(former, port);
      return;
    }
    const answer = this.#errs('error')
      ? { status: '500 Server Internal Error' }
      : request.method === 'PUBLISH'
        ? this.#publish(request)
        : this.#subscribe(request, port);
    const lines = ['Via', 'From', 'Call-ID', 'CSeq'].map((name) => `${name}: ${request.header(name)}`);
    const to = (request.header('To') ?? '').replace(/;tag=.*/, '');
    const text = `SIP/2.0 ${answer.status}\r\n${lines.join('\r\n')}\r\nTo: ${to};tag=${answer.tag ?? 'x'}\r\n${answer.headers ?? ''}Content-Length: 0\r\n\r\n`;
    this.#answered.set(via, text);
    if (!this.#errs('loss')) this.#send(text, port);
    answer.after?.();
  }

  #publish(request: WireMessage): Answer {
    const stored = this.#publications.get(request.uri);
    const match = request.header('SIP-If-Match');
    if (match !== undefined && match !== stored?.etag) return { status: '412 Conditional Request Failed' };
    const body = request.body === '' ? (stored?.body ?? '') : request.body;
    const etag = `e${++this.#made}`;
    this.#publications.set(request.uri, { etag, body });
    const after = () => {
      for (const dialog of this.#dialogs.values()) if (dialog.presentity === request.uri) this.#notify(dialog, body);
    };
    const headers = `${this.#errs('no-etag') ? '' : `SIP-ETag: ${etag}\r\n`}Expires: 3600\r\n`;
    return { status: '200 OK', headers, ...(request.body === '' ? {} : { after }) };
  }

  #subscribe(request: WireMessage, port: number): Answer {
    const known = request.tag('To');
    let dialog = this.#dialogs.get(`${request.callId} ${known}`);
    if (known !== undefined && (dialog === undefined || this.#errs('forget')))
      return { status: '481 Subscription Does Not Exist' };
    if (dialog === undefined) {
      const tag = `t${++this.#made}`;
      const fixed = `From: ${request.header('To')};tag=${tag}\r\nTo: ${request.header('From')}\r\nCall-ID: ${request.callId}\r\n`;
      dialog = { presentity: request.uri, fixed, tag, contact: '', port, cseq: 0, ended: false };
      this.#dialogs.set(`${request.callId} ${tag}`, dialog);
    }
    const { presentity, tag } = dialog;
    dialog.contact = request.header('Contact')?.slice(1, -1) ?? '';
    dialog.port = port;
    dialog.ended = request.header('Expires') === '0';
    if (dialog.ended) this.#dialogs.delete(`${request.callId} ${tag}`);
    const notified = dialog;
    return {
      status: '200 OK',
      tag,
      headers: `Expires: ${dialog.ended ? 0 : 3600}\r\nContact: <sip:127.0.0.1:${this.port}>\r\n`,
      after: () => this.#notify(notified, this.#publications.get(presentity)?.body ?? ''),
    };
  }

  #notify(dialog: Dialog, content: string): void {
    if (this.#errs('lost-notify')) return;
    dialog.cseq += 2;
    const back = dialog.cseq > 3 && this.#errs('reuse-cseq', 'lower-cseq') ? (this.fault === 'reuse-cseq' ? 2 : 3) : 0;
    let body = content;
    if (this.#errs('wrong-body')) body = body.replace(/tok:(\w+):(\d+)/, (_, run, user) => `tok:${run}:${+user + 1}`);
    if (this.#errs('stale-body')) body = body.replace(/:(\d+);<\/note>/, (_, number) => `:${number - 1};</note>`);
    const state = dialog.ended ? 'terminated;reason=timeout' : 'active;expires=3600';
    this.#send(
      `NOTIFY ${dialog.contact} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${this.port};branch=z9hG4bKf${++this.#made}\r\n` +
        `Max-Forwards: 70\r\n${dialog.fixed}CSeq: ${dialog.cseq - back} NOTIFY\r\nContact: <sip:127.0.0.1:${this.port}>\r\n` +
        `Event: presence\r\nSubscription-State: ${state}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      dialog.port,
    );
  }

  #send(text: string, port: number): void {
    this.#socket.send(Buffer.from(text, 'latin1'), port, '127.0.0.1');
  }
}

interface Answer {
  status: string;
  tag?: string;
  headers?: string;
  after?: () => void;
}
