// Owns turning the statements of a Kamailio or OpenSIPS config into the parts of ours, with a reason for each that has no counterpart.
import { networkInterfaces } from 'node:os';
import { type ParamDeclaration, readParam } from '../base/params';
import type { Statement, Value } from '../config/foreign/statements';
import type { At } from '../config/foreign/tokens';
import { formatListen, parseListen } from '../config/listen';
import { coreSettings } from '../config/settings';
import { parseDatabaseUrl } from '../db/url';
import type { Elsewhere, ModuleDefinition } from '../module/define';
import { modulesElsewhere, settingsElsewhere } from './foreign-words';

/** A line of the old config that is not in the new one, or not as it was. */
export interface Left extends At {
  readonly what: string;
  readonly reason: string;
}

/** A value of the new config and the line it comes from; undefined where the new config needs it and no line said so. */
export interface Item<T> {
  readonly value: T;
  readonly at: At | undefined;
}

export interface Translated {
  readonly listen: readonly Item<string>[];
  readonly modules: readonly Item<string>[];
  readonly modparams: readonly Item<readonly [module: string, name: string, value: Value]>[];
  readonly core: readonly Item<readonly [name: string, value: Value]>[];
  readonly left: readonly Left[];
}

interface Options {
  /** All modules there are. */
  readonly definitions: ReadonlyMap<string, ModuleDefinition>;
  /** Those that the new config's script imports from. */
  readonly forScript: readonly string[];
}

const sipPort = 5060;
const databaseName = 'rollcall';

/** Translates. Pure but for the names of this machine's network interfaces. */
export function translate(statements: readonly Statement[], options: Options): Translated {
  return new Translator(statements, options).all();
}

class Translator {
  readonly #left: Left[] = [];
  readonly #modules = new Map<string, Item<string>>();
  readonly #modparams = new Map<string, Item<readonly [string, string, Value]>>();
  readonly #core = new Map<string, Item<readonly [string, Value]>>();
  readonly #elsewhere = new Map<string, { readonly module: string; readonly is: Elsewhere[string] }>();

  constructor(
    private readonly statements: readonly Statement[],
    private readonly options: Options,
  ) {
    for (const { name, elsewhere } of options.definitions.values()) {
      for (const [key, is] of Object.entries(elsewhere)) this.#elsewhere.set(key, { module: name, is });
    }
  }

  all(): Translated {
    const listen = this.#listen();
    for (const statement of this.statements) {
      if (statement.kind === 'module') this.#module(statement, statement.name);
      else if (statement.kind === 'modparam') this.#modparam(statement, statement);
      else if (statement.kind === 'setting') this.#setting(statement, statement);
      else if (statement.kind === 'route') this.#leave(statement, statement.name, routeReason(statement.name));
    }
    for (const name of this.options.forScript) this.#need(name);
    for (const name of [...this.#modules.keys()]) this.#need(name);
    this.#left.sort((a, b) => (a.file === b.file ? a.line - b.line : 0));
    return {
      listen,
      modules: [...this.#modules.values()],
      modparams: [...this.#modparams.values()],
      core: [...this.#core.values()],
      left: this.#left,
    };
  }

  #leave({ file, line }: At, what: string, reason: string): void {
    this.#left.push({ file, line, what, reason });
  }

  #listen(): Item<string>[] {
    const settings = new Map(
      this.statements.flatMap((each) => (each.kind === 'setting' ? [[each.name, each.value] as const] : [])),
    );
    const port = Number(settings.get('port') ?? sipPort);
    const protocols = settings.get('disable_tcp') === 1 ? ['udp'] : ['udp', 'tcp'];
    const items = new Map<string, Item<string>>();
    for (const statement of this.statements) {
      if (statement.kind !== 'listen') continue;
      const [socket = '', ...others] = statement.words.split(/\s+/);
      if (others.length > 0) this.#leave(statement, `listen … ${others.join(' ')}`, listenReason(others));
      for (const spec of socketsOf(socket, protocols, port)) {
        if (typeof spec === 'string') this.#leave(statement, `listen ${socket}`, spec);
        else items.set(spec.value, { value: spec.value, at: statement });
      }
    }
    if (items.size > 0) return [...items.values()];
    this.#leave(
      { file: '', line: 0 },
      'listen',
      'none is named, so it listens on the loopback: name an address to be reached at',
    );
    return protocols.map((protocol) => ({ value: `${protocol}:127.0.0.1:${port}`, at: undefined }));
  }

  #module(at: At, name: string): void {
    if (this.options.definitions.has(name)) this.#modules.set(name, { value: name, at });
    else this.#leave(at, `loadmodule ${name}`, modulesElsewhere.get(name) ?? 'there is no module of this name here');
  }

  /** What a module in the list cannot do without. */
  #need(name: string): void {
    if (!this.#modules.has(name)) this.#modules.set(name, { value: name, at: undefined });
    for (const other of this.options.definitions.get(name)?.depends ?? [])
      if (!this.#modules.has(other)) this.#need(other);
  }

  #modparam(at: At, { module, name, value }: { module: string; name: string; value: Value }): void {
    const what = `modparam ${module} ${name}`;
    const home = this.#homeOf(module, name);
    if ('none' in home) this.#leave(at, what, home.none);
    else this.#set(at, what, [home.module, home.name, value], home.declaration);
  }

  /** The parameter that means the same here, or why there is none. */
  #homeOf(
    module: string,
    name: string,
  ): { module: string; name: string; declaration: ParamDeclaration } | { none: string } {
    const { module: home, is } = this.#elsewhere.get(`${module}.${name}`) ?? { module, is: { is: name } };
    if ('none' in is) return is;
    const definition = this.options.definitions.get(home);
    if (definition === undefined) return { none: modulesElsewhere.get(module) ?? `there is no module ${module} here` };
    const declaration = definition.params[is.is];
    if (declaration === undefined) return { none: `${home} has no such parameter here` };
    return { module: home, name: is.is, declaration };
  }

  #set(
    at: At,
    what: string,
    [module, name, value]: readonly [string, string, Value],
    declaration: ParamDeclaration,
  ): void {
    const isUrl = declaration.type === 'string' && declaration.needs !== undefined;
    const own = isUrl ? ownDatabase(String(value)) : value;
    const read = readParam(name, declaration, { value: own, text: String(own) });
    if ('problem' in read) {
      this.#leave(at, what, read.problem);
      return;
    }
    if (isUrl) {
      const driver = declaration.type === 'string' ? declaration.needs?.(String(own)) : undefined;
      if (driver !== undefined) this.#need(driver);
      if (own !== value) {
        this.#leave(
          at,
          what,
          `Rollcall has a database of its own, called ${databaseName} here: \`rollcall db import\` fills it`,
        );
      }
    }
    this.#need(module);
    // Of a parameter that is set twice the last value counts, there as here.
    const key = `${module}.${name}`;
    this.#modparams.delete(key);
    this.#modparams.set(key, { value: [module, name, own], at });
  }

  #setting(at: At, { name, value }: { name: string; value: Value }): void {
    if (name === 'port' || name === 'disable_tcp') return;
    const ours = coreSetting(name, value);
    if (ours === undefined) {
      this.#leave(
        at,
        name,
        settingsElsewhere.get(name) ?? 'the core has no such setting: `rollcall module core` lists ours',
      );
      return;
    }
    const [key, set] = ours;
    const declaration: ParamDeclaration = coreSettings[key];
    const read = readParam(key, declaration, { value: set, text: String(set) });
    if ('problem' in read) this.#leave(at, name, read.problem);
    else this.#core.set(key, { value: [key, set], at });
  }
}

/** Kamailio counts from -3 (alert) to 3 (debug), OpenSIPS to 4. */
function coreSetting(name: string, value: Value): readonly [keyof typeof coreSettings, Value] | undefined {
  if (name === 'debug' || name === 'log_level') {
    const most = name === 'debug' ? 3 : 4;
    const level = Number(value);
    return ['log_level', level >= most ? 'debug' : level > 0 ? 'info' : level === 0 ? 'warn' : 'error'];
  }
  if (name === 'tcp_max_connections') return [name, value];
  if (name === 'tcp_connection_lifetime') return ['tcp_idle_timeout', value];
  if (name === 'user_agent_header') return ['user_agent', String(value).replace(/^[^:]*:\s*/, '')];
  return undefined;
}

/** `udp:eth0:5060`, `192.0.2.1`, `tcp:*`: what they are here, or what is wrong with them. */
function socketsOf(words: string, protocols: readonly string[], port: number): (Item<string> | string)[] {
  const [, protocol, rest = ''] = /^(?:(udp|tcp|tls|sctp|ws|wss|bin|hep_udp|hep_tcp):)?(.*)$/i.exec(words) ?? [];
  const bare = rest.replace(/^\/*/, '');
  const [, host = '', given] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(bare) ?? [];
  if (host === '') return [`"${words}" names no address`];
  return (protocol === undefined ? protocols : [protocol.toLowerCase()]).flatMap((each) =>
    addressesOf(host).map((address) => {
      const spec = parseListen(`${each}:${address}:${given ?? port}`);
      return typeof spec === 'string' ? spec : { value: formatListen(spec), at: undefined };
    }),
  );
}

function addressesOf(host: string): string[] {
  if (host === '*') return ['0.0.0.0'];
  const found = networkInterfaces()[host];
  if (found === undefined) return [host];
  return found.filter(({ family }) => family === 'IPv4').map(({ address }) => address);
}

function listenReason(words: readonly string[]): string {
  if (words[0] === 'advertise' || words[0] === 'as') {
    return `presence names another address than its own with server_address: \`[presence, server_address, "sip:${words[1] ?? 'HOST'}"]\``;
  }
  return 'a socket has no further settings here';
}

function routeReason(name: string): string {
  if (/^(?:request_)?route$/.test(name))
    return 'routing is written in TypeScript: the config names a script that serves presence';
  return 'routing is written in TypeScript, and this block is not taken over';
}

/** The same server, another database: both servers use the same names of tables. */
function ownDatabase(text: string): string {
  const parsed = parseDatabaseUrl(text, '/');
  if (!parsed.ok) return text;
  if (parsed.url.scheme === 'sqlite')
    return `${text.slice(0, text.lastIndexOf('/') + 1) || 'sqlite:'}${databaseName}.db`;
  const slash = text.indexOf('/', text.lastIndexOf('@'));
  const query = text.indexOf('?', slash);
  return `${text.slice(0, slash + 1)}${databaseName}${query < 0 ? '' : text.slice(query)}`;
}
