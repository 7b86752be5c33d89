// Owns the control socket: a unix socket that only its owner may open, one JSON-RPC message a line, everything bounded.
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { RollcallError } from '../base/errors';
import type { Logger } from '../base/logger';
import type { CommandTable } from './command';
import { notification, serveText } from './rpc';

export interface ControlSocketOptions {
  /** Absolute. The folder is made when it is not there. */
  readonly path: string;
  readonly log: Logger;
  /** Asked at each call. */
  commands(): CommandTable;
}

/** Longest line that a caller may send, in bytes. */
const maxLine = 64 * 1024;
/** Bytes that may wait for a caller who does not read. */
const maxUnread = 4 * 1024 * 1024;
const maxCallers = 32;
/** Lines of one caller that may wait for the one before them. */
const maxWaiting = 100;
/** ms that a caller may take to finish a line it has begun. */
const lineTimeout = 10_000;
const lineFeed = 0x0a;

export class ControlSocket {
  readonly path: string;
  readonly #options: ControlSocketOptions;
  readonly #callers = new Set<Socket>();
  readonly #server: Server;

  private constructor(options: ControlSocketOptions) {
    this.path = options.path;
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (caller) => this.#accept(caller));
    this.#server.maxConnections = maxCallers;
  }

  /** Opens it. @throws RollcallError when another server answers there, or the path cannot be used */
  static async open(options: ControlSocketOptions): Promise<ControlSocket> {
    const { path } = options;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    await clear(path);
    const socket = new ControlSocket(options);
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: Error) =>
        reject(new RollcallError(`the control socket ${path} cannot be opened: ${error.message}`, { cause: error }));
      socket.#server.once('error', refuse);
      // The socket is made inside `listen`: with this mask nobody else can open it, not even for a moment.
      const before = process.umask(0o177);
      try {
        socket.#server.listen(path, () => {
          socket.#server.off('error', refuse);
          resolve();
        });
      } finally {
        process.umask(before);
      }
    });
    chmodSync(path, 0o600);
    return socket;
  }

  /** Closes it and leaves nothing behind; callers who still wait are cut off. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const caller of this.#callers) caller.destroy();
    await closed;
  }

  #accept(caller: Socket): void {
    const gone = new AbortController();
    this.#callers.add(caller);
    caller.on('close', () => {
      this.#callers.delete(caller);
      gone.abort();
    });
    caller.on('error', () => caller.destroy());
    caller.on('timeout', () => caller.destroy());
    const call = { notify: (value: unknown) => send(caller, notification(value)), gone: gone.signal };
    const report = (error: unknown, method: string) =>
      this.#options.log.error({ err: error, method }, 'a control command failed');
    let before: Buffer[] = [];
    let size = 0;
    // One after the other: a caller cannot have more than one line worked on.
    let last: Promise<void> = Promise.resolve();
    let waiting = 0;
    const serve = async (line: string) => {
      const answer = await serveText(line, this.#options.commands(), call, report);
      waiting--;
      if (answer !== undefined) send(caller, answer);
    };
    // Who has nothing more to say still wants the answer, and what would go on for ever ends.
    caller.on('end', () => {
      gone.abort();
      last.then(() => caller.end());
    });
    caller.on('data', (bytes: Buffer) => {
      let start = 0;
      for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
        const line = Buffer.concat([...before, bytes.subarray(start, end)]).toString('utf8');
        before = [];
        size = 0;
        start = end + 1;
        if (line.trim() === '') continue;
        waiting++;
        last = last.then(() => serve(line));
      }
      before.push(bytes.subarray(start));
      size += bytes.length - start;
      caller.setTimeout(size > 0 ? lineTimeout : 0);
      if (size > maxLine || waiting > maxWaiting) caller.destroy();
    });
  }
}

function send(caller: Socket, text: string): void {
  if (caller.destroyed) return;
  if (caller.writableLength > maxUnread) caller.destroy();
  else caller.write(`${text}\n`);
}

/** Takes away the socket of a server that has gone. A file that is no socket is somebody's, and stays. */
async function clear(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new RollcallError(`the control socket cannot be made: ${path} is there and is no socket`);
  if (await answers(path)) {
    throw new RollcallError(`another server has the control socket ${path}`, {
      hint: 'stop it, or give this one another `control`',
    });
  }
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
