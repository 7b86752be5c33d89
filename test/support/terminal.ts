// Owns a terminal for the client commands under test: it keeps the lines and presses Ctrl-C when told.
import net from 'node:net';
import type { Terminal } from '../../core/cli/client-target';

export class ScriptedTerminal implements Terminal {
  readonly lines: string[] = [];
  readonly #control = new AbortController();
  readonly #waiting: { test(line: string): boolean; resolve(line: string): void }[] = [];
  readonly interrupted = this.#control.signal;

  out(line: string): void {
    this.lines.push(line);
    for (const waiter of this.#waiting) if (waiter.test(line)) waiter.resolve(line);
  }

  err(line: string): void {
    this.out(`! ${line}`);
  }

  interrupt(): void {
    this.#control.abort();
  }

  /** The first line that passes the test, printed already or still to come. */
  until(test: (line: string) => boolean): Promise<string> {
    const line = this.lines.find(test);
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((resolve) => this.#waiting.push({ test, resolve }));
  }
}

/** A loopback port on which nothing listens (any more). */
export async function closedPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
