// Owns a peer on a bare socket: sends any bytes, keeps every message that comes, waits for the one a test wants.
import dgram from 'node:dgram';
import net from 'node:net';
import { type RequestParts, requestText, responseText, WireMessage } from './wire';

export type PeerTransport = 'udp' | 'tcp';

export interface ServerAddress {
  address: string;
  port: number;
}

type Test = (message: WireMessage) => boolean;

/** How long a wait lasts before the test fails. Not a measurement: only so that a broken server fails instead of hanging. */
const patienceMs = 30_000;

/** Close it at the end of the test. NOTIFYs are answered 200 unless `answer` says otherwise. */
export class RawPeer {
  readonly received: WireMessage[] = [];
  /** each datagram or stream read, to see what was glued together */
  readonly chunks: string[] = [];
  /** status line for a request that comes, or undefined for no answer */
  answer: (request: WireMessage) => string | undefined = () => '200 OK';
  readonly #texts = new Set<string>();
  #taken = new Set<WireMessage>();
  #waiting = new Set<{ test: Test; resolve(message: WireMessage): void }>();
  readonly #abandoned: (() => void)[] = [];
  #write: (bytes: Buffer) => void = () => undefined;
  #close: () => void = () => undefined;
  #rest = '';
  local: ServerAddress = { address: '', port: 0 };
  /** resolves when the server has closed the connection */
  closed: Promise<void> = new Promise(() => undefined);

  private constructor(readonly transport: PeerTransport) {}

  static async open(transport: PeerTransport, server: ServerAddress): Promise<RawPeer> {
    const peer = new RawPeer(transport);
    await (transport === 'udp' ? peer.#udp(server) : peer.#tcp(server));
    return peer;
  }

  get via(): string {
    const host = this.local.address.includes(':') ? `[${this.local.address}]` : this.local.address;
    return `SIP/2.0/${this.transport.toUpperCase()} ${host}:${this.local.port}`;
  }

  /** The Contact of this socket, in brackets. */
  contact(user = 'peer'): string {
    const host = this.local.address.includes(':') ? `[${this.local.address}]` : this.local.address;
    return `<sip:${user}@${host}:${this.local.port}${this.transport === 'tcp' ? ';transport=tcp' : ''}>`;
  }

  send(bytes: string | Buffer): void {
    this.#write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Sends a request and gives its final response, matched by Call-ID and CSeq. */
  async ask(parts: Omit<RequestParts, 'via'> & { via?: string }): Promise<WireMessage> {
    const text = requestText({ via: this.via, ...parts });
    const sent = new WireMessage(text);
    this.send(text);
    return this.next((m) => m.status >= 200 && m.callId === sent.callId && m.header('CSeq') === sent.header('CSeq'));
  }

  /** The first message that passes and was not handed out before; waits for it. */
  next(test: Test = () => true): Promise<WireMessage> {
    const known = this.received.find((message) => !this.#taken.has(message) && test(message));
    if (known !== undefined) {
      this.#taken.add(known);
      return Promise.resolve(known);
    }
    return new Promise((resolve, reject) => {
      const waiter = {
        test,
        resolve: (message: WireMessage) => {
          clearTimeout(timer);
          resolve(message);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter);
        const came = this.received.map((m) => `${m.startLine} (CSeq ${m.header('CSeq')})`).join('\n  ');
        reject(new Error(`no such message in ${patienceMs / 1000} s; what came:\n  ${came || 'nothing'}`));
      }, patienceMs);
      this.#waiting.add(waiter);
      this.#abandoned.push(() => clearTimeout(timer));
    });
  }

  /** The next NOTIFY of a dialog. */
  notify(callId: string): Promise<WireMessage> {
    return this.next((message) => message.method === 'NOTIFY' && message.callId === callId);
  }

  /** Those received and not yet handed out. */
  unread(test: Test = () => true): WireMessage[] {
    return this.received.filter((message) => !this.#taken.has(message) && test(message));
  }

  /** Closes the socket. A wait that is still under way never ends. */
  close(): void {
    for (const stop of this.#abandoned) stop();
    this.#close();
  }

  #take(text: string): void {
    const message = new WireMessage(text);
    const seen = message.method !== '' && this.#texts.has(text);
    if (message.method !== '' && message.method !== 'ACK') {
      const line = this.answer(message);
      const space = line?.indexOf(' ') ?? 0;
      if (line !== undefined) this.send(responseText(message, Number(line.slice(0, space)), line.slice(space + 1)));
    }
    if (seen) return; // a retransmission
    if (message.method !== '') this.#texts.add(text);
    this.received.push(message);
    for (const waiter of this.#waiting) {
      if (!waiter.test(message)) continue;
      this.#waiting.delete(waiter);
      this.#taken.add(message);
      waiter.resolve(message);
      return;
    }
  }

  /** RFC 3261 §18.3: cuts a stream into messages. */
  #stream(text: string): void {
    this.#rest += text;
    for (;;) {
      this.#rest = this.#rest.replace(/^[\r\n]+/, '');
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(new WireMessage(this.#rest.slice(0, end + 4)).header('Content-Length') ?? 0);
      if (this.#rest.length < end + 4 + length) return;
      const message = this.#rest.slice(0, end + 4 + length);
      this.#rest = this.#rest.slice(end + 4 + length);
      this.#take(message);
    }
  }

  async #udp(server: ServerAddress): Promise<void> {
    const six = server.address.includes(':');
    const socket = dgram.createSocket(six ? 'udp6' : 'udp4');
    socket.on('message', (bytes) => {
      const text = bytes.toString('latin1');
      this.chunks.push(text);
      this.#take(text);
    });
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => socket.bind(0, six ? '::1' : '127.0.0.1', resolve));
    this.local = { address: socket.address().address, port: socket.address().port };
    this.#write = (bytes) => socket.send(bytes, server.port, server.address);
    this.#close = () => socket.close();
  }

  async #tcp(server: ServerAddress): Promise<void> {
    const socket = net.connect(server.port, server.address);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      this.chunks.push(text);
      this.#stream(text);
    });
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()));
    this.local = { address: socket.localAddress ?? '', port: socket.localPort ?? 0 };
    this.#write = (bytes) => socket.write(bytes);
    this.#close = () => socket.destroy();
  }
}
