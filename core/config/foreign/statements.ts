// Owns the statements of a Kamailio or OpenSIPS config: what it listens to, loads and sets; of its routing only where it stands.

import { Defines } from './defines';
import { type At, type Complain, type Files, moduleName, type Token, tokensOf } from './tokens';

export type Value = string | number;

export type Statement = At &
  (
    | { readonly kind: 'module'; readonly name: string }
    /** `modules` are those loaded so far that the line names. */
    | { readonly kind: 'modparam'; readonly module: string; readonly name: string; readonly value: Value }
    /** `words` as they are written: `udp:192.0.2.1:5060 advertise 203.0.113.1:5060`. */
    | { readonly kind: 'listen'; readonly words: string }
    | { readonly kind: 'setting'; readonly name: string; readonly value: Value }
    /** A block of the routing script. */
    | { readonly kind: 'route'; readonly name: string }
  );

export interface ReadOptions {
  /** What the command line defines, as `-A` there. */
  readonly defines: readonly string[];
  readonly files: Files;
  readonly complain: Complain;
}

/** Reads a config. Never throws: what cannot be read is complained of and passed over. */
export function readStatements(file: string, text: string, { defines, files, complain }: ReadOptions): Statement[] {
  const known = new Defines(defines);
  const tokens = tokensOf(file, text, known, files, complain);
  return new Reader(tokens, complain).read();
}

const routes = /^(?:[a-z]+_)?route$/;
const sockets = new Set(['listen', 'socket']);
const paths = new Set(['mpath', 'loadpath']);
const loading = new Set(['loadmodule', 'loadmodulex']);
const setting = new Set(['modparam', 'modparamx']);
const truths: ReadonlyMap<string, number> = new Map([
  ...['yes', 'true', 'on', 'enable'].map((word) => [word, 1] as const),
  ...['no', 'false', 'off', 'disable'].map((word) => [word, 0] as const),
]);

class Reader {
  readonly #statements: Statement[] = [];
  readonly #loaded: string[] = [];
  #at = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly complain: Complain,
  ) {}

  read(): Statement[] {
    for (let token = this.#peek(); token !== undefined; token = this.#peek()) {
      const before = this.#at;
      this.#statement(token);
      if (this.#at === before) this.#at++;
    }
    return this.#statements;
  }

  #statement(token: Token): void {
    if (token.kind !== 'id') {
      this.#at++;
      if (token.text !== ';') this.complain(token, token.text, 'this is no statement that is known');
      return;
    }
    if (loading.has(token.text)) this.#module(token);
    else if (setting.has(token.text)) this.#modparam(token);
    else if (paths.has(token.text)) this.#line(token);
    else if (routes.test(token.text)) this.#route(token);
    else this.#assignment(token);
  }

  /** `loadmodule "presence.so"`, in brackets or not; a path in front and the ending do not matter. */
  #module(at: Token): void {
    const name = this.#line(at).find(({ kind }) => kind === 'string')?.text;
    if (name === undefined) this.complain(at, at.text, 'it names no module');
    else {
      this.#loaded.push(moduleName(name));
      this.#statements.push({ ...place(at), kind: 'module', name: moduleName(name) });
    }
  }

  /** `modparam("a|b", "name", value)`, over several lines or one: the modules are a regular expression (Kamailio's core cookbook). */
  #modparam(at: Token): void {
    const { file } = at;
    const words: Token[] = [];
    for (this.#at++; this.#at < this.tokens.length; this.#at++) {
      const token = this.tokens[this.#at];
      if (token === undefined || (token.kind === 'sign' && token.text === ')')) break;
      words.push(token);
    }
    this.#at++;
    const [modules, name, value] = parted(words.filter(({ kind, text }) => kind !== 'sign' || text !== '('));
    const read = readValue(value ?? []);
    const [named] = modules ?? [];
    const [parameter] = name ?? [];
    if (named?.kind !== 'string' || parameter?.kind !== 'string' || read === undefined) {
      this.complain(at, at.text, 'it is not ("module", "parameter", value)');
      return;
    }
    const found = this.#modulesOf(named.text);
    if (found.length === 0)
      this.complain(at, `modparam ${named.text} ${parameter.text}`, 'no module of that name is loaded before');
    for (const module of found) {
      this.#statements.push({ file, line: at.line, kind: 'modparam', module, name: parameter.text, value: read });
    }
  }

  #modulesOf(pattern: string): string[] {
    if (this.#loaded.includes(pattern)) return [pattern];
    try {
      const whole = new RegExp(`^(?:${pattern})$`);
      return [...new Set(this.#loaded.filter((name) => whole.test(name)))];
    } catch {
      return [];
    }
  }

  /** `route[NAME] { … }`: what is inside belongs to a routing script. */
  #route(at: Token): void {
    let name = '';
    while (this.#at < this.tokens.length && this.#peek()?.text !== '{') name += this.#next()?.text ?? '';
    this.#statements.push({ ...place(at), kind: 'route', name });
    this.#block();
  }

  #block(): void {
    let depth = 0;
    do {
      const token = this.#next();
      if (token?.kind !== 'sign') continue;
      if (token.text === '{') depth++;
      if (token.text === '}') depth--;
    } while (depth > 0 && this.#at < this.tokens.length);
  }

  /** `name = value`, also `group.name = value desc "…"`; `socket = { bind = … }` is Kamailio 5.7's other way of `listen`. */
  #assignment(at: Token): void {
    const line = this.#line(at);
    const equals = line.findIndex(({ kind, text }) => kind === 'sign' && text === '=');
    const name = line
      .slice(0, Math.max(equals, 1))
      .map(({ text }) => text)
      .join('');
    const words = line.slice(equals + 1).filter(({ kind, text }) => kind !== 'sign' || text !== ';');
    if (equals < 0) this.complain(at, at.text, 'this is no statement that is known');
    else if (sockets.has(name)) this.#listen(at, words);
    else this.#statements.push({ ...place(at), kind: 'setting', name, value: readValue(words) ?? this.#words(words) });
  }

  #listen(at: Token, words: readonly Token[]): void {
    if (words[0]?.text !== '{') {
      this.#statements.push({ ...place(at), kind: 'listen', words: this.#words(words) });
      return;
    }
    const inside = [...words.slice(1)];
    while (inside.at(-1)?.text !== '}' && this.#at < this.tokens.length) {
      const token = this.#next();
      if (token !== undefined) inside.push(token);
    }
    const start = inside.findIndex(({ text }) => text === 'bind') + 2;
    const length = inside.slice(start).findIndex(({ text }) => text === ';' || text === '}');
    this.#statements.push({ ...place(at), kind: 'listen', words: this.#words(inside.slice(start, start + length)) });
  }

  /** The words from here to the end of the line. */
  #line(at: Token): Token[] {
    const words: Token[] = [];
    for (let token = this.#peek(); token?.line === at.line && token.file === at.file; token = this.#peek()) {
      words.push(token);
      this.#at++;
    }
    return words;
  }

  #words(tokens: readonly Token[]): string {
    return tokens.map(({ text, spaced }, i) => (spaced && i > 0 ? ` ${text}` : text)).join('');
  }

  #peek(): Token | undefined {
    return this.tokens[this.#at];
  }

  #next(): Token | undefined {
    return this.tokens[this.#at++];
  }
}

function place({ file, line }: At): At {
  return { file, line };
}

/** Words between commas. */
function parted(tokens: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]];
  for (const token of tokens) {
    if (token.kind === 'sign' && token.text === ',') parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

/** A string, a number, or one of the words for yes and no. */
function readValue(words: readonly Token[]): Value | undefined {
  const [first, second, third] = words;
  const isNegative = first?.kind === 'sign' && first.text === '-';
  const token = isNegative ? second : first;
  if (token === undefined || (isNegative ? third : second) !== undefined) return undefined;
  if (token.kind === 'number') {
    const number = Number(token.text);
    return Number.isFinite(number) ? (isNegative ? -number : number) : token.text;
  }
  if (isNegative || token.kind === 'sign') return undefined;
  return token.kind === 'string' ? token.text : (truths.get(token.text) ?? token.text);
}
