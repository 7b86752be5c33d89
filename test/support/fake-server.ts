// Owns a toy SIP peer on a loopback port: it records what it gets and answers what the test tells it to.
import dgram from 'node:dgram';
import net from 'node:net';
import * as sip from 'sip';

type Answer = (request: sip.Request, send: (text: string) => void) => sip.Response | undefined;

/** Answers each request with what `answer` returns; `send` sends more on the same path, later too. */
export class FakeServer {
  readonly requests: sip.Request[] = [];
  readonly responses: sip.Response[] = [];
  readonly #waiting: { test(): boolean; resolve(): void }[] = [];
  #close: () => Promise<void> = async () => undefined;
  readonly #connections = new Set<net.Socket>();
  port = 0;

  private constructor(readonly answer: Answer) {}

  static async start(transport: 'udp' | 'tcp', answer: Answer): Promise<FakeServer> {
    const fake = new FakeServer(answer);
    await (transport === 'udp' ? fake.#udp() : fake.#tcp());
    return fake;
  }

  /** Resolves as soon as `test` holds; it is tried after each message. */
  until(test: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (test()) resolve();
      else this.#waiting.push({ test, resolve });
    });
  }

  /** Closes every TCP connection; the server goes on listening. */
  dropConnections(): void {
    for (const socket of this.#connections) socket.destroy();
    this.#connections.clear();
  }

  close(): Promise<void> {
    return this.#close();
  }

  async #udp(): Promise<void> {
    const socket = dgram.createSocket('udp4');
    socket.on('message', (bytes, from) =>
      this.#take(sip.parse(bytes), (text) => socket.send(Buffer.from(text, 'latin1'), from.port, from.address)),
    );
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    this.port = socket.address().port;
    this.#close = () => new Promise((resolve) => socket.close(() => resolve()));
  }

  async #tcp(): Promise<void> {
    const server = net.createServer((socket) => {
      this.#connections.add(socket);
      const parser = sip.makeStreamParser((message) => this.#take(message, (text) => socket.write(text, 'latin1')));
      socket.setEncoding('latin1').on('data', (text: string) => parser(text));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.port = (server.address() as net.AddressInfo).port;
    this.#close = () => {
      this.dropConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    };
  }

  #take(message: sip.Message | undefined, send: (text: string) => void): void {
    if (message === undefined) return;
    if (message.method === undefined) this.responses.push(message);
    else {
      this.requests.push(message);
      const response = this.answer(message, send);
      if (response !== undefined) send(sip.stringify(response));
    }
    for (const waiter of this.#waiting) if (waiter.test()) waiter.resolve();
  }
}

/** A NOTIFY inside the dialog that `subscribe` made, `cseq` its number. */
export function notifyFor(subscribe: sip.Request, tag: string, cseq: number, state: string, body = ''): string {
  const contact = subscribe.headers.contact;
  const uri = Array.isArray(contact) ? (contact[0]?.uri ?? '') : '';
  return sip.stringify({
    method: 'NOTIFY',
    uri,
    headers: {
      via: [
        { version: '2.0', protocol: 'UDP', host: '127.0.0.1', port: 5060, params: { branch: `z9hG4bK${tag}${cseq}` } },
      ],
      from: { uri: subscribe.headers.to.uri, params: { tag } },
      to: { uri: subscribe.headers.from.uri, params: { tag: subscribe.headers.from.params.tag ?? '' } },
      'call-id': subscribe.headers['call-id'],
      cseq: { seq: cseq, method: 'NOTIFY' },
      contact: [{ uri: 'sip:presence@127.0.0.1', params: {} }],
      event: subscribe.headers.event,
      'subscription-state': state,
      ...(body === '' ? {} : { 'content-type': contentTypeOf(body) }),
    },
    content: Buffer.from(body, 'utf8').toString('latin1'),
  });
}

function contentTypeOf(body: string): string {
  return body.includes('<watcherinfo') ? 'application/watcherinfo+xml' : 'application/pidf+xml';
}
