// Owns what `#!define`, `#!subst`, `#!ifdef` and their like do to a Kamailio config: names with values, branches that count.

/** `#!NAME REST`. */
export interface Directives {
  readonly name: string;
  /** Untouched, with the white space in front. */
  readonly rest: string;
}

interface Substitution {
  readonly pattern: RegExp;
  readonly replacement: string;
}

/** One branch of an `#!ifdef`. */
interface Branch {
  /** Whether what stands around it counts. */
  readonly around: boolean;
  holds: boolean;
}

/** Longest value of a define; theirs end at a fraction of it. */
const maxValue = 65_536;

export class Defines {
  readonly #values = new Map<string, string>();
  readonly #substitutions: Substitution[] = [];
  readonly #branches: Branch[] = [];

  /** @param given what the command line defines: `NAME` or `NAME=VALUE` */
  constructor(given: readonly string[] = []) {
    for (const each of given) {
      const equals = each.indexOf('=');
      this.#values.set(equals < 0 ? each : each.slice(0, equals), equals < 0 ? '' : each.slice(equals + 1));
    }
  }

  /** Whether what is being read counts. */
  get active(): boolean {
    const branch = this.#branches.at(-1);
    return branch === undefined || (branch.around && branch.holds);
  }

  /** What stands for a name; undefined for one that has no value, which a define without one is as well. */
  valueOf(name: string): string | undefined {
    const value = this.#values.get(name);
    return value === '' ? undefined : value;
  }

  /** As if it had been defined: the old server does so for each module it loads. */
  note(name: string): void {
    this.#values.set(name, '');
  }

  substituted(text: string): string {
    return this.#substitutions.reduce((value, { pattern, replacement }) => value.replace(pattern, replacement), text);
  }

  /** Does what a directive says. @returns why it cannot */
  obey({ name, rest }: Directives, environment: Readonly<Record<string, string | undefined>>): string | undefined {
    const words = rest.trim();
    switch (name) {
      case 'ifdef':
      case 'ifndef':
        this.#branches.push({
          around: this.active,
          holds: this.#values.has(words.split(/\s/, 1)[0] ?? '') === (name === 'ifdef'),
        });
        return undefined;
      case 'ifexp':
        this.#branches.push({ around: this.active, holds: false });
        return this.#branches.at(-1)?.around
          ? 'expressions are not worked out: its first branch is passed over'
          : undefined;
      case 'else': {
        const branch = this.#branches.at(-1);
        if (branch === undefined) return 'there is no #!ifdef before it';
        branch.holds = !branch.holds;
        return undefined;
      }
      case 'endif':
        return this.#branches.pop() === undefined ? 'there is no #!ifdef before it' : undefined;
      default:
        return this.active ? this.#change(name, words, environment) : undefined;
    }
  }

  #change(name: string, words: string, environment: Readonly<Record<string, string | undefined>>): string | undefined {
    const [, id = '', value = ''] = /^(\w+)\s*(.*)$/s.exec(words) ?? [];
    switch (name) {
      case 'define':
      case 'def':
        return this.#define(id, value);
      case 'trydefine':
      case 'trydef':
        return this.#values.has(id) ? undefined : this.#define(id, value);
      case 'redefine':
      case 'redef':
        return this.#define(id, value);
      case 'defenv':
      case 'defenvs':
      case 'trydefenv':
      case 'trydefenvs':
        return this.#defineFromEnvironment(name, words, environment);
      case 'subst':
        return this.#substitute(words, undefined);
      case 'substdef':
        return this.#substitute(words, (text) => text);
      case 'substdefs':
        return this.#substitute(words, quoted);
      case 'defexp':
      case 'defexps':
        return 'expressions are not worked out';
      default:
        // #!KAMAILIO, #!OPENSER, #!ALL and a first line for the shell are comments.
        return undefined;
    }
  }

  #define(id: string, value: string): string | undefined {
    if (id === '') return 'it names nothing';
    this.#values.set(id, value.slice(0, maxValue));
    return undefined;
  }

  /** `NAME` or `ID=NAME`: here as there the variable is looked up when the server starts, so its name goes on. */
  #defineFromEnvironment(
    name: string,
    words: string,
    environment: Readonly<Record<string, string | undefined>>,
  ): string | undefined {
    const [, id = '', variable = ''] = /^(\w+)(?:=(\w+))?$/.exec(words) ?? [];
    const from = variable === '' ? id : variable;
    if (name.startsWith('try') && environment[from] === undefined) return undefined;
    const text = environment[from] ?? '';
    return this.#define(id, name.endsWith('s') ? quoted(text) : text);
  }

  /** `"/regular expression/replacement/flags"`, with any character for the slash. */
  #substitute(words: string, defineAs: ((text: string) => string) | undefined): string | undefined {
    const text = words.replace(/^(["'])(.*)\1$/s, '$2');
    const separator = text.charAt(0);
    const [, pattern = '', replacement, flags = ''] = text.split(separator);
    if (pattern === '' || replacement === undefined) return 'it is not "/regular expression/replacement/flags"';
    if (defineAs !== undefined) this.#define(pattern, defineAs(replacement));
    try {
      const written = flags.replace(/[^gi]/g, '');
      const groups = replacement.replace(/\$/g, '$$$$').replace(/\\(\d)/g, '$$$1');
      this.#substitutions.push({ pattern: new RegExp(pattern, written), replacement: groups });
      return undefined;
    } catch {
      return 'its regular expression cannot be read here';
    }
  }
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
