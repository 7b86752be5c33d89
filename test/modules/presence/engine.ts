// Owns the presence engine under test: real engine and handlers over a database that fails on demand and NOTIFYs that nobody sends.
import { Trail } from '../../../core/base/trail';
import { TimerWheel } from '../../../core/base/wheel';
import type { SipServices } from '../../../core/module/context';
import type { EventRouteInput, RoutedRequest } from '../../../core/module/request';
import { parseMessage } from '../../../core/sip/message';
import type { ClientOutcome } from '../../../core/sip/transaction/client';
import { type Flow, flowKey, type Outgoing, parseFlowKey } from '../../../core/sip/transport/flow';
import type { EventPackage, RuleFormat, WatcherinfoFormat } from '../../../modules/presence/api';
import { scriptFunctions } from '../../../modules/presence/functions';
import { Handlers } from '../../../modules/presence/handlers';
import type { Handover } from '../../../modules/presence/handover';
import { replyOf } from '../../../modules/presence/notify/options';
import { Presence, type Settings } from '../../../modules/presence/presence';
import { ManualClock } from '../../support/clock';
import { FlakyDatabase } from './database';
import { SentNotify } from './sent-notify';

export const defaults: Settings = {
  dbUrl: undefined,
  cleanPeriod: 100,
  toTagPref: '10',
  totagAvpid: 25,
  lockSetSize: 8,
  expiresOffset: 0,
  forceActive: true,
  maxExpires: 3600,
  minExpires: 0,
  serverAddress: undefined,
  clusterSecret: undefined,
  clusterAddress: undefined,
  clusterTimeout: 10,
  subsRespond200: false,
  xcapauthUserdelReason: 'probation',
  waitingSubsDaysno: 3,
  maxBody: 65_535,
  maxPublications: 64,
  maxSubscriptions: 32,
  cacheSize: 1000,
  presentityTable: 'presentity',
  activeWatchersTable: 'active_watchers',
  watchersTable: 'watchers',
};

/** Composes `entity: body|body`, newest first, or `entity: closed`. */
export const fakePackage: EventPackage = {
  name: 'presence',
  defaultExpires: 3600,
  publishTypes: ['application/pidf+xml'],
  notifyTypes: ['application/pidf+xml'],
  subscribeStatus: 202,
  check: (body) => (body.toString().startsWith('bad') ? { ok: false, reason: 'Bad Document' } : { ok: true }),
  compose: (presentity, documents) =>
    Buffer.from(`${presentity}: ${documents.map(({ body }) => body.toString()).join('|') || 'closed'}`),
};

/** Writes JSON, so that tests can read it. */
export const fakeWinfo: WatcherinfoFormat = {
  suffix: 'winfo',
  type: 'application/watcherinfo+xml',
  render: (document) => Buffer.from(JSON.stringify(document)),
};

export interface EngineSpec {
  settings?: Partial<Settings>;
  database?: FlakyDatabase;
  clock?: ManualClock;
  events?: Map<string, EventPackage>;
  watcherinfo?: Map<string, WatcherinfoFormat>;
  rules?: Map<string, RuleFormat>;
  /** Where NOTIFYs go; undefined is no way there. Default: a flow for every source. */
  findFlow?: (key: string) => Flow | undefined;
  flowTo?: () => Flow | Promise<Flow>;
  /** Told of each NOTIFY as it is sent, before it is answered. */
  onSent?: (notify: SentNotify) => void;
}

/** What was answered to a request. */
export interface Answered {
  readonly ok: boolean;
  readonly status: number;
  readonly reason: string;
  readonly headers: string;
  readonly toTag: string | undefined;
}

let tokens = 0;
const random = { token: () => `k${(++tokens).toString(32).padStart(15, '0')}` };

export class Engine {
  readonly clock: ManualClock;
  readonly database: FlakyDatabase;
  presence: Presence;
  readonly sent: SentNotify[] = [];
  readonly trail = new Trail();
  readonly log: { level: string; fields: unknown; text: string }[] = [];
  readonly replied: EventRouteInput[] = [];
  readonly events: Map<string, EventPackage>;
  readonly watcherinfo: Map<string, WatcherinfoFormat>;
  functions: ReturnType<typeof scriptFunctions>;
  private handlers: Handlers;
  private readonly wheel: TimerWheel;
  private readonly stopTicking: () => void;
  private dead = false;

  /** NOTIFYs are answered 200 at once while this is set. */
  answering = true;

  constructor(private readonly spec: EngineSpec = {}) {
    this.clock = spec.clock ?? new ManualClock();
    this.database = spec.database ?? new FlakyDatabase();
    this.events = spec.events ?? new Map([['presence', fakePackage]]);
    this.watcherinfo = spec.watcherinfo ?? new Map([[fakeWinfo.type, fakeWinfo]]);
    this.wheel = new TimerWheel(this.clock);
    this.stopTicking = this.clock.onTick(() => this.wheel.advance());
    this.presence = this.begin();
    this.handlers = new Handlers(this.presence, random, this.logger(), this.trail);
    this.functions = scriptFunctions(this.presence, this.handlers);
  }

  /** A life of the module, over what an earlier one has left. */
  private begin(handover?: Handover): Presence {
    return new Presence({
      settings: { ...defaults, ...this.spec.settings },
      database: this.database,
      sip: this.sip(),
      clock: this.clock,
      idle: () => 0,
      random,
      log: this.logger(),
      trail: this.trail,
      events: this.events,
      watcherinfo: this.watcherinfo,
      rules: this.spec.rules ?? new Map(),
      replied: (outcome, channel, subscription) => this.replied.push(replyOf(channel, subscription, outcome)),
      handover,
    });
  }

  /** The module is reloaded. Rejects when it cannot hand over; everything goes on then. */
  async reload(): Promise<void> {
    const next = this.begin(await this.presence.handOver());
    await next.store.prepare();
    this.presence = next;
    this.handlers = new Handlers(next, random, this.logger(), this.trail);
    this.functions = scriptFunctions(next, this.handlers);
    next.start();
    await next.housekeeping().catch(() => {});
  }

  static async open(spec: EngineSpec = {}): Promise<Engine> {
    const engine = new Engine(spec);
    await engine.presence.store.prepare();
    await engine.presence.housekeeping();
    return engine;
  }

  /** Hands a request to the handler of its method and waits for the answer. */
  async handle(text: string, argument?: string, avps = new Map<string, string | number>()): Promise<Answered> {
    const parsed = parseMessage(Buffer.from(text, 'latin1'));
    if (parsed.kind !== 'request') throw new Error(`not a request: ${JSON.stringify(parsed)}`);
    let answer: Answered = { ok: false, status: 0, reason: '', headers: '', toTag: undefined };
    const flow = flowOf('udp:127.0.0.1:5060>127.0.0.1:5070');
    const request: RoutedRequest = {
      message: parsed.message,
      flow,
      avps,
      answered: false,
      replyHeaders: '',
      reply(status, reason, options) {
        answer = { ok: false, status, reason, headers: options?.headers ?? '', toTag: options?.toTag };
        return true;
      },
    };
    const { handlers } = this;
    const ok = await (parsed.message.method === 'PUBLISH'
      ? handlers.publish(request, argument)
      : handlers.subscribe(request, argument));
    return { ...answer, ok };
  }

  /** Lets everything happen that waits for nothing but its turn. */
  async quiet(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.answering) for (const notify of this.sent) notify.answer(200);
    }
  }

  /** Moves time on in steps of 200 ms, as the server's timers do. */
  async pass(seconds: number): Promise<void> {
    for (let left = seconds * 1000; left > 0; left -= 200) {
      this.clock.advance(Math.min(200, left), 200);
      this.presence.tick();
      await this.quiet();
      if (this.clock.now() % 1000 === 0) await this.presence.housekeeping().catch(() => {});
    }
    await this.quiet();
  }

  /** The process dies; another one starts over the same database. */
  async restart(settings: Partial<Settings> = {}): Promise<Engine> {
    this.kill();
    // What the database had taken before it died it stores before anybody else reads it.
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    const database = new FlakyDatabase(this.database.inner);
    return Engine.open({ ...this.spec, clock: this.clock, database, settings: { ...this.spec.settings, ...settings } });
  }

  kill(): void {
    this.dead = true;
    this.database.kill();
    this.stopTicking();
  }

  private logger() {
    const at = (level: string) => (fields: unknown, text?: string) => {
      this.log.push({ level, fields, text: text ?? String(fields) });
    };
    const logger = { trace: at('trace'), debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    return { ...logger, fatal: at('fatal'), isLevelEnabled: () => true };
  }

  private sip(): SipServices {
    const { findFlow = flowOf, flowTo = () => flowOf('udp:127.0.0.1:5060>127.0.0.1:5070') } = this.spec;
    const transactions = {
      request: (options: { flow: Flow; render(via: string): Outgoing; onFinal(outcome: ClientOutcome): void }) => {
        const sent = new SentNotify(options.render('SIP/2.0/UDP h;branch=z9hG4bKn'), options.flow, (outcome) =>
          options.onFinal(outcome),
        );
        if (!this.dead) {
          this.sent.push(sent);
          this.spec.onSent?.(sent);
        }
        return sent;
      },
    };
    const resolver = { resolve: async () => [{ protocol: 'udp', address: '127.0.0.1', port: 5070 }] };
    const services = { transports: { findFlow, flowTo }, transactions, resolver, wheel: this.wheel, userAgent: '' };
    return services as unknown as SipServices;
  }
}

export function flowOf(key: string): Flow {
  const parsed = parseFlowKey(key);
  if (!parsed) throw new Error(`no flow key: ${key}`);
  const protocol = parsed.protocol as Flow['protocol'];
  const { local, remote } = parsed;
  return { protocol, local, remote, open: true, key: flowKey(protocol, local, remote), send: () => {} };
}
