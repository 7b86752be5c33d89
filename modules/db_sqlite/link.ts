// Owns the main thread's end of one database thread: requests and their answers, a new thread when the old one died.
import type { Worker } from 'node:worker_threads';
import { type Clock, DatabaseUnavailable, RollcallError, type Table } from '../../core/api';
import type { Answer, Fault, Reply, Request } from './protocol';

/** ms between two starts of a thread that dies at once. */
const restartPause = 1000;

interface Pending {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export interface LinkOptions {
  readonly startThread: () => Worker;
  readonly clock: Clock;
  /** Tables a new thread makes sure of. */
  readonly tables: () => readonly Table[];
  /** The thread ended without being told to; a new one will know nothing of the old. */
  readonly onDeath: (cause: Error | undefined) => void;
}

export class ThreadLink {
  readonly #options: LinkOptions;
  readonly #pending = new Map<number, Pending>();
  #thread: Worker | undefined;
  #lastStart = Number.NEGATIVE_INFINITY;
  #nextId = 1;
  #closing = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Starts the thread and opens the file. @throws RollcallError */
  async open(): Promise<void> {
    const answer = this.#start();
    await answer;
  }

  /** @throws DatabaseUnavailable, RollcallError */
  request(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<Answer> {
    if (this.#thread === undefined) {
      if (this.#closing || this.#options.clock.now() < this.#lastStart + restartPause) {
        return Promise.reject(new DatabaseUnavailable('the database thread has ended', 1));
      }
      // Its answer is not waited for: a file that cannot be opened fails the request behind it with the same words.
      this.#start().catch(() => {});
    }
    return this.#post(request, transfer);
  }

  /** Ends the thread after the requests before it. */
  async close(): Promise<void> {
    const thread = this.#thread;
    this.#closing = true;
    if (thread === undefined) return;
    const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    await this.#post({ kind: 'close' }, []).catch(() => {});
    await ended;
  }

  #start(): Promise<Answer> {
    this.#lastStart = this.#options.clock.now();
    const thread = this.#options.startThread();
    this.#thread = thread;
    let cause: Error | undefined;
    thread.on('message', (reply: Reply) => this.#settle(reply));
    thread.on('error', (error: Error) => {
      cause = error;
    });
    thread.on('exit', () => this.#ended(cause));
    return this.#post({ kind: 'open', tables: this.#options.tables() }, []);
  }

  #post(request: Request, transfer: readonly ArrayBuffer[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject });
      this.#thread?.postMessage({ ...request, id }, transfer);
    });
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ('fault' in reply) pending?.reject(errorOf(reply.fault));
    else pending?.resolve(reply.value);
  }

  #ended(cause: Error | undefined): void {
    this.#thread = undefined;
    if (!this.#closing) this.#options.onDeath(cause);
    // Whether the thread had stored their changes nobody knows, so none of them is told yes.
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of lost) {
      pending.reject(new DatabaseUnavailable('the database thread has ended', 1, cause === undefined ? {} : { cause }));
    }
  }
}

/** s a client waits before it tries again: locks pass sooner than disks are mended, but neither at once. */
const retryAfter = 5;

export function errorOf(fault: Fault): RollcallError {
  const options = fault.hint === undefined ? {} : { hint: fault.hint };
  if (fault.kind === 'later') return new DatabaseUnavailable(fault.message, retryAfter, options);
  return new RollcallError(fault.message, options);
}
