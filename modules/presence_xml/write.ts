// Owns writing an element as text: prefixes kept, namespaces declared where they are not in force yet, ids left open.
import { escapeAttribute, escapeText, xmlSafe } from './escape';
import { idIsUnique, PIDF } from './names';
import type { XmlAttribute } from './sink';
import type { XmlElement } from './tree';

/** The namespaces in force at a place: prefix to URI, '' for the default. */
export class Scope {
  constructor(
    private readonly declared: ReadonlyMap<string, string>,
    private readonly outer?: Scope,
  ) {}

  lookup(prefix: string): string | undefined {
    return this.declared.get(prefix) ?? this.outer?.lookup(prefix);
  }
}

/** An element as text, cut where its ids stand, so that another id can be put in and more namespaces declared. */
export interface Fragment {
  /** The qualified name that follows the `<`. */
  readonly name: string;
  /** What follows the name, cut at each xs:ID: one part more than there are ids. */
  readonly parts: readonly string[];
  /** The xs:ID values, not escaped: the element's own first, when it has one. */
  readonly ids: readonly string[];
}

/** A fragment as text, with declarations to add and ids to use instead of its own. */
export function assemble(fragment: Fragment, added = '', ids = fragment.ids): string {
  let text = `<${fragment.name}${added}${fragment.parts[0] ?? ''}`;
  for (let i = 0; i < ids.length; i++) text += escapeAttribute(ids[i] ?? '') + (fragment.parts[i + 1] ?? '');
  return text;
}

/** Namespace declarations as they stand in a start tag, each with a blank before it. */
export function declarations(namespaces: Iterable<readonly [prefix: string, uri: string]>): string {
  let text = '';
  for (const [prefix, uri] of namespaces) {
    text += ` xmlns${prefix === '' ? '' : `:${prefix}`}="${escapeAttribute(uri)}"`;
  }
  return text;
}

/** Attributes as they stand in a start tag, each with a blank before it. */
export function attributesText(attributes: readonly XmlAttribute[]): string {
  return attributes.map((attribute) => `${startOf(attribute)}${escapeAttribute(attribute.value)}"`).join('');
}

function startOf({ prefix, local }: XmlAttribute): string {
  return prefix === '' ? ` ${local}="` : ` ${prefix}:${local}="`;
}

/**
 * Writes the elements of one document. `prefixes` are the namespaces whose prefix is not the publisher's choice;
 * `budget` is the length that declarations may reach, because a long namespace name that has to be declared again and
 * again could blow a document up. Once `exhausted`, what it wrote is to be thrown away.
 */
export class FragmentWriter {
  private parts: string[] = [];
  private ids: string[] = [];
  private out = '';

  constructor(
    private readonly prefixes: ReadonlyMap<string, string>,
    private budget: number,
  ) {}

  get exhausted(): boolean {
    return this.budget < 0;
  }

  write(element: XmlElement, scope: Scope): Fragment {
    this.parts = [];
    this.ids = [];
    const prefix = this.prefixOf(element);
    const name = nameOf(element, prefix);
    this.content(element, prefix, name, scope);
    this.cut();
    return { name, parts: this.parts, ids: this.ids };
  }

  /** Everything after the name in the start tag. */
  private content(element: XmlElement, prefix: string, name: string, outer: Scope): void {
    const scope = this.declare(element, prefix, outer);
    this.addAttributes(element);
    if (element.children.length === 0) {
      this.out += '/>';
      return;
    }
    this.out += '>';
    for (const child of element.children) {
      if (typeof child === 'string') this.out += escapeText(child);
      else if (!this.exhausted) {
        const childPrefix = this.prefixOf(child);
        const childName = nameOf(child, childPrefix);
        this.out += `<${childName}`;
        this.content(child, childPrefix, childName, scope);
      }
    }
    this.out += `</${name}>`;
  }

  private prefixOf(element: XmlElement): string {
    return this.prefixes.get(element.uri) ?? element.prefix;
  }

  private declare({ uri, declarations: own }: XmlElement, prefix: string, outer: Scope): Scope {
    if (own.size === 0 && outer.lookup(prefix) === uri) return outer;
    const added = new Map<string, string>();
    for (const [name, value] of own) if (outer.lookup(name) !== value) added.set(name, value);
    if ((added.get(prefix) ?? outer.lookup(prefix)) !== uri) added.set(prefix, uri);
    if (added.size === 0) return outer;
    const text = declarations(added);
    this.budget -= text.length;
    this.out += text;
    return new Scope(added, outer);
  }

  private addAttributes({ uri, local, attributes }: XmlElement): void {
    for (const attribute of attributes) {
      this.out += startOf(attribute);
      if (attribute.local === 'id' && attribute.uri === '' && idIsUnique(uri, local)) {
        this.cut();
        this.ids.push(attribute.value);
      } else this.out += escapeAttribute(attribute.value);
      this.out += '"';
    }
  }

  private cut(): void {
    this.parts.push(this.out);
    this.out = '';
  }
}

function nameOf({ local }: XmlElement, prefix: string): string {
  return prefix === '' ? local : `${prefix}:${local}`;
}

/** A whole document. `namespaces` are declared beside PIDF's, `attributes` follow `entity`, each of `items` has a line. */
export function presenceDocument(
  presentity: string,
  namespaces: ReadonlyMap<string, string>,
  attributes: string,
  items: readonly string[],
): string {
  const entity = escapeAttribute(xmlSafe(presentity));
  const root = `${declarations(namespaces)} entity="${entity}"${attributes}`;
  const lines = items.map((item) => `${item}\n`).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="${PIDF}"${root}>\n${lines}</presence>\n`;
}

/** Says closed where nothing else has a `basic`: libpurple never answers a NOTIFY without one, and loses its subscription. */
export function closedTuple(id: string): string {
  return `<tuple id="${escapeAttribute(id)}"><status><basic>closed</basic></status></tuple>`;
}
