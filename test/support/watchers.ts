// Owns both ends of watching for tests: a watcher on a bare socket in one dialog, and the presentity that follows its watchers.
import assert from 'node:assert/strict';
import type { Phone } from './phone';
import type { SipUa, UaDialog } from './sip-ua';
import { WatcherTable } from './watcherinfo';
import { fresh, type WireMessage } from './wire';

/** One dialog of a watcher on a bare socket, whose every byte counts. */
export class Watching {
  private constructor(
    private readonly phone: Phone,
    readonly presentity: string,
    readonly callId: string,
    private readonly from: string,
    private readonly tag: string,
    readonly reply: WireMessage,
    private cseq = 1,
    private wasActive = false,
  ) {}

  static async start(phone: Phone, presentity: string, user: string, expires: number, name = ''): Promise<Watching> {
    const from = `${name}<sip:${user}@example.com>;tag=${fresh('w')}`;
    const { callId, reply } = await phone.watch(presentity, [`Expires: ${expires}`], { from });
    return new Watching(phone, presentity, callId, from, reply.tag('To') ?? '', reply);
  }

  refresh(expires: number): Promise<WireMessage> {
    return this.phone.peer.ask({
      method: 'SUBSCRIBE',
      uri: this.presentity,
      callId: this.callId,
      cseq: ++this.cseq,
      from: this.from,
      to: `<${this.presentity}>;tag=${this.tag}`,
      headers: ['Event: presence', `Contact: ${this.phone.peer.contact()}`, `Expires: ${expires}`],
    });
  }

  /** Subscription-State of the next NOTIFY, without the seconds left. Nobody but who is active, or just was, gets a body. */
  async told(): Promise<string> {
    const { text, state, body } = await this.phone.peer.notify(this.callId);
    const said = /^Subscription-State: (.*)$/im.exec(text)?.[1]?.replace(/;expires=\d+/, '') ?? '';
    const mayShow = state === 'active' || (this.wasActive && said === 'terminated;reason=timeout');
    assert.equal(body !== '', mayShow, text);
    this.wasActive = state === 'active';
    return said;
  }
}

/** The presentity's own view of its watchers. */
export class Owner {
  readonly table = new WatcherTable();
  private constructor(private readonly dialog: UaDialog) {}

  static async start(ua: SipUa, presentity: string): Promise<Owner> {
    const owner = new Owner((await ua.subscribe(presentity, { event: 'presence.winfo', from: presentity })).dialog);
    await owner.told();
    return owner;
  }

  async document() {
    return this.table.take((await this.dialog.next()).body);
  }

  /** The next document: `full` or `partial`, then user, status and event of each watcher. */
  async told(): Promise<string> {
    const { state, told } = await this.document();
    return [state, ...told.map((text) => text.replace(/^sip:(\w+)@\S+/, '$1'))].join(', ');
  }
}
