// Owns the SIP side of a chaos test: one UDP socket that sends requests to any node and checks every NOTIFY as it comes.
import { createSocket, type Socket } from 'node:dgram';

export interface Answer {
  readonly status: number;
  header(name: string): string;
}

/** A watcher's dialog, with what it was told. */
export interface Dialog {
  readonly callId: string;
  readonly presentity: string;
  toTag: string;
  /** Of the last SUBSCRIBE. */
  cseq: number;
  /** Of the last NOTIFY. */
  notified: number;
  branch: string;
  document: string;
  terminated: boolean;
  notifies: number;
}

/** ms until a request is sent again. */
const resend = 400;

export class ChaosClient {
  readonly faults: string[] = [];
  /** ms after which a node that has not answered counts as dead. */
  patience = 1500;
  /** NOTIFYs that came, each once. */
  notifies = 0;
  readonly #socket: Socket = createSocket('udp4');
  readonly #pending = new Map<string, (answer: Answer) => void>();
  readonly #dialogs = new Map<string, Dialog>();
  #branch = 0;

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve));
    this.#socket.setRecvBufferSize(4 << 20);
    this.#socket.on('message', (bytes, from) => {
      const text = bytes.toString('latin1');
      if (text.startsWith('NOTIFY ')) this.#notified(text, from.port);
      else this.#answered(text);
    });
  }

  close(): void {
    this.#socket.close();
  }

  dialog(callId: string, presentity: string): Dialog {
    const fresh = { toTag: '', cseq: 0, notified: 0, branch: '', document: '', terminated: false, notifies: 0 };
    const dialog: Dialog = { callId, presentity, ...fresh };
    this.#dialogs.set(callId, dialog);
    return dialog;
  }

  /** A SUBSCRIBE in a dialog, the first one included; undefined: no answer. */
  subscribe(dialog: Dialog, expires: number, port: number): Promise<Answer | undefined> {
    const { callId, presentity, toTag } = dialog;
    const to = toTag === '' ? '' : `;tag=${toTag}`;
    const contact = `<sip:w@127.0.0.1:${this.#socket.address().port}>`;
    return this.#ask(
      port,
      `SUBSCRIBE ${presentity} SIP/2.0`,
      `From: <sip:w@localhost>;tag=w\r\nTo: <${presentity}>${to}\r\nCall-ID: ${callId}\r\nCSeq: ${++dialog.cseq} SUBSCRIBE\r\n` +
        `Contact: ${contact}\r\nEvent: presence\r\nExpires: ${expires}\r\n`,
      '',
    );
  }

  /** `note` undefined: a refresh, or with `expires` 0 the removal. */
  publish(
    presentity: string,
    etag: string | undefined,
    note: string | undefined,
    expires: number,
    port: number,
  ): Promise<Answer | undefined> {
    const body =
      note === undefined
        ? ''
        : `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="${presentity}"><tuple id="t"><status><basic>open</basic></status><note>${note}</note></tuple></presence>`;
    const type = body === '' ? '' : 'Content-Type: application/pidf+xml\r\n';
    const match = etag === undefined ? '' : `SIP-If-Match: ${etag}\r\n`;
    return this.#ask(
      port,
      `PUBLISH ${presentity} SIP/2.0`,
      `From: <${presentity}>;tag=p\r\nTo: <${presentity}>\r\nCall-ID: p${++this.#branch}-${process.pid}\r\nCSeq: 1 PUBLISH\r\n` +
        `Event: presence\r\nExpires: ${expires}\r\n${match}${type}`,
      body,
    );
  }

  /** Undefined when nobody answers. */
  #ask(port: number, start: string, headers: string, body: string): Promise<Answer | undefined> {
    const branch = `z9hG4bK${process.pid}c${++this.#branch}`;
    const via = `Via: SIP/2.0/UDP 127.0.0.1:${this.#socket.address().port};branch=${branch};rport\r\n`;
    const text = `${start}\r\n${via}Max-Forwards: 70\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
    return new Promise((resolve) => {
      const send = () => this.#socket.send(text, port, '127.0.0.1');
      const again = setInterval(send, resend);
      const end = (answer: Answer | undefined) => {
        clearInterval(again);
        clearTimeout(patience);
        this.#pending.delete(branch);
        resolve(answer);
      };
      const patience = setTimeout(() => end(undefined), this.patience);
      this.#pending.set(branch, end);
      send();
    });
  }

  #answered(text: string): void {
    const status = Number(text.slice(8, 11));
    const branch = /;branch=([^;\r]+)/.exec(text)?.[1] ?? '';
    if (status >= 200) this.#pending.get(branch)?.({ status, header: (name) => headerOf(text, name) });
  }

  #notified(text: string, port: number): void {
    const vias = [...text.matchAll(/\r\nVia: [^\r]*/g)].map(([line]) => line).join('');
    const copied = ['From', 'To', 'Call-ID', 'CSeq'].map((name) => `\r\n${name}: ${headerOf(text, name)}`).join('');
    this.#socket.send(`SIP/2.0 200 OK${vias}${copied}\r\nContent-Length: 0\r\n\r\n`, port, '127.0.0.1');
    const dialog = this.#dialogs.get(headerOf(text, 'Call-ID'));
    if (!dialog) return;
    const cseq = Number.parseInt(headerOf(text, 'CSeq'), 10);
    const branch = /;branch=([^;\r]+)/.exec(text)?.[1] ?? '';
    // The very same again: its answer was late.
    if (branch === dialog.branch) return;
    if (cseq <= dialog.notified) {
      this.faults.push(`${dialog.callId}: CSeq ${cseq} from port ${port} after ${dialog.notified}`);
    }
    dialog.notified = cseq;
    dialog.branch = branch;
    dialog.notifies++;
    this.notifies++;
    dialog.document = text.slice(text.indexOf('\r\n\r\n') + 4);
    dialog.terminated = headerOf(text, 'Subscription-State').startsWith('terminated');
  }
}

function headerOf(text: string, name: string): string {
  return new RegExp(`\\r\\n${name}: ([^\\r]*)`).exec(text)?.[1] ?? '';
}
