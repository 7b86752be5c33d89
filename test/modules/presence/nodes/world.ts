// Owns several nodes on one database as the world outside sees them: what was acknowledged, and checks of everything that they send.
import assert from 'node:assert/strict';
import type { Resource } from '../../../../modules/presence/resource';
import { ManualClock } from '../../../support/clock';
import { FlakyDatabase } from '../database';
import { Engine } from '../engine';
import { key } from '../records';
import { publishText } from '../requests';
import type { SentNotify } from '../sent-notify';
import { Acknowledged } from './acknowledged';
import type { Step } from './steps';

export class World {
  readonly clock = new ManualClock();
  readonly shared = new FlakyDatabase();
  readonly engines: Engine[] = [];
  private readonly last = new Map<string, SentNotify>();
  readonly versions = new Map<string, number>();
  readonly faults: string[] = [];
  private readonly history: string[] = [];
  private readonly acknowledged = new Acknowledged(this.clock, this.faults);
  private crashes = 0;
  /** It takes requests, and none of its timers run. */
  private stalled: number | undefined;

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
        this.engines.map(async ({ presence }, index) => {
          if (index === this.stalled) return;
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
        await Promise.all(action.requests.map((each) => this.acknowledged.ask(this.node(each.node), each)));
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
      case 'stall':
        return this.stall(action.node, action.seconds);
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

  private async answer(status: number): Promise<void> {
    for (const engine of this.engines) {
      engine.answering = false;
      for (const notify of [...engine.sent]) {
        if (notify.answered) continue;
        notify.answer(status);
        if (status === 481) this.acknowledged.end(notify.callId);
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

  /** A node does not get to its beat for a while; what comes in the end finds it silent, and then it beats before it looks. */
  private async stall(index: number, seconds: number): Promise<void> {
    this.stalled = index;
    await this.pass(seconds);
    await this.acknowledged.ask(this.node(index), { do: 'publish', node: index, after: 0, pick: 0, expires: 600 });
    await this.quiet();
    this.stalled = undefined;
    await this.node(index).presence.beat();
    await this.resync();
  }

  /** A node dies while a PUBLISH is under way there. */
  private async crash(index: number, after: number): Promise<void> {
    void this.node(index).handle(publishText({ body: `<c${++this.crashes}/>`, expires: 600 }));
    for (let n = 0; n < after; n++) await new Promise((resolve) => setImmediate(resolve));
    this.node(index).kill();
    // Nobody sends it again, and nobody waits for its answer.
    for (const notify of this.node(index).sent) notify.answered = true;
    for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
    this.acknowledged.uncertain = true;
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
    this.acknowledged.compare(await this.stored());
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
