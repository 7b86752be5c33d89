// Owns the words of a Kamailio or OpenSIPS config: comments gone, strings read, values of `#!define` in place of their names.
import type { Defines, Directives } from './defines';

/** Where a word stands. */
export interface At {
  readonly file: string;
  readonly line: number;
}

export interface Token extends At {
  readonly kind: 'id' | 'number' | 'string' | 'sign';
  /** A string without its quotes. */
  readonly text: string;
  /** Whether there is white space before it, or a comment. */
  readonly spaced: boolean;
}

/** What a reader of config files needs from outside. */
export interface Files {
  /** The text of a file, or undefined when there is none. `from` is the file that names it. */
  read(name: string, from: string): { readonly file: string; readonly text: string } | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Told of what cannot be read as the old server does. */
export type Complain = (at: At, what: string, reason: string) => void;

const maxDepth = 10;

/** All words of a config and of what it includes. Linear in their size, never throws. */
export function tokensOf(file: string, text: string, defines: Defines, files: Files, complain: Complain): Token[] {
  const lexer = new Lexer(defines, files, complain, 0);
  lexer.run(file, text);
  return lexer.tokens;
}

const idStart = /[A-Za-z_]/;
const idPart = /[A-Za-z0-9_]/;

class Lexer {
  readonly tokens: Token[] = [];

  constructor(
    private readonly defines: Defines,
    private readonly files: Files,
    private readonly complain: Complain,
    /** How many files and values what is being read stands in. */
    private depth: number,
  ) {}

  run(file: string, text: string): void {
    let line = 1;
    let spaced = true;
    let i = 0;
    const at = () => ({ file, line });
    const passTo = (end: number) => {
      for (; i < end; i++) if (text.charCodeAt(i) === 10) line++;
    };
    while (i < text.length) {
      const char = text.charAt(i);
      const two = text.slice(i, i + 2);
      if (/\s/.test(char)) {
        passTo(i + 1);
        spaced = true;
      } else if (two === '#!' || two === '!!') {
        const { words, end } = directiveAt(text, i + 2);
        this.directives(at(), words);
        passTo(end);
        spaced = true;
      } else if (char === '#' || two === '//') {
        passTo(lineEnd(text, i));
        spaced = true;
      } else if (two === '/*') {
        const close = text.indexOf('*/', i + 2);
        passTo(close < 0 ? text.length : close + 2);
        spaced = true;
      } else if (char === '"' || char === "'") {
        const place = at();
        const read = stringAt(text, i);
        passTo(read.end);
        if (this.defines.active) this.string(place, this.defines.substituted(read.text), spaced);
        spaced = false;
      } else if (idStart.test(char)) {
        const end = endOf(text, i, idPart);
        if (this.defines.active) this.id(at(), text.slice(i, end), spaced);
        i = end;
        spaced = false;
      } else {
        const end = /\d/.test(char) ? endOf(text, i, /[0-9.xXa-fA-F]/) : i + 1;
        const kind = /\d/.test(char) ? 'number' : 'sign';
        if (this.defines.active) this.tokens.push({ ...at(), kind, text: text.slice(i, end), spaced });
        i = end;
        spaced = false;
      }
    }
  }

  /** Strings with nothing but white space between them are one, as in C. */
  private string(at: At, text: string, spaced: boolean): void {
    const before = this.tokens.at(-1);
    if (before?.kind === 'string' && before.file === at.file) {
      this.tokens[this.tokens.length - 1] = { ...before, text: before.text + text };
      return;
    }
    this.tokens.push({ ...at, kind: 'string', text, spaced });
    if (before?.kind !== 'id') return;
    if (before.text === 'include_file' || before.text === 'import_file') this.include(this.tokens.splice(-2));
    // For `#!ifdef MOD_presence` below.
    if (before.text === 'loadmodule') this.defines.note(`MOD_${moduleName(text)}`);
  }

  private id(at: At, name: string, spaced: boolean): void {
    const value = this.defines.valueOf(name);
    if (value === undefined || this.depth > maxDepth) {
      this.tokens.push({ ...at, kind: 'id', text: name, spaced });
      return;
    }
    // The value is read as if it stood here, and may hold names itself.
    const inner = new Lexer(this.defines, this.files, this.complain, this.depth + 1);
    inner.run(at.file, value);
    inner.tokens.forEach((token, i) => {
      if (token.kind === 'string' && i === 0) this.string(at, token.text, spaced);
      else this.tokens.push({ ...token, ...at, spaced: i === 0 ? spaced : token.spaced });
    });
  }

  private directives(at: At, words: Directives): void {
    const { name, rest } = words;
    if (name === 'include_file' || name === 'import_file') {
      if (!this.defines.active) return;
      const file = rest.trim().replace(/^["']|["']$/g, '');
      this.include([
        { ...at, kind: 'id', text: name, spaced: true },
        { ...at, kind: 'string', text: file, spaced: true },
      ]);
      return;
    }
    const fault = this.defines.obey(words, this.files.environment);
    if (fault !== undefined) this.complain(at, `#!${name} ${rest}`.trim(), fault);
  }

  private include([word, name]: readonly Token[]): void {
    if (word === undefined || name === undefined) return;
    const found = this.depth < maxDepth ? this.files.read(name.text, word.file) : undefined;
    if (found === undefined) {
      if (word.text === 'include_file') this.complain(word, `include_file "${name.text}"`, 'there is no such file');
      return;
    }
    this.depth++;
    this.run(found.file, found.text);
    this.depth--;
  }
}

/** The name of the module that a path names. */
export function moduleName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.so$/, '');
}

/** A directive's words, over lines that end in a backslash. */
function directiveAt(text: string, start: number): { words: Directives; end: number } {
  let end = lineEnd(text, start);
  while (text.charAt(end - 1) === '\\' && end < text.length) end = lineEnd(text, end + 1);
  const written = text.slice(start, end).replace(/\\\n/g, '');
  const name = /^\s*(\w*)/.exec(written)?.[1] ?? '';
  return { words: { name, rest: written.slice(written.indexOf(name) + name.length) }, end };
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', '0': '\0' };

/** A string in double quotes, with escapes, or in single quotes, without. */
function stringAt(text: string, start: number): { text: string; end: number } {
  const quote = text.charAt(start);
  let value = '';
  let i = start + 1;
  while (i < text.length && text.charAt(i) !== quote) {
    if (quote === '"' && text.charAt(i) === '\\') {
      const code = /^x([0-9A-Fa-f]{1,2})/.exec(text.slice(i + 1, i + 4))?.[1];
      const char = text.charAt(i + 1);
      value += code === undefined ? (escapes[char] ?? char) : String.fromCharCode(Number.parseInt(code, 16));
      i += code === undefined ? 2 : 2 + code.length;
    } else value += text.charAt(i++);
  }
  return { text: value, end: Math.min(i + 1, text.length) };
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

function endOf(text: string, from: number, part: RegExp): number {
  let end = from;
  while (end < text.length && part.test(text.charAt(end))) end++;
  return end;
}
