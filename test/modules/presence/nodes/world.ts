// Owns several nodes on one database as the world outside sees them: what was acknowledged, and checks of everything that they send.
import assert from 'node:assert/strict';
import type { Resource } from '../../../../modules/presence/resource';
import { ManualClock } from '../../../support/clock';
import { FlakyDatabase } from '../database';
import { Engine } from '../engine';
import { key } from '../records';
import { headerOf, publishText, subscribeText } from '../requests';
import type { SentNotify } from '../sent-notify';
import type { Dialog, Request, Step } from './steps';

export class World {
  readonly clock = new ManualClock();
  readonly shared = new FlakyDatabase();
  readonly engines: Engine[] = [];
  publications: { etag: string; expires: number }[] = [];
  dialogs: Dialog[] = [];
  /** What a request that was answered 503 may have done all the same. */
  private uncertain = false;
  private readonly last = new Map<string, SentNotify>();
  readonly versions = new Map<string, number>();
  readonly faults: string[] = [];
  /** Faults, unless what another request that was answered 503 has done explains them. */
  private suspicions: string[] = [];
  private readonly history: string[] = [];
  private serial = 0;

  private get now(): number {
    return this.clock.now() / 1000;
  }

  private node(index: number): Engine {
    return this.engines[index] as Engine;
  }

  async open(index: number): Promise<void> {
    this.engines[index] = await Engine.open({
      clock: this.clock,
      database: new FlakyDatabase(this.shared.inner),
      settings: {
        maxSubscriptions: 1000,
        clusterSecret: 'a secret of the nodes',
        clusterAddress: `sip:10.0.0.${index + 1}:5060`,
      },
      onSent: (notify) => this.sent(index, notify),
    });
    this.engines[index]?.presence.start();
  }

  /** In the order in which they leave. */
  private sent(index: number, notify: SentNotify): void {
    const { request: message, cseq, callId } = notify;
    const dialog = `${callId} ${message.fromTag}`;
    const before = this.last.get(dialog);
    this.history.push(`node ${index} ${callId} ${cseq} ${notify.state} ${notify.body}`);
    if (before && cseq <= before.cseq)
      this.faults.push(`CSeq ${cseq} of node ${index} after ${before.cseq} in ${dialog}`);
    if (before && !before.answered) this.faults.push(`node ${index} sends ${cseq} while ${before.cseq} is unanswered`);
    this.last.set(dialog, notify);
    if (message.header('Event') !== 'presence.winfo' || notify.body === '') return;
    const version = this.versions.get(dialog) ?? -1;
    const { winfo } = notify;
    if (winfo.version <= version) this.faults.push(`version ${winfo.version} after ${version} in ${dialog}`);
    if (winfo.version > version + 1 && winfo.state !== 'full') this.faults.push(`a hole before ${winfo.version}`);
    this.versions.set(dialog, winfo.version);
  }

  async quiet(): Promise<void> {
    for (const engine of this.engines) await engine.quiet();
  }

  /** The time of all nodes moves on. */
  async pass(seconds: number): Promise<void> {
    for (let left = seconds * 1000; left > 0; left -= 200) {
      this.clock.advance(200, 200);
      const whole = this.clock.now() % 1000 === 0;
      await Promise.all(
        this.engines.map(async ({ presence }) => {
          presence.tick();
          if (!whole) return;
          await presence.housekeeping().catch(() => {});
          await presence.beat().catch(() => {});
        }),
      );
      await this.quiet();
    }
  }

  async take(action: Step): Promise<void> {
    this.history.push(JSON.stringify(action));
    switch (action.do) {
      case 'burst':
        await Promise.all(action.requests.map((each) => this.request(each)));
        return this.resync();
      case 'hold':
        this.node(action.node).answering = false;
        return;
      case 'answer':
        return this.answer(action.status);
      case 'cutOff': {
        const { database } = this.node(action.node);
        database.away = true;
        await this.pass(14);
        database.away = false;
        return this.pass(2);
      }
      case 'reload':
        await this.node(action.node).reload();
        return;
      case 'leave':
        return this.leave(action.node);
      case 'crash':
        return this.crash(action.node, action.after);
      case 'trouble':
        this.node(action.node).database.outcomes.push(action.outcome);
        return;
      case 'pass':
        return this.pass(action.seconds);
    }
  }

  private async request(asked: Request): Promise<void> {
    for (let n = 0; n < asked.after; n++) await new Promise((resolve) => setImmediate(resolve));
    const publication = this.publications[asked.pick % Math.max(1, this.publications.length)];
    const dialog = this.dialogs[asked.pick % Math.max(1, this.dialogs.length)];
    switch (asked.do) {
      case 'publish':
        return this.publish(asked, undefined, `<n${++this.serial}/>`, asked.expires);
      case 'refresh':
        return publication && this.publish(asked, publication, '', asked.expires);
      case 'modify':
        return publication && this.publish(asked, publication, `<m${++this.serial}/>`, asked.expires);
      case 'remove':
        return publication && this.publish(asked, publication, '', 0);
      case 'subscribe':
      case 'fetch':
        return this.subscribe(asked);
      default:
        return dialog && this.again(asked, dialog);
    }
  }

  private async publish(
    asked: Request,
    of: World['publications'][number] | undefined,
    body: string,
    expires: number,
  ): Promise<void> {
    const text = publishText({ body, expires, ...(of ? { ifMatch: of.etag } : {}) });
    const { status, headers } = await this.node(asked.node).handle(text);
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

  private async subscribe(asked: Request): Promise<void> {
    const winfo = asked.do === 'subscribe' && asked.winfo;
    const from = `sip:w${asked.pick}@example.com`;
    const callId = `call-${++this.serial}`;
    const event = winfo ? 'presence.winfo' : 'presence';
    const expires = asked.do === 'fetch' ? 0 : asked.expires;
    const { status, toTag = '' } = await this.node(asked.node).handle(subscribeText({ from, callId, event, expires }));
    if (status === 503) {
      this.uncertain = true;
      return;
    }
    assert.equal(status, winfo ? 200 : 202);
    if (expires > 0) this.dialogs.push({ callId, toTag, winfo, from, cseq: 1, expires: Math.ceil(this.now) + expires });
  }

  private async again(asked: Request, dialog: Dialog): Promise<void> {
    const { callId, toTag, from, winfo } = dialog;
    const expires = asked.do === 'unsubscribe' ? 0 : asked.expires;
    const event = winfo ? 'presence.winfo' : 'presence';
    const cseq = ++dialog.cseq;
    const text = subscribeText({ callId, toTag, from, event, cseq, expires });
    const { status } = await this.node(asked.node).handle(text);
    const lives = dialog.expires > this.now && this.dialogs.includes(dialog);
    if (status === 503) this.uncertain = true;
    else if (status === 481) {
      if (lives) this.suspicions.push(`481 in ${callId}, which lives`);
    } else if (status < 300) {
      if (expires === 0) this.dialogs = this.dialogs.filter((each) => each !== dialog);
      else dialog.expires = Math.ceil(this.now) + expires;
    } else assert.equal(status, 500);
  }

  private async answer(status: number): Promise<void> {
    for (const engine of this.engines) {
      engine.answering = false;
      for (const notify of [...engine.sent]) {
        if (notify.answered) continue;
        notify.answer(status);
        if (status === 481) this.dialogs = this.dialogs.filter(({ callId }) => callId !== notify.callId);
      }
    }
    await this.quiet();
    for (const engine of this.engines) engine.answering = true;
    await this.quiet();
  }

  /** A node is stopped in order and started again. */
  private async leave(index: number): Promise<void> {
    let left = false;
    void this.node(index)
      .presence.stop()
      .then(() => {
        left = true;
      });
    // It waits for answers for a while, and time stands still.
    while (!left) {
      this.clock.advance(200, 200);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.node(index).kill();
    for (const notify of this.node(index).sent) notify.answered = true;
    await this.open(index);
  }

  /** A node dies while a PUBLISH is under way there. */
  private async crash(index: number, after: number): Promise<void> {
    void this.node(index).handle(publishText({ body: `<c${++this.serial}/>`, expires: 600 }));
    for (let n = 0; n < after; n++) await new Promise((resolve) => setImmediate(resolve));
    this.node(index).kill();
    // Nobody sends it again, and nobody waits for its answer.
    for (const notify of this.node(index).sent) notify.answered = true;
    for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
    this.uncertain = true;
    await this.open(index);
    await this.resync();
  }

  async stored(): Promise<Resource> {
    const [loaded] = await this.node(0).presence.store.load([key]);
    assert.ok(loaded);
    return loaded;
  }

  /** What is stored is what was acknowledged, and what nobody knows of is taken as it is. */
  async resync(): Promise<void> {
    const { publications, subscriptions } = await this.stored();
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
    this.check();
  }

  check(): void {
    if (this.faults.length > 0) assert.fail(`${this.faults.join('\n')}\n\n${this.history.join('\n')}`);
  }

  /** When all is answered, every watcher has the state, every ended dialog was told, and nothing is owed. */
  async finish(): Promise<void> {
    for (const engine of this.engines) {
      engine.answering = true;
      engine.database.outcomes.length = 0;
    }
    await this.pass(25);
    this.check();
    const stored = await this.stored();
    const bodies = [...stored.publications.values()].sort((a, b) => b.document.sequence - a.document.sequence);
    const state = `${key.uri}: ${bodies.map(({ document }) => document.body.toString()).join('|') || 'closed'}`;
    for (const { callId, toTag, winfo } of stored.subscriptions.values()) {
      const last = this.last.get(`${callId} ${toTag}`);
      if (winfo) {
        if (last?.winfo.state !== 'full') continue;
        const told = last.winfo.watchers.filter(({ status }) => status === 'active').length;
        assert.equal(told, stored.subscriptions.size - stored.winfoSubscriptions, this.history.join('\n'));
      } else assert.equal(last?.body, state, `${callId}\n${this.history.join('\n')}`);
    }
    assert.deepEqual(await this.node(0).presence.store.owing(), [], this.history.join('\n'));
    assert.ok(!stored.partings?.size);
    for (const { presence, log } of this.engines) {
      assert.ok(presence.notifier.underWay === 0);
      assert.ok(!log.some(({ level }) => level === 'error'), this.history.join('\n'));
    }
    for (const engine of this.engines) engine.kill();
  }
}
