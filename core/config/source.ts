// Owns a YAML file with the place of everything in it: typed look-ups that collect problems instead of throwing.
import { Alias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { WrittenValue } from '../base/params';
import type { Place, Problem } from '../base/problem';
import { expandEnvironment } from './env';

/** One entry of a map. */
export interface Entry {
  readonly key: string;
  readonly keyPlace: Place;
  readonly node: Node | null;
}

/** A YAML file while it is being read. */
export class Source {
  readonly problems: Problem[] = [];
  readonly root: Node | null;
  readonly #lines = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;

  /** @param file as it is shown in problems. */
  constructor(
    readonly file: string,
    private readonly text: string,
    private readonly environment: Readonly<Record<string, string | undefined>>,
  ) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    for (const { pos, message } of [...this.#document.errors, ...this.#document.warnings]) {
      this.report(this.#place(pos[0]), `YAML: ${message}`);
    }
    this.root = this.#document.contents;
  }

  /** Notes a problem at a place. */
  report(at: Place, message: string): void {
    this.problems.push({ file: at.file, line: at.line, column: at.column, message });
  }

  /** Where a node starts; for a missing node, the place of what should hold it. */
  placeOf(node: Node | null, otherwise?: Place): Place {
    if (node?.range) return this.#place(node.range[0]);
    return otherwise ?? { file: this.file, line: 1, column: 1 };
  }

  /** The entries of a map, keys as they are written. A node that is no map is a problem. */
  entries(node: Node | null, at: Place, what: string): Entry[] {
    const map = this.#follow(node);
    if (!isMap(map)) {
      this.report(this.placeOf(node, at), `${what} is a map of \`key: value\` lines`);
      return [];
    }
    return map.items.map((pair) => {
      const key = pair.key as Node | null;
      return {
        key: isScalar(key) ? String(key.value) : '',
        keyPlace: this.placeOf(key, at),
        node: (pair.value ?? null) as Node | null,
      };
    });
  }

  /** The items of a list; an empty value is an empty list. A node that is neither is a problem. */
  items(node: Node | null, at: Place, what: string): { node: Node | null; place: Place }[] {
    const list = this.#follow(node);
    if (list === null || (isScalar(list) && list.value === null)) return [];
    if (isSeq(list)) {
      return list.items.map((item) => ({ node: item as Node | null, place: this.placeOf(item as Node | null, at) }));
    }
    this.report(this.placeOf(node, at), `${what} is a list: one \`- …\` a line`);
    return [];
  }

  /** Whether the node is a list. */
  isList(node: Node | null): boolean {
    return isSeq(this.#follow(node));
  }

  /** A non-empty text with the environment expanded; anything else is a problem that says what was expected. */
  string(node: Node | null, at: Place, what: string): string | undefined {
    const written = this.value(node);
    if (written === undefined) return undefined;
    if (typeof written.value === 'string' || typeof written.value === 'number') {
      if (written.text !== '') return written.text;
    }
    this.report(this.placeOf(node, at), `expected ${what}`);
    return undefined;
  }

  /** A value as written, the environment expanded; undefined when a variable is missing, which has been reported. */
  value(node: Node | null): WrittenValue | undefined {
    const found = this.#follow(node);
    if (found === null) return { value: null, text: '' };
    if (!isScalar(found)) return { value: isSeq(found) ? [] : {}, text: '' };
    if (typeof found.value !== 'string') return { value: found.value, text: found.source ?? String(found.value) };
    const { text, faults } = expandEnvironment(found.value, this.environment);
    let from = found.range?.[0] ?? 0;
    for (const { at, message } of faults) {
      const offset = this.text.indexOf(at, from);
      // Where escapes or folds hide the words, the string's own place is near enough.
      this.report(this.#place(offset === -1 ? from : offset), message);
      if (offset !== -1) from = offset + at.length;
    }
    return faults.length > 0 ? undefined : { value: text, text };
  }

  #follow(node: Node | null): Node | null {
    return node instanceof Alias ? (node.resolve(this.#document) ?? null) : node;
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    // An empty file has no line to count.
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}
