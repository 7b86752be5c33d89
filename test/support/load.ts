// Owns a load of publishers and watchers on one UDP socket that checks everything it gets: answers, NOTIFYs, their CSeqs.
import { createSocket, type Socket } from 'node:dgram';
import { performance } from 'node:perf_hooks';

export interface LoadSpec {
  readonly port: number;
  readonly presentities: number;
  /** Of each presentity. */
  readonly watchers: number;
  /** Operations a second of all together; as fast as they are answered when not given. */
  readonly rate?: number;
}

export interface LoadReport {
  readonly operations: number;
  readonly notifies: number;
  /** ms from a request to its answer, the longest. */
  readonly slowest: number;
  /** Requests that had to be sent again. */
  readonly retransmitted: number;
  /** What should not have been. */
  readonly faults: readonly string[];
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Pending {
  readonly resolve: (answer: Answer | undefined) => void;
  readonly bytes: Buffer;
  readonly sentAt: number;
  attempts: number;
}

interface Dialog {
  readonly callId: string;
  toTag: string;
  cseq: number;
  /** The last one of a NOTIFY. */
  notified: number;
  seen: string;
}

/** ms until a request is sent again, and until it counts as lost. */
const resend = 500;
const lost = 30_000;

export class Load {
  readonly #spec: LoadSpec;
  readonly #socket: Socket = createSocket('udp4');
  readonly #pending = new Map<string, Pending>();
  readonly #answered = new Set<string>();
  readonly #dialogs = new Map<string, Dialog>();
  readonly #faults: string[] = [];
  #waiting: (() => void)[] = [];
  #branch = 0;
  #operations = 0;
  #notifies = 0;
  #slowest = 0;
  #retransmitted = 0;
  #stopping = false;
  #report: Promise<LoadReport> | undefined;
  #loops: Promise<void>[] = [];
  /** The last NOTIFY that came. */
  #lastNotify = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(spec: LoadSpec) {
    this.#spec = spec;
  }

  /** Subscribes everybody, publishes once for each presentity, and goes on from there. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve));
    this.#socket.setRecvBufferSize(4 << 20);
    this.#socket.on('message', (bytes, from) => this.#receive(bytes.toString('latin1'), from.port));
    this.#timer = setInterval(() => this.#resend(), 50);
    const ready: Promise<void>[] = [];
    for (let i = 0; i < this.#spec.presentities; i++) {
      ready.push(new Promise((resolve) => this.#loops.push(this.#run(i, resolve))));
    }
    await Promise.all(ready);
  }

  /** Ends when what was begun is complete; a second call gives the same report. */
  stop(): Promise<LoadReport> {
    this.#report ??= this.#end();
    return this.#report;
  }

  async #end(): Promise<LoadReport> {
    this.#stopping = true;
    await Promise.all(this.#loops);
    clearInterval(this.#timer);
    this.#socket.close();
    const report = { operations: this.#operations, notifies: this.#notifies, retransmitted: this.#retransmitted };
    return { ...report, slowest: Math.ceil(this.#slowest), faults: this.#faults };
  }

  get operations(): number {
    return this.#operations;
  }

  /** ms from a request to its answer, the longest since the last time this was asked. */
  takeSlowest(): number {
    const slowest = Math.ceil(this.#slowest);
    this.#slowest = 0;
    return slowest;
  }

  get faults(): readonly string[] {
    return this.#faults;
  }

  /** A header of the NOTIFY that came last; empty when it has none. */
  lastNotified(name: string): string {
    return headerOf(this.#lastNotify, name);
  }

  async #run(number: number, ready: () => void): Promise<void> {
    const user = `p${number}`;
    const dialogs: Dialog[] = [];
    for (let i = 0; i < this.#spec.watchers; i++) {
      const dialog = { callId: `${user}-w${i}-${process.pid}`, toTag: '', cseq: 0, notified: 0, seen: '' };
      dialogs.push(dialog);
      this.#dialogs.set(dialog.callId, dialog);
      await this.#subscribe(user, dialog);
    }
    let etag = await this.#publish(user, undefined, `${user}=0`);
    ready();
    const pause = this.#spec.rate === undefined ? 0 : (1000 * this.#spec.presentities) / this.#spec.rate;
    // One after the other, not all in one moment.
    await sleep((pause * number) / this.#spec.presentities);
    for (let turn = 1; !this.#stopping && this.#faults.length === 0; turn++) {
      const began = performance.now();
      const dialog = dialogs[turn % dialogs.length];
      if (turn % 4 === 0 && dialog) await this.#subscribe(user, dialog);
      else if (turn % 4 === 2) etag = await this.#publish(user, etag, undefined);
      else {
        const note = `${user}=${turn}`;
        etag = await this.#publish(user, etag, note);
        // No NOTIFY is lost: everybody is told of this very change before the next one.
        if (!(await this.#until(() => dialogs.every(({ seen }) => seen === note)))) {
          const missing = dialogs
            .filter(({ seen }) => seen !== note)
            .map(({ callId, seen }) => `${callId} saw ${seen}`);
          this.#faults.push(`${note} was not told to everybody: ${missing.join(', ')}`);
          return;
        }
      }
      const rest = pause - (performance.now() - began);
      if (rest > 0) await sleep(rest);
      if (etag === undefined) return;
    }
  }

  async #subscribe(user: string, dialog: Dialog): Promise<void> {
    const { callId, toTag } = dialog;
    const before = dialog.notified;
    const port = this.#socket.address().port;
    const answer = await this.#ask(
      `SUBSCRIBE sip:${user}@localhost SIP/2.0`,
      `From: <sip:${callId}@localhost>;tag=w\r\nTo: <sip:${user}@localhost>${toTag && `;tag=${toTag}`}\r\nCall-ID: ${callId}\r\n` +
        `CSeq: ${++dialog.cseq} SUBSCRIBE\r\nContact: <sip:w@127.0.0.1:${port}>\r\nEvent: presence\r\nExpires: 600\r\n`,
      '',
    );
    this.#expect(answer, 202, `SUBSCRIBE ${callId}`);
    dialog.toTag = /\r\nTo:[^\r]*;tag=([^\r;]+)/.exec(answer?.text ?? '')?.[1] ?? '';
    if (this.#faults.length > 0) return;
    if (!(await this.#until(() => dialog.notified > before))) this.#faults.push(`no NOTIFY after SUBSCRIBE ${callId}`);
  }

  async #publish(user: string, etag: string | undefined, note: string | undefined): Promise<string | undefined> {
    const body =
      note === undefined
        ? ''
        : `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:${user}@localhost"><tuple id="t"><status><basic>open</basic></status><note>${note}</note></tuple></presence>`;
    const id = ++this.#branch;
    const answer = await this.#ask(
      `PUBLISH sip:${user}@localhost SIP/2.0`,
      `From: <sip:${user}@localhost>;tag=p\r\nTo: <sip:${user}@localhost>\r\nCall-ID: pub-${id}\r\nCSeq: 1 PUBLISH\r\n` +
        `Event: presence\r\nExpires: 600\r\n${etag === undefined ? '' : `SIP-If-Match: ${etag}\r\n`}` +
        `${body && 'Content-Type: application/pidf+xml\r\n'}`,
      body,
    );
    this.#expect(answer, 200, `PUBLISH ${user} ${note ?? 'refresh'}`);
    return /\r\nSIP-ETag: ([^\r]+)/.exec(answer?.text ?? '')?.[1];
  }

  #expect(answer: Answer | undefined, status: number, what: string): void {
    this.#operations++;
    if (answer?.status !== status) this.#faults.push(`${what}: ${answer?.status ?? 'no answer'}`);
  }

  #ask(start: string, headers: string, body: string): Promise<Answer | undefined> {
    const branch = `z9hG4bK${process.pid}x${++this.#branch}`;
    const via = `Via: SIP/2.0/UDP 127.0.0.1:${this.#socket.address().port};branch=${branch};rport\r\n`;
    const text = `${start}\r\n${via}Max-Forwards: 70\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    return new Promise((resolve) => {
      const bytes = Buffer.from(text);
      this.#pending.set(branch, { resolve, bytes, sentAt: performance.now(), attempts: 1 });
      this.#socket.send(bytes, this.#spec.port, '127.0.0.1');
    });
  }

  #resend(): void {
    const now = performance.now();
    for (const [branch, pending] of this.#pending) {
      const age = now - pending.sentAt;
      if (age > lost) {
        this.#pending.delete(branch);
        pending.resolve(undefined);
      } else if (age > resend * pending.attempts) {
        pending.attempts++;
        this.#retransmitted++;
        this.#socket.send(pending.bytes, this.#spec.port, '127.0.0.1');
      }
    }
    this.#look();
  }

  async #until(condition: () => boolean): Promise<boolean> {
    const deadline = performance.now() + lost;
    while (!condition()) {
      if (performance.now() > deadline || this.#faults.length > 0) return false;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return true;
  }

  #look(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #receive(text: string, port: number): void {
    if (text.startsWith('NOTIFY ')) this.#notified(text, port);
    else this.#answerOf(text);
  }

  #answerOf(text: string): void {
    const status = Number(text.slice(8, 11));
    if (status < 200) return;
    const branch = /;branch=([^;\r]+)/.exec(text)?.[1] ?? '';
    const pending = this.#pending.get(branch);
    if (!pending) {
      if (this.#answered.has(branch)) this.#faults.push(`answered twice: ${text.slice(0, 40)}`);
      return;
    }
    this.#pending.delete(branch);
    // A request that was sent again may be answered again.
    if (pending.attempts === 1) this.#answered.add(branch);
    this.#slowest = Math.max(this.#slowest, performance.now() - pending.sentAt);
    pending.resolve({ status, text });
  }

  #notified(text: string, port: number): void {
    const head = (name: string) => headerOf(text, name);
    this.#lastNotify = text;
    const vias = [...text.matchAll(/\r\nVia: [^\r]*/g)].map(([line]) => line).join('');
    const copied = ['From', 'To', 'Call-ID', 'CSeq'].map((name) => `\r\n${name}: ${head(name)}`).join('');
    this.#socket.send(`SIP/2.0 200 OK${vias}${copied}\r\nContent-Length: 0\r\n\r\n`, port, '127.0.0.1');
    const dialog = this.#dialogs.get(head('Call-ID'));
    if (!dialog) return;
    const cseq = Number.parseInt(head('CSeq'), 10);
    // The very same again is a retransmission.
    if (cseq === dialog.notified) return;
    if (cseq !== dialog.notified + 1) this.#faults.push(`${dialog.callId}: CSeq ${cseq} after ${dialog.notified}`);
    dialog.notified = cseq;
    this.#notifies++;
    const note = /<note>([^<]*)/.exec(text)?.[1];
    if (note !== undefined) dialog.seen = note;
    this.#look();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function headerOf(text: string, name: string): string {
  return new RegExp(`\\r\\n${name}: ([^\\r]*)`).exec(text)?.[1] ?? '';
}
