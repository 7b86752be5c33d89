// Owns the namespaces of a transformed document: those that what is kept relies on, and none that would tell what is not.
import { elementsOf, type XmlElement } from '../tree';

/** A word that could be a qualified name: prefix, colon, local name. */
const qualifiedName = /^([A-Za-z_][\w.-]*):[A-Za-z_][\w.-]*$/;

export class NamespaceKeeper {
  constructor(private readonly root: XmlElement) {}

  /**
   * An element with all its content, declaring itself the prefixes of the elements around it (`path`, below the root)
   * that attributes, or qualified names in its content, rely on. Those of element names the writer declares.
   */
  whole(element: XmlElement, path: readonly XmlElement[]): XmlElement {
    const needed = new Set<string>();
    collect(element, new Set(), needed);
    const declarations = new Map(element.declarations);
    for (const prefix of needed) {
      const uri = inForce(prefix, [this.root, ...path]);
      if (uri !== undefined) declarations.set(prefix, uri);
    }
    return { ...element, declarations };
  }

  /** What the root of the new document may declare: of the old root's prefixes those that are used as it meant them. */
  hoisted(kept: readonly XmlElement[]): ReadonlyMap<string, string> {
    const used = new Set<string>();
    const use = (prefix: string, uri: string) => {
      if (prefix !== '' && this.root.declarations.get(prefix) === uri) used.add(prefix);
    };
    const visit = (element: XmlElement) => {
      use(element.prefix, element.uri);
      for (const { prefix, uri } of element.attributes) use(prefix, uri);
      for (const [prefix, uri] of element.declarations) use(prefix, uri);
      for (const child of elementsOf(element)) visit(child);
    };
    kept.forEach(visit);
    return new Map([...this.root.declarations].filter(([prefix]) => used.has(prefix)));
  }
}

/** Adds the prefixes that an element and its content use without declaring them. */
function collect(element: XmlElement, outer: ReadonlySet<string>, needed: Set<string>): void {
  const bound = element.declarations.size === 0 ? outer : new Set([...outer, ...element.declarations.keys()]);
  const need = (prefix: string) => {
    if (prefix !== '' && prefix !== 'xml' && !bound.has(prefix)) needed.add(prefix);
  };
  for (const attribute of element.attributes) {
    need(attribute.prefix);
    needInText(attribute.value, need);
  }
  for (const child of element.children) {
    if (typeof child === 'string') needInText(child, need);
    else collect(child, bound, needed);
  }
}

function needInText(text: string, need: (prefix: string) => void): void {
  if (!text.includes(':')) return;
  for (const word of text.split(/\s/)) {
    const prefix = qualifiedName.exec(word)?.[1];
    if (prefix !== undefined) need(prefix);
  }
}

function inForce(prefix: string, path: readonly XmlElement[]): string | undefined {
  for (let i = path.length - 1; i >= 0; i--) {
    const uri = path[i]?.declarations.get(prefix);
    if (uri !== undefined) return uri;
  }
  return undefined;
}
