// Owns the conditions of a rule (RFC 4745 §7): who the watcher is, in which sphere the presentity is, what the time is.
import { collapse, quoted } from './document';
import type { Identity } from './identity';
import { writeTime } from './time';

/** What conditions are held against. */
export interface Circumstances {
  /** Undefined for a watcher who is not authenticated. */
  readonly identity: Identity | undefined;
  /** Unix seconds. */
  readonly now: number;
  /** Undefined when the presentity names none, or several. */
  readonly sphere: string | undefined;
}

export interface Condition {
  holds(circumstances: Circumstances): boolean;
  /** Why it holds, or why it does not. */
  reason(circumstances: Circumstances): string;
  /** The condition itself, as it continues a sentence; for an identity, who is meant. */
  readonly words: string;
}

export interface Many {
  /** Undefined: everybody who is authenticated. */
  readonly domain: string | undefined;
  readonly exceptIds: ReadonlySet<string>;
  readonly exceptDomains: ReadonlySet<string>;
}

/** RFC 4745 §7.1: any of its children is enough. Without an authenticated watcher none of them can be true. */
export class IdentityCondition implements Condition {
  constructor(
    private readonly ones: ReadonlySet<string>,
    private readonly manys: readonly Many[],
  ) {}

  holds({ identity }: Circumstances): boolean {
    if (identity === undefined) return false;
    if (this.ones.has(identity.key)) return true;
    for (const many of this.manys) if (isOneOf(many, identity)) return true;
    return false;
  }

  reason(circumstances: Circumstances): string {
    const { identity } = circumstances;
    if (identity === undefined) return 'identity: the watcher is not authenticated';
    const who = quoted(identity.key);
    if (this.holds(circumstances))
      return `identity: ${who} is ${this.ones.has(identity.key) ? 'named' : 'one of many'}`;
    const excepted = this.manys.find((many) => many.domain === undefined || many.domain === identity.domain);
    if (excepted !== undefined) return `identity: ${who} is excepted`;
    const [only] = this.ones;
    return this.ones.size === 1 && this.manys.length === 0 && only !== undefined
      ? `identity: one ${quoted(only)} is not the watcher ${who}`
      : `identity: ${who} is not among those named`;
  }

  get words(): string {
    const named = [...this.ones].map(plain);
    const names = [...named, ...this.manys.map(manyInWords)];
    return names.length === 0 ? 'nobody' : listed(names, 'or');
  }
}

function isOneOf({ domain, exceptIds, exceptDomains }: Many, identity: Identity): boolean {
  if (domain !== undefined && domain !== identity.domain) return false;
  return !exceptIds.has(identity.key) && (identity.domain === undefined || !exceptDomains.has(identity.domain));
}

function manyInWords({ domain, exceptIds, exceptDomains }: Many): string {
  const whom = domain === undefined ? 'everybody who is authenticated' : `everybody at ${plain(domain)}`;
  const except = [...[...exceptIds].map(plain), ...[...exceptDomains].map((name) => `everybody at ${plain(name)}`)];
  return except.length === 0 ? whom : `${whom} except ${listed(except, 'and')}`;
}

/** RFC 4745 §7.3: one of several tokens, whatever the case. No sphere is none of them. */
export class SphereCondition implements Condition {
  constructor(private readonly tokens: ReadonlySet<string>) {}

  holds({ sphere }: Circumstances): boolean {
    return sphere !== undefined && this.tokens.has(collapse(sphere).toLowerCase());
  }

  reason(circumstances: Circumstances): string {
    const { sphere } = circumstances;
    if (sphere === undefined) return 'sphere: the presentity is in none that is known';
    return `sphere: ${quoted(sphere)} is ${this.holds(circumstances) ? '' : 'not '}${quoted([...this.tokens].join(' or '))}`;
  }

  get words(): string {
    return `while the sphere is ${listed([...this.tokens].map(plain), 'or')}`;
  }
}

/** Whole unix seconds; `until` is the first that is outside. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** RFC 4745 §7.4: inside any of its spans. */
export class ValidityCondition implements Condition {
  constructor(readonly spans: readonly Span[]) {}

  holds({ now }: Circumstances): boolean {
    for (const { from, until } of this.spans) if (from <= now && now < until) return true;
    return false;
  }

  reason(circumstances: Circumstances): string {
    return `validity: ${writeTime(circumstances.now)} is ${this.holds(circumstances) ? 'inside' : 'outside'}`;
  }

  get words(): string {
    return listed(
      this.spans.map(({ from, until }) => `from ${writeTime(from)} until ${writeTime(until)}`),
      'or',
    );
  }
}

/** RFC 4745 §7: a condition of a namespace that is not known is not true. */
export class UnknownCondition implements Condition {
  readonly words: string;

  constructor(private readonly name: string) {
    this.words = `never, because the condition ${plain(name)} is not known here`;
  }

  holds(): boolean {
    return false;
  }

  reason(): string {
    return `${quoted(this.name)}: a condition that is not known here cannot be true`;
  }
}

const mostListed = 20;

/** `a, b or c`; a long list is cut. */
export function listed(names: readonly string[], word: 'and' | 'or'): string {
  if (names.length > mostListed)
    return `${names.slice(0, mostListed).join(', ')} ${word} ${names.length - mostListed} more`;
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${word} ${names.at(-1)}`;
}

/** Text of a document as a terminal may show it. */
export function plain(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}
