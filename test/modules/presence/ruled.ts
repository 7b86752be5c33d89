// Owns the presence engine with real rules and real documents: presence_xml's package, and rules documents in the table xcap.
import type { EventPackage, View } from '../../../modules/presence/api';
import { schemaOf } from '../../../modules/presence/store/schema';
import { composePidf } from '../../../modules/presence_xml/compose';
import { inspect } from '../../../modules/presence_xml/inspect';
import { compileRules } from '../../../modules/presence_xml/rules/compile';
import { transformPidf } from '../../../modules/presence_xml/rules/transform';
import { sphereOf } from '../../../modules/presence_xml/sphere';
import { defaults, Engine, type EngineSpec } from './engine';
import { key } from './records';
import { publishText, type SubscribeSpec, subscribeText } from './requests';

export const alice = 'sip:alice@example.com';
export const bob = 'sip:bob@example.com';

/** How often the package composed and transformed, and a rules document was compiled. */
export interface Work {
  composed: number;
  transformed: number;
  compiled: number;
}

/** An engine that decides by rules. */
export async function openRuled(
  spec: EngineSpec = {},
  work: Work = { composed: 0, transformed: 0, compiled: 0 },
): Promise<Engine> {
  const presence: EventPackage = {
    name: 'presence',
    defaultExpires: 3600,
    publishTypes: ['application/pidf+xml'],
    notifyTypes: ['application/pidf+xml'],
    subscribeStatus: 202,
    check: inspect,
    compose: (presentity, publications) => {
      work.composed++;
      return composePidf(presentity, publications);
    },
    transform: (presentity: string, document: Buffer, view: View) => {
      work.transformed++;
      return transformPidf(presentity, document, view);
    },
    sphere: sphereOf,
  };
  const compile = (document: Buffer) => {
    work.compiled++;
    return compileRules(document);
  };
  return Engine.open({
    events: new Map([['presence', presence]]),
    rules: new Map([['presence', { docType: 2, compile }]]),
    ...spec,
    settings: { forceActive: false, ...spec.settings },
  });
}

const everything =
  '<pr:provide-services><pr:all-services/></pr:provide-services><pr:provide-persons><pr:all-persons/></pr:provide-persons>' +
  '<pr:provide-devices><pr:all-devices/></pr:provide-devices><pr:provide-all-attributes/>';

/** Services without any attribute: the tuple with its `basic`. */
export const services = '<pr:provide-services><pr:all-services/></pr:provide-services>';

export interface RuleSpec {
  id?: string;
  /** Inside `identity`; undefined: everybody. */
  who?: string;
  /** Beside the identity. */
  conditions?: string;
  handling: string;
  /** Default: everything. */
  grant?: string;
}

export function ruleset(...rules: readonly RuleSpec[]): string {
  const texts = rules.map(({ id, who, conditions = '', handling, grant = everything }, i) => {
    const identity = who === undefined ? '' : `<identity>${who}</identity>`;
    return (
      `<rule id="${id ?? `r${i}`}"><conditions>${identity}${conditions}</conditions>` +
      `<actions><pr:sub-handling>${handling}</pr:sub-handling></actions><transformations>${grant}</transformations></rule>`
    );
  });
  return `<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">${texts.join('')}</ruleset>`;
}

export const allowBob: RuleSpec = { who: `<one id="${bob}"/>`, handling: 'allow' };

const docUri = 'pres-rules/users/sip:alice@example.com/index';

/** Puts a rules document of alice into the database, as an XCAP server does, or takes it out. Nobody is told. */
export async function write(engine: Engine, document: string | undefined): Promise<void> {
  const table = schemaOf(defaults).xcap;
  const row = ['alice', 'example.com', Buffer.from(document ?? ''), 2, 'etag', 0, docUri, 0];
  const change =
    document === undefined ? ({ op: 'delete', table, key: [docUri] } as const) : ({ op: 'put', table, row } as const);
  await engine.database.inner.commit({ writes: [change] });
}

/** Writes a rules document and applies it. */
export async function rule(engine: Engine, document: string | undefined): Promise<void> {
  await write(engine, document);
  await engine.functions.pres_update_watchers?.call(alice, 'presence');
  await engine.quiet();
}

/** A PIDF document of alice with one service and one person. */
export function pidf(basic: string, person = '', note = ''): string {
  return (
    `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" ` +
    `xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${alice}"><tuple id="t"><status><basic>${basic}</basic></status>` +
    `${note === '' ? '' : `<note>${note}</note>`}</tuple><dm:person id="p">${person}</dm:person></presence>`
  );
}

export async function publish(engine: Engine, body: string, ifMatch?: string): Promise<string> {
  const { status, headers } = await engine.handle(publishText({ body, ...(ifMatch === undefined ? {} : { ifMatch }) }));
  if (status !== 200) throw new Error(`PUBLISH was answered ${status}`);
  await engine.quiet();
  return /SIP-ETag: (\S+)/.exec(headers)?.[1] ?? '';
}

/** A SUBSCRIBE of `name`@example.com in the dialog called `name`. */
export async function watch(engine: Engine, name: string, more: SubscribeSpec = {}) {
  const answer = await engine.handle(subscribeText({ from: `sip:${name}@example.com`, callId: name, ...more }));
  await engine.quiet();
  return answer;
}

export function watchWatchers(engine: Engine, more: SubscribeSpec = {}) {
  return watch(engine, 'alice', { event: 'presence.winfo', callId: 'winfo', ...more });
}

/** What NOTIFYs of a dialog said: state without its expires, and `open`, `closed` or nothing of the body. */
export function told(engine: Engine, callId: string): string[] {
  return engine.sent
    .filter((notify) => notify.callId === callId)
    .map(({ state, body }) => `${state.replace(/;expires=\d+/, '')} ${/<basic>(\w+)/.exec(body)?.[1] ?? ''}`.trim());
}

/** What watcherinfo said: version, state, and each watcher with status and event. */
export function listed(engine: Engine): string[] {
  return engine.sent
    .filter(({ callId, body }) => callId === 'winfo' && body !== '')
    .map(({ winfo }) => {
      const watchers = winfo.watchers.map(({ uri, status, event }) => `${uri.slice(4, 7)} ${status} ${event}`);
      return `${winfo.version} ${winfo.state}: ${watchers.join(', ')}`;
    });
}

/** The watchers that are stored, without their ids. */
export async function stored(engine: Engine): Promise<string[]> {
  const [loaded] = await engine.presence.store.load([key]);
  return [...(loaded?.watchers.values() ?? [])].map(({ watcher, status }) => `${watcher.slice(4, 7)} ${status}`);
}
