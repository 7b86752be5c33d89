// Owns what nodes have acknowledged to those who ask them: publications and dialogs, and what may be otherwise after a 503.
import assert from 'node:assert/strict';
import type { Resource } from '../../../../modules/presence/resource';
import type { ManualClock } from '../../../support/clock';
import type { Engine } from '../engine';
import { headerOf, publishText, subscribeText } from '../requests';
import type { Dialog, Request } from './steps';

interface Publication {
  readonly etag: string;
  readonly expires: number;
}

export class Acknowledged {
  private publications: Publication[] = [];
  private dialogs: Dialog[] = [];
  /** What a request that was answered 503 may have done all the same. */
  uncertain = false;
  /** Faults, unless what another request that was answered 503 has done explains them. */
  private suspicions: string[] = [];
  private serial = 0;

  constructor(
    private readonly clock: ManualClock,
    private readonly faults: string[],
  ) {}

  private get now(): number {
    return this.clock.now() / 1000;
  }

  async ask(engine: Engine, asked: Request): Promise<void> {
    for (let n = 0; n < asked.after; n++) await new Promise((resolve) => setImmediate(resolve));
    const publication = this.publications[asked.pick % Math.max(1, this.publications.length)];
    const dialog = this.dialogs[asked.pick % Math.max(1, this.dialogs.length)];
    switch (asked.do) {
      case 'publish':
        return this.publish(engine, undefined, `<n${++this.serial}/>`, asked.expires);
      case 'refresh':
        return publication && this.publish(engine, publication, '', asked.expires);
      case 'modify':
        return publication && this.publish(engine, publication, `<m${++this.serial}/>`, asked.expires);
      case 'remove':
        return publication && this.publish(engine, publication, '', 0);
      case 'subscribe':
      case 'fetch':
        return this.subscribe(engine, asked);
      default:
        return dialog && this.again(engine, asked, dialog);
    }
  }

  private async publish(engine: Engine, of: Publication | undefined, body: string, expires: number): Promise<void> {
    const text = publishText({ body, expires, ...(of ? { ifMatch: of.etag } : {}) });
    const { status, headers } = await engine.handle(text);
    if (status === 503) this.uncertain = true;
    else if (status === 412) {
      const isOver = !of || of.expires <= this.now || !this.publications.includes(of);
      if (!isOver) this.suspicions.push(`412 for ${of.etag}, which lives`);
    } else {
      assert.equal(status, 200);
      if (of) this.publications = this.publications.filter((each) => each !== of);
      const etag = headerOf(headers, 'SIP-ETag') ?? '';
      if (expires > 0) this.publications.push({ etag, expires: Math.ceil(this.now) + expires });
    }
  }

  private async subscribe(engine: Engine, asked: Request): Promise<void> {
    const winfo = asked.do === 'subscribe' && asked.winfo;
    const from = `sip:w${asked.pick}@example.com`;
    const callId = `call-${++this.serial}`;
    const event = winfo ? 'presence.winfo' : 'presence';
    const expires = asked.do === 'fetch' ? 0 : asked.expires;
    const { status, toTag = '' } = await engine.handle(subscribeText({ from, callId, event, expires }));
    if (status === 503) {
      this.uncertain = true;
      return;
    }
    assert.equal(status, winfo ? 200 : 202);
    if (expires > 0) this.dialogs.push({ callId, toTag, winfo, from, cseq: 1, expires: Math.ceil(this.now) + expires });
  }

  private async again(engine: Engine, asked: Request, dialog: Dialog): Promise<void> {
    const { callId, toTag, from, winfo } = dialog;
    const expires = asked.do === 'unsubscribe' ? 0 : asked.expires;
    const event = winfo ? 'presence.winfo' : 'presence';
    const cseq = ++dialog.cseq;
    const text = subscribeText({ callId, toTag, from, event, cseq, expires });
    const { status } = await engine.handle(text);
    const lives = dialog.expires > this.now && this.dialogs.includes(dialog);
    if (status === 503) this.uncertain = true;
    else if (status === 481) {
      if (lives) this.suspicions.push(`481 in ${callId}, which lives`);
    } else if (status < 300) {
      if (expires === 0) this.dialogs = this.dialogs.filter((each) => each !== dialog);
      else dialog.expires = Math.ceil(this.now) + expires;
    } else assert.equal(status, 500);
  }

  /** A watcher has refused its NOTIFYs. */
  end(callId: string): void {
    this.dialogs = this.dialogs.filter((dialog) => dialog.callId !== callId);
  }

  /** What is stored is what was acknowledged, and what nobody knows of is taken as it is. */
  compare({ publications, subscriptions }: Resource): void {
    this.publications = this.publications.filter(({ expires }) => expires > this.now);
    this.dialogs = this.dialogs.filter(({ expires }) => expires > this.now);
    if (!this.uncertain) {
      this.faults.push(...this.suspicions);
      for (const { etag } of this.publications) if (!publications.has(etag)) this.faults.push(`${etag} is lost`);
      for (const { callId, toTag } of this.dialogs) {
        if (!subscriptions.has(`${callId} ${toTag} theirs`)) this.faults.push(`${callId} is lost`);
      }
    }
    this.publications = [...publications.values()].map(({ etag, expires }) => ({ etag, expires }));
    this.dialogs = [...subscriptions.values()].map((each) => {
      const { callId, toTag, winfo, watcher, remoteCseq, expires } = each;
      const known = this.dialogs.find((dialog) => dialog.callId === callId);
      return known ?? { callId, toTag, winfo, from: watcher, cseq: remoteCseq, expires };
    });
    this.uncertain = false;
    this.suspicions = [];
  }
}
