// Owns somebody who asks a server over HTTP all the time, on one connection, and notes what is not answered 200.
import { Agent, get } from 'node:http';

export class Poll {
  /** Answers so far. */
  answers = 0;
  readonly faults: string[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #asking: Promise<void>;
  #stopping = false;

  private constructor(
    private readonly port: number,
    private readonly paths: readonly string[],
  ) {
    this.#asking = this.#run();
  }

  /** Begins when the server answers: HTTP may be there a moment after SIP. */
  static async start(port: number, paths: readonly [string, ...string[]]): Promise<Poll> {
    for (;;) {
      const first = new Poll(port, [paths[0]]);
      await first.stop();
      if (first.answers > 0) return new Poll(port, paths);
    }
  }

  /** Ends when the last answer has come. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#asking;
    this.#agent.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#stopping && this.faults.length === 0) {
      for (const path of this.paths) {
        const status = await this.#ask(path).catch((error: Error) => error.message);
        if (status !== 200) this.faults.push(`GET ${path}: ${status}`);
        else this.answers++;
      }
    }
  }

  #ask(path: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const asked = get({ host: '127.0.0.1', port: this.port, path, agent: this.#agent }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode));
        answer.once('error', reject);
      });
      asked.once('error', reject);
    });
  }
}
