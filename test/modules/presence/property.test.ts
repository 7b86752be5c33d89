// Holds what must be true whatever happens: random histories with crashes, failures and other nodes, against a simple model.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { nextExpiry, type Resource } from '../../../modules/presence/resource';
import { subscriptionCount } from '../../../modules/presence/subscribers';
import { Engine } from './engine';
import { key } from './records';
import { headerOf, publishText, subscribeText } from './requests';
import type { SentNotify } from './sent-notify';

const seed = 20260101;
const watchers = ['alice', 'bob', 'carol'];

type Step =
  | { do: 'publish' | 'refresh' | 'modify' | 'remove' | 'resubscribe' | 'unsubscribe'; pick: number; expires: number }
  | { do: 'subscribe'; pick: number; winfo: boolean; expires: number }
  | { do: 'answer'; status: 200 | 481 | 500 }
  | { do: 'hold' | 'restart' | 'reload' | 'refreshAll' }
  | { do: 'crash'; after: number }
  | { do: 'trouble'; outcome: 'stale' | 'away' }
  | { do: 'pass'; seconds: number };

const pick = fc.nat(9);
const expires = fc.constantFrom(3, 20, 600);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('publish', 'refresh', 'modify', 'remove', 'publish'), pick, expires } as const),
  fc.record({ do: fc.constantFrom('resubscribe', 'unsubscribe', 'resubscribe'), pick, expires } as const),
  fc.record({ do: fc.constant('subscribe'), pick, winfo: fc.boolean(), expires } as const),
  fc.record({ do: fc.constant('answer'), status: fc.constantFrom(200, 200, 481, 500) } as const),
  fc.record({ do: fc.constantFrom('hold', 'restart', 'reload', 'reload', 'refreshAll') } as const),
  fc.record({ do: fc.constant('crash'), after: fc.nat(6) } as const),
  fc.record({ do: fc.constant('trouble'), outcome: fc.constantFrom('stale', 'away') } as const),
  fc.record({ do: fc.constant('pass'), seconds: fc.constantFrom(1, 4, 30) } as const),
);

interface Dialog {
  readonly callId: string;
  readonly toTag: string;
  readonly winfo: boolean;
  readonly from: string;
  cseq: number;
  expires: number;
}

/** What the world outside knows, and checks of everything that comes out. */
class World {
  engine!: Engine;
  /** Newest content first. */
  publications: { etag: string; body: string; expires: number }[] = [];
  dialogs: Dialog[] = [];
  readonly etags = new Set<string>();
  /** Last CSeq and version of every dialog there ever was. */
  readonly cseqs = new Map<string, number>();
  readonly versions = new Map<string, number>();
  /** What each watcher saw last. */
  readonly seen = new Map<string, string>();
  /** No number may be left out as long as nothing was lost from memory. */
  exact = true;
  private read = 0;
  private count = 0;

  get now(): number {
    return this.engine.clock.now() / 1000;
  }

  async take(action: Step): Promise<void> {
    const { engine } = this;
    const chosen = 'pick' in action ? this.publications[action.pick % this.publications.length] : undefined;
    switch (action.do) {
      case 'publish':
        return this.publish(undefined, `<n${++this.count}/>`, action.expires);
      case 'refresh':
        return this.publish(chosen, '', action.expires);
      case 'modify':
        return this.publish(chosen, `<m${++this.count}/>`, action.expires);
      case 'remove':
        return this.publish(chosen, '', 0);
      case 'subscribe':
        return this.subscribe(action.pick, action.winfo, action.expires);
      case 'resubscribe':
        return this.again(this.dialogs[action.pick % this.dialogs.length], action.expires);
      case 'unsubscribe':
        return this.again(this.dialogs[action.pick % this.dialogs.length], 0);
      case 'answer':
        return this.answer(action.status);
      case 'hold':
        engine.answering = false;
        return;
      case 'refreshAll':
        await Promise.resolve(engine.functions.pres_refresh_watchers?.call(key.uri, 'presence', 1)).catch(() => {});
        return;
      case 'restart':
        await engine.quiet();
        return this.restart();
      case 'reload':
        return engine.reload();
      case 'crash':
        return this.crash(action.after);
      case 'trouble':
        engine.database.outcomes.push(action.outcome);
        this.exact = false;
        return;
      case 'pass':
        await engine.pass(action.seconds);
    }
  }

  private async publish(of: World['publications'][number] | undefined, body: string, asked: number): Promise<void> {
    if (!of && (body === '' || body.startsWith('<m'))) return;
    const text = publishText({ body, expires: asked, ...(of ? { ifMatch: of.etag } : {}) });
    const { status, headers } = await this.engine.handle(text);
    this.forgetEnded();
    const lives = of === undefined || this.publications.includes(of);
    if (status === 503) return;
    assert.equal(status, lives ? 200 : 412);
    if (!lives) return;
    const etag = headerOf(headers, 'SIP-ETag') ?? '';
    assert.ok(!this.etags.has(etag), 'an entity-tag of its own');
    this.etags.add(etag);
    const place = of ? this.publications.indexOf(of) : 0;
    if (of) this.publications.splice(place, 1);
    if (asked === 0) return;
    const made = { etag, body: body || (of?.body ?? ''), expires: Math.ceil(this.now) + asked };
    this.publications.splice(body === '' ? place : 0, 0, made);
  }

  private async subscribe(who: number, winfo: boolean, asked: number): Promise<void> {
    const from = `sip:${watchers[who % watchers.length]}@example.com`;
    const callId = `call-${++this.count}`;
    const event = winfo ? 'presence.winfo' : 'presence';
    const { status, toTag = '' } = await this.engine.handle(subscribeText({ from, callId, event, expires: asked }));
    if (status === 503) return;
    assert.equal(status, winfo ? 200 : 202);
    this.dialogs.push({ callId, toTag, winfo, from, cseq: 1, expires: Math.ceil(this.now) + asked });
  }

  private async again(dialog: Dialog | undefined, asked: number): Promise<void> {
    if (!dialog) return;
    const { callId, toTag, from } = dialog;
    const event = dialog.winfo ? 'presence.winfo' : 'presence';
    const cseq = ++dialog.cseq;
    const { status } = await this.engine.handle(subscribeText({ callId, toTag, from, event, cseq, expires: asked }));
    this.forgetEnded();
    if (status === 503) return;
    assert.equal(status, this.dialogs.includes(dialog) ? (dialog.winfo ? 200 : 202) : 481);
    if (asked === 0) this.dialogs = this.dialogs.filter((each) => each !== dialog);
    else dialog.expires = Math.ceil(this.now) + asked;
  }

  private async answer(status: number): Promise<void> {
    const { engine } = this;
    engine.answering = false;
    for (const notify of [...engine.sent]) {
      if (notify.answered) continue;
      notify.answer(status);
      if (status === 481 && !notify.state.startsWith('terminated')) {
        this.dialogs = this.dialogs.filter(({ callId }) => callId !== notify.callId);
      }
    }
    await engine.quiet();
    engine.answering = true;
    await engine.quiet();
  }

  /** The process dies while a PUBLISH is under way: it may have been stored or not. */
  private async crash(after: number): Promise<void> {
    const body = `<c${++this.count}/>`;
    void this.engine.handle(publishText({ body, expires: 600 }));
    const ends = Math.ceil(this.now) + 600;
    for (let n = 0; n < after; n++) await new Promise((resolve) => setImmediate(resolve));
    this.look();
    await this.restart();
    const found = (await this.stored()).publications;
    const extra = [...found.values()].filter(({ document }) => document.body.toString() === body);
    for (const { etag } of extra) this.publications.unshift({ etag, body, expires: ends });
    assert.ok(extra.length <= 1);
  }

  private async restart(): Promise<void> {
    this.look();
    this.engine = await this.engine.restart();
    this.read = 0;
    this.exact = false;
    await this.engine.quiet();
  }

  private forgetEnded(): void {
    const now = this.now;
    this.publications = this.publications.filter(({ expires: end }) => end > now);
    this.dialogs = this.dialogs.filter(({ expires: end }) => end > now);
  }

  /** Reads the NOTIFYs that have been sent since the last look. */
  look(): void {
    const { sent } = this.engine;
    for (; this.read < sent.length; this.read++) this.check(sent[this.read] as SentNotify);
  }

  private check(notify: SentNotify): void {
    const { request, cseq, callId, body, state } = notify;
    const dialog = `${callId} ${request.fromTag}`;
    const last = this.cseqs.get(dialog) ?? 0;
    assert.ok(cseq > last, `CSeq ${cseq} after ${last} in ${dialog}`);
    if (this.exact) assert.equal(cseq, last + 1, dialog);
    this.cseqs.set(dialog, cseq);
    this.seen.set(dialog, state.startsWith('terminated') ? 'over' : body);
    if (request.header('Event') !== 'presence.winfo') return;
    const version = this.versions.get(dialog) ?? -1;
    const { winfo } = notify;
    assert.ok(winfo.version > version, `version ${winfo.version} after ${version} in ${dialog}`);
    if (winfo.version > version + 1) assert.equal(winfo.state, 'full', 'a hole is filled');
    if (this.exact) assert.equal(winfo.version, version + 1);
    this.versions.set(dialog, winfo.version);
  }

  async stored(): Promise<Resource> {
    const [loaded] = await this.engine.presence.store.load([key]);
    assert.ok(loaded);
    return loaded;
  }

  /** The resource in memory is what is stored, what the model says, and counts itself rightly. */
  async agree(): Promise<void> {
    this.engine.database.outcomes.length = 0;
    const memory = await this.engine.presence.door.look(key, (resource) => resource);
    await this.engine.quiet();
    this.forgetEnded();
    const stored = await this.stored();
    const plain = ({ publications, subscriptions, fanouts, winfoFanouts, version }: Resource) => ({
      publications: [...publications.values()].map(({ document, ...rest }) => ({
        ...rest,
        body: String(document.body),
      })),
      subscriptions: new Map([...subscriptions].sort()),
      counters: version === 0 ? [] : [fanouts, winfoFanouts],
      version,
    });
    const byTag = (of: ReturnType<typeof plain>) => ({
      ...of,
      publications: of.publications.sort((a, b) => (a.etag < b.etag ? -1 : 1)),
    });
    assert.deepEqual(byTag(plain(memory)), byTag(plain(stored)));
    for (const of of [memory, stored]) {
      const order = [...of.publications.values()].sort((a, b) => b.document.sequence - a.document.sequence);
      assert.deepEqual(
        order.map(({ document }) => String(document.body)),
        this.publications.map(({ body }) => body),
      );
      assert.deepEqual(
        [...of.subscriptions.values()].map(({ callId }) => callId).sort(),
        this.dialogs.map(({ callId }) => callId).sort(),
      );
      assert.ok(Math.max(of.dueAt, of.dueNoted) <= nextExpiry(of));
      const all = [...of.subscriptions.values()];
      for (const { watcher, winfo } of all) {
        const recount = all.filter((each) => each.watcher === watcher && each.winfo === winfo);
        assert.equal(subscriptionCount(of, watcher, winfo), recount.length);
      }
      assert.equal(of.winfoSubscriptions, all.filter(({ winfo }) => winfo).length);
    }
    this.look();
  }

  /** When all is answered, every watcher has the state, every ended dialog was ended, and nothing is owed. */
  async finish(): Promise<void> {
    this.engine.answering = true;
    await this.engine.pass(11);
    await this.agree();
    const state = `${key.uri}: ${this.publications.map(({ body }) => body).join('|') || 'closed'}`;
    for (const { callId, toTag, winfo } of this.dialogs) {
      if (!winfo) assert.equal(this.seen.get(`${callId} ${toTag}`), state, callId);
    }
    await this.engine.pass(2);
    assert.equal(this.engine.presence.notifier.underWay, 0);
    assert.deepEqual(await this.engine.presence.store.owing(), []);
    assert.deepEqual(
      this.engine.log.filter(({ level }) => level === 'error'),
      [],
    );
  }
}

test(`whatever happens, numbers rise, tags are unique, rows are what memory is, and every watcher learns the state (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const world = new World();
      world.engine = await Engine.open({ settings: { maxSubscriptions: 1000 } });
      for (const each of steps) {
        await world.take(each);
        await world.engine.quiet();
        world.look();
        if (each.do !== 'trouble') await world.agree();
      }
      await world.finish();
      world.engine.kill();
    }),
    { seed, numRuns: 120, includeErrorInReport: true },
  );
});
