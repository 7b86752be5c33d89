// Owns a proxy before a database server that cuts or freezes connections at chosen moments.
import { createConnection, createServer, type Server, type Socket } from 'node:net';

export class Cutter {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #word: string | undefined;
  #frozen = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a free loopback port and passes everything on to `target`. */
  static async start(target: number): Promise<Cutter> {
    const server = createServer({ noDelay: true });
    const cutter = new Cutter(server);
    server.on('connection', (client) => cutter.#join(client, target));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return cutter;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** The next statement that holds the word reaches the server, its answer gets lost, and the connection with it. */
  cutAnswerTo(word: string): void {
    this.#word = word;
  }

  /** Nothing passes any more, and no connection ends: what a cable that is pulled out leaves. */
  freeze(): void {
    this.#frozen = true;
  }

  /** New connections are passed on again. */
  thaw(): void {
    this.#frozen = false;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, target: number): void {
    const server = createConnection(target, '127.0.0.1');
    let cut = false;
    let dead = false;
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (!dead) for (const other of [client, server]) other.destroy();
      });
    }
    client.on('data', (bytes) => {
      if (this.#frozen) dead = true;
      if (dead) return;
      if (this.#word !== undefined && bytes.includes(this.#word)) {
        this.#word = undefined;
        cut = true;
      }
      server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (dead || this.#frozen) return;
      if (cut) client.destroy();
      else client.write(bytes);
    });
  }
}
