// Owns the SIP client of the commands and the tests: the `sip` package's messages and transactions over sockets of our own.
import dgram from 'node:dgram';
import net from 'node:net';
import * as sip from 'sip';
import { RollcallError } from '../base/errors';

// The package's own transports are not used: they cannot bind port 0, leave socket errors uncaught, refuse to send to a
// host equal to their own and close a TCP connection after two idle minutes. Its parser knows no IPv6 in a Via.

export type ClientTransport = 'udp' | 'tcp';

export interface Endpoint {
  address: string;
  port: number;
}

export interface ClientRequest {
  method: string;
  uri: string;
  /** Everything but Via and Content-Length; `to`, `from`, `call-id` and `cseq` are needed. */
  headers: Omit<sip.Headers, 'via'>;
  body?: string | undefined;
}

export type Respond = (status: number, reason: string, headers?: Record<string, unknown>) => void;

export interface SipClientOptions {
  /** Where every request goes, whatever its Request-URI (an outbound proxy). IPv4. */
  server: Endpoint;
  transport: ClientTransport;
  /** Gets each request once; retransmissions are answered from what it responded. Default: 405. */
  onRequest?: (request: sip.Request, respond: Respond) => void;
  /** The connection or the socket failed; pending requests have been rejected. */
  onLost?: (error: Error) => void;
}

interface Wire {
  local: Endpoint;
  write(text: string): void;
  close(): void;
}

const keepAliveMs = 25_000;
const keepAlive = '\r\n\r\n'; // RFC 5626 §3.5.1, and at hand for NATs over UDP

/** A user agent on one UDP socket or one TCP connection. Close it, or the process stays alive. */
export class SipClient {
  readonly server: Endpoint;
  readonly transport: ClientTransport;
  readonly #transactions = sip.makeTransactionLayer({}, undefined);
  readonly #options: SipClientOptions;
  readonly #pending = new Set<(error: Error) => void>();
  #wire: Wire | undefined;
  #opening: Promise<Wire> | undefined;
  #pings: NodeJS.Timeout | undefined;

  private constructor(options: SipClientOptions) {
    this.#options = options;
    this.server = options.server;
    this.transport = options.transport;
  }

  /** @throws RollcallError when nothing listens there (TCP; over UDP a request tells) */
  static async open(options: SipClientOptions): Promise<SipClient> {
    const client = new SipClient(options);
    await client.#connected();
    client.#pings = setInterval(() => client.#wire?.write(keepAlive), keepAliveMs).unref();
    return client;
  }

  /** Our address, for Contact and Via. Opens a new connection when the old one has gone. @throws RollcallError */
  async local(): Promise<Endpoint> {
    return (await this.#connected()).local;
  }

  /**
   * Sends a request, over a new connection when the old one has gone, and gives its final response.
   * @throws RollcallError when nobody answers within `timeoutMs` (at most 32 s, Timer F of RFC 3261 §17.1.2.2)
   */
  async request(request: ClientRequest, timeoutMs = 10_000): Promise<sip.Response> {
    const message = this.#message(request, await this.local());
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#pending.delete(fail);
        clearTimeout(timer);
      };
      const fail = (error: Error) => {
        settle();
        transaction.shutdown();
        reject(error);
      };
      const timer = setTimeout(() => fail(this.#silence(`no answer in ${timeoutMs / 1000} s`)), timeoutMs);
      this.#pending.add(fail);
      const transaction = this.#transactions.createClientTransaction(this.#connection(), message, (response) => {
        if (response.status < 200) return;
        settle();
        resolve(response);
      });
    });
  }

  /** Sends raw text as it is: keep-alives, or messages the package would not make. */
  write(text: string): void {
    this.#wire?.write(text);
  }

  close(): void {
    clearInterval(this.#pings);
    this.#disconnect();
    this.#transactions.destroy();
    this.#abandon(new RollcallError('the SIP client was closed'));
  }

  /** Rejects every request that waits for its answer. */
  abandon(reason: string): void {
    this.#abandon(new RollcallError(reason));
  }

  async #connected(): Promise<Wire> {
    if (this.#wire !== undefined) return this.#wire;
    // One at a time: requests that come meanwhile wait for the same connection.
    this.#opening ??= (this.transport === 'udp' ? this.#openUdp() : this.#openTcp()).finally(() => {
      this.#opening = undefined;
    });
    this.#wire = await this.#opening;
    return this.#wire;
  }

  #disconnect(): void {
    const wire = this.#wire;
    this.#wire = undefined;
    wire?.close();
  }

  #message(request: ClientRequest, { address, port }: Endpoint): sip.Request {
    const protocol = this.transport.toUpperCase();
    const via = { version: '2.0', protocol, host: address, port, params: { rport: null } };
    const headers = { via: [via], 'max-forwards': 70, ...request.headers } as unknown as sip.Headers;
    const content = request.body === undefined ? '' : Buffer.from(request.body, 'utf8').toString('latin1');
    return { method: request.method, uri: request.uri, headers, content };
  }

  #connection(): sip.Connection {
    return {
      send: (message) => this.#wire?.write(sip.stringify(message)),
      release: () => undefined,
      protocol: this.transport.toUpperCase(),
    };
  }

  #receive(message: sip.Message | undefined, remote: Endpoint): void {
    if (message === undefined || !isWhole(message)) return;
    if (message.method === undefined) {
      this.#transactions.getClient(message)?.message(message);
      return;
    }
    const known = this.#transactions.getServer(message);
    if (known !== undefined) {
      known.message(message);
      return;
    }
    const top = message.headers.via[0];
    if (top === undefined || message.method === 'ACK') return;
    top.params.received = remote.address;
    if ('rport' in top.params) top.params.rport = remote.port;
    const transaction = this.#transactions.createServerTransaction(message, this.#connection());
    const respond: Respond = (status, reason, headers = {}) =>
      transaction.send(sip.makeResponse(message, status, reason, { headers }));
    if (this.#options.onRequest === undefined) respond(405, 'Method Not Allowed');
    else this.#options.onRequest(message, respond);
  }

  async #openUdp(): Promise<Wire> {
    const { server } = this;
    const probe = dgram.createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.connect(server.port, server.address, resolve);
    }).catch((error: Error) => Promise.reject(this.#silence(error.message)));
    const address = probe.address().address;
    // Only a connected socket hears that nobody listens (ICMP), and it would not hear a NOTIFY from another address.
    probe.removeAllListeners('error');
    probe.on('error', (error) => this.#lost(this.#silence(error.message)));
    probe.send(keepAlive, () => undefined);
    const socket = dgram.createSocket('udp4');
    socket.on('message', (bytes, from) => this.#receive(sip.parse(bytes), from));
    await new Promise<void>((resolve) => socket.bind(0, address, resolve));
    socket.on('error', (error) => this.#lost(error));
    return {
      local: { address, port: socket.address().port },
      write: (text) => socket.send(Buffer.from(text, 'latin1'), server.port, server.address),
      close: () => {
        probe.close();
        socket.close();
      },
    };
  }

  async #openTcp(): Promise<Wire> {
    const { server } = this;
    const socket = net.connect(server.port, server.address);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    }).catch((error: Error) => Promise.reject(this.#silence(error.message)));
    const parser = sip.makeStreamParser((message) => this.#receive(message, server));
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => parser(text));
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => this.#lost(this.#silence('the connection was closed')));
    return {
      local: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
      write: (text) => socket.write(text, 'latin1'),
      close: () => socket.destroy(),
    };
  }

  #lost(error: Error): void {
    if (this.#wire === undefined) return;
    if (this.transport === 'tcp') this.#disconnect();
    this.#abandon(error);
    this.#options.onLost?.(error);
  }

  #abandon(error: Error): void {
    for (const fail of [...this.#pending]) fail(error);
  }

  #silence(detail: string): RollcallError {
    return new RollcallError(
      `nothing answers on ${this.transport}:${this.server.address}:${this.server.port} (${detail})`,
      { hint: 'Is it running? `npm start` starts it; --server HOST:PORT names another one.' },
    );
  }
}

/** The body of a message as UTF-8 text. */
export function bodyText(message: sip.Message): string {
  return Buffer.from(message.content ?? '', 'latin1').toString('utf8');
}

/** A header the package does not parse, as text. */
export function headerText(message: sip.Message, name: string): string | undefined {
  const value = message.headers[name];
  return value === undefined ? undefined : String(value);
}

function isWhole(message: sip.Message): boolean {
  const { via, to, from, cseq } = message.headers;
  return Array.isArray(via) && via.length > 0 && !!to && !!from && !!cseq && !!message.headers['call-id'];
}
