// Owns the load of a chaos test: publishers and watchers that go to a node at random, turn to another when it fails, and know what was acknowledged.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, ChaosClient, type Dialog } from './chaos-client';

export interface ChaosSpec {
  readonly seed: number;
  /** UDP ports of the nodes. */
  readonly ports: readonly number[];
  readonly presentities: number;
  /** Of each presentity. */
  readonly watchers: number;
}

interface Presentity {
  readonly uri: string;
  readonly watchers: Dialog[];
  /** Of the publication that was acknowledged last; undefined: none that is known. */
  etag: string | undefined;
  /** What it says; empty: nothing that is known. */
  note: string;
}

/** How often a request is tried at one node or another before the load gives up. */
const attempts = 40;

export class ChaosLoad {
  readonly client = new ChaosClient();
  /** Requests that were acknowledged. */
  acknowledged = 0;
  /** Requests that had to go to another node. */
  failovers = 0;
  readonly #spec: ChaosSpec;
  readonly #random: () => number;
  readonly #presentities: Presentity[] = [];
  #running = true;
  /** Nobody is asked any more. */
  #over = false;
  #loops: Promise<void>[] = [];
  #serial = 0;

  constructor(spec: ChaosSpec) {
    this.#spec = spec;
    this.#random = mulberry32(spec.seed);
  }

  get faults(): readonly string[] {
    return this.client.faults;
  }

  async start(): Promise<void> {
    await this.client.open();
    for (let i = 0; i < this.#spec.presentities; i++) {
      const uri = `sip:chaos${i}@localhost`;
      const presentity: Presentity = { uri, watchers: [], etag: undefined, note: '' };
      this.#presentities.push(presentity);
      this.#loops.push(this.#live(presentity));
    }
  }

  /** Lets the load run on for so long, ms; ends at once when something is wrong. */
  async run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms && this.faults.length === 0; passed += 100) await sleep(100);
  }

  /** Ends the load; what was begun is completed. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
  }

  /** Ends everything at once. */
  async abort(): Promise<void> {
    this.#over = true;
    await this.stop();
    this.client.close();
  }

  /**
   * When all is over: every acknowledged publication and subscription is there for every node, and every watcher has the
   * document that every node gives to whoever asks now.
   */
  async verify(): Promise<void> {
    // Nobody is dead any more: whoever does not answer is only slow.
    this.client.patience = 20_000;
    await Promise.all(this.#presentities.map((presentity) => this.#verify(presentity)));
  }

  async #live(presentity: Presentity): Promise<void> {
    for (let i = 0; i < this.#spec.watchers; i++) {
      await this.#watch(presentity);
      await this.#change(presentity);
    }
    while (this.#running && this.faults.length === 0) {
      const lot = this.#random();
      if (lot < 0.5) await this.#change(presentity);
      else if (lot < 0.6) await this.#refresh(presentity);
      else if (lot < 0.7) await this.#remove(presentity);
      else if (lot < 0.9) await this.#refreshWatcher(presentity);
      else await this.#visit(presentity);
      await sleep(this.#random() * 120);
    }
  }

  /** A new publication, or new content for the one there is. */
  async #change(presentity: Presentity): Promise<void> {
    const { uri, etag } = presentity;
    const note = `n${++this.#serial}`;
    const answer = await this.#publish(presentity, (port) => this.client.publish(uri, etag, note, 600, port));
    if (answer?.status === 200) Object.assign(presentity, { etag: answer.header('SIP-ETag'), note });
  }

  async #refresh(presentity: Presentity): Promise<void> {
    const { uri, etag } = presentity;
    if (etag === undefined) return;
    const answer = await this.#publish(presentity, (port) => this.client.publish(uri, etag, undefined, 600, port));
    if (answer?.status === 200) presentity.etag = answer.header('SIP-ETag');
  }

  async #remove(presentity: Presentity): Promise<void> {
    const { uri, etag } = presentity;
    if (etag === undefined) return;
    const answer = await this.#publish(presentity, (port) => this.client.publish(uri, etag, undefined, 0, port));
    if (answer?.status === 200) Object.assign(presentity, { etag: undefined, note: '' });
  }

  /** A 412 is right only after a try whose outcome nobody told: it was carried out, and its tag and its note took the place of these. */
  async #publish(
    presentity: Presentity,
    ask: (port: number) => Promise<Answer | undefined>,
  ): Promise<Answer | undefined> {
    const before = presentity.etag;
    const { answer, uncertain } = await this.#persist(ask);
    if (answer?.status === 412 && before !== undefined) {
      if (!uncertain) this.client.faults.push(`${presentity.uri}: ${before} is lost`);
      Object.assign(presentity, { etag: undefined, note: '' });
    } else if (answer?.status !== 200)
      this.client.faults.push(`${presentity.uri}: PUBLISH ${answer?.status ?? 'unanswered'}`);
    return answer;
  }

  async #watch(presentity: Presentity): Promise<void> {
    while (!this.#over) {
      const dialog = this.client.dialog(`chaos-${this.#spec.seed}-${++this.#serial}`, presentity.uri);
      const answer = await this.client.subscribe(dialog, 600, this.#port());
      // A dialog whose tag is not known goes on without us; its NOTIFYs are answered and checked all the same.
      if (answer?.status !== 202) continue;
      this.acknowledged++;
      dialog.toTag = /;tag=([^;]+)/.exec(answer.header('To'))?.[1] ?? '';
      presentity.watchers.push(dialog);
      return;
    }
  }

  async #refreshWatcher(presentity: Presentity): Promise<void> {
    const dialog = presentity.watchers[Math.floor(this.#random() * presentity.watchers.length)];
    if (dialog) await this.#renew(dialog, (ask) => this.#persist(ask));
  }

  async #renew(dialog: Dialog, persist: (ask: Ask) => Promise<{ answer: Answer | undefined }>): Promise<void> {
    const { answer } = await persist((port) => this.client.subscribe(dialog, 600, port));
    if (answer?.status !== 202) this.client.faults.push(`${dialog.callId}: refresh ${answer?.status ?? 'unanswered'}`);
  }

  /** A watcher that comes, and leaves again at another node. */
  async #visit(presentity: Presentity): Promise<void> {
    const dialog = this.client.dialog(`chaos-${this.#spec.seed}-${++this.#serial}`, presentity.uri);
    const answer = await this.client.subscribe(dialog, 600, this.#port());
    if (answer?.status !== 202) return;
    dialog.toTag = /;tag=([^;]+)/.exec(answer.header('To'))?.[1] ?? '';
    const { answer: left, uncertain } = await this.#persist((port) => this.client.subscribe(dialog, 0, port));
    if (left?.status === 202 || (left?.status === 481 && uncertain)) return;
    this.client.faults.push(`${dialog.callId}: end ${left?.status ?? 'unanswered'}`);
  }

  /** Asks one node after the other until one gives a word that counts. `uncertain`: an earlier try may have been carried out. */
  async #persist(ask: Ask): Promise<{ answer: Answer | undefined; uncertain: boolean }> {
    let uncertain = false;
    for (let attempt = 0; attempt < attempts && !this.#over; attempt++) {
      const answer = await ask(this.#port());
      if (answer && answer.status !== 503) {
        this.acknowledged++;
        return { answer, uncertain };
      }
      uncertain = true;
      this.failovers++;
      if (answer) await sleep(200);
    }
    return { answer: undefined, uncertain };
  }

  #port(): number {
    const { ports } = this.#spec;
    return ports[Math.floor(this.#random() * ports.length)] ?? 0;
  }

  async #verify({ uri, watchers, etag, note }: Presentity): Promise<void> {
    const { faults } = this.client;
    const documents = new Set<string>();
    for (const port of this.#spec.ports) {
      const look = this.client.dialog(`look-${this.#spec.seed}-${++this.#serial}`, uri);
      await this.client.subscribe(look, 0, port);
      await until(() => look.notifies > 0);
      documents.add(look.document);
      if (note !== '' && !look.document.includes(`<note>${note}</note>`))
        faults.push(`${uri}: ${note} is not at ${port}`);
    }
    if (documents.size !== 1) faults.push(`${uri}: the nodes do not agree: ${[...documents].join(' / ')}`);
    const [document = ''] = documents;
    for (const dialog of watchers) {
      if (await until(() => dialog.document === document)) continue;
      faults.push(
        `${dialog.callId} of ${uri} was left with ${dialog.document} after CSeq ${dialog.notified}, not ${document}`,
      );
    }
    for (const dialog of watchers) await this.#renew(dialog, (ask) => this.#persist(ask));
    if (etag === undefined) return;
    const answer = await this.client.publish(uri, etag, undefined, 600, this.#port());
    if (answer?.status !== 200) faults.push(`${uri}: ${etag} is answered ${answer?.status} at the end`);
  }
}

type Ask = (port: number) => Promise<Answer | undefined>;

/** Waits for a while; the result is whether it came true. */
async function until(condition: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 300; tries++) {
    if (condition()) return true;
    await sleep(50);
  }
  return condition();
}

/** A small generator whose numbers, from 0 to 1, depend on the seed alone. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
