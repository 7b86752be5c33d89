// Owns the document as a view lets it be seen (RFC 5025 §3.3): built up from what is granted, so that nothing else is in it.
import type { View } from '../../presence/api';
import { composePidf } from '../compose';
import { DATA_MODEL, kindOf, PIDF, RPID, XML } from '../names';
import { declarationBudget } from '../pieces';
import { attributeOf, type XmlAttribute } from '../sink';
import { elementsOf, readTree, textOf, type XmlElement, type XmlNode } from '../tree';
import { assemble, closedTuple, FragmentWriter, presenceDocument, Scope } from '../write';
import { NamespaceKeeper } from './namespaces';
import {
  type AttributeName,
  attributeNames,
  isEverything,
  isNothing,
  type Permissions,
  permissionsOf,
  unknownKey,
} from './permissions';
import { isSelected } from './select';

/**
 * Transforms a composed document. Who may see everything gets the document itself; who may see nothing gets what a
 * presentity without publications has, which says `closed` whatever the presentity says, and so tells nothing.
 */
export function transformPidf(presentity: string, document: Buffer, view: View): Buffer {
  const granted = permissionsOf(view);
  if (isEverything(granted)) return document;
  const text = isNothing(granted) ? undefined : filtered(presentity, document, granted);
  return text === undefined ? composePidf(presentity, []) : Buffer.from(text);
}

/** The document that was read last: all views of one change ask for the same. */
let last: { readonly document: Buffer; readonly root: XmlElement | undefined } | undefined;

function rootOf(document: Buffer): XmlElement | undefined {
  if (last?.document !== document) last = { document, root: readTree(document) };
  return last.root;
}

function filtered(presentity: string, document: Buffer, granted: Permissions): string | undefined {
  const root = rootOf(document);
  if (root === undefined) return undefined;
  const keeper = new NamespaceKeeper(root);
  const filter = new Filter(granted, keeper);
  const kept: XmlElement[] = [];
  for (const child of elementsOf(root)) {
    const element = filter.item(child);
    if (element !== undefined) kept.push(element);
  }
  const namespaces = keeper.hoisted(kept);
  const writer = new FragmentWriter(new Map(), declarationBudget + document.length);
  const scope = new Scope(namespaces, baseScope);
  const items = kept.map((element) => assemble(writer.write(element, scope)));
  if (writer.exhausted) return undefined;
  if (!kept.some(saysBasic)) items.splice(kept.filter(isTuple).length, 0, closedTuple(freeId(kept)));
  return presenceDocument(presentity, namespaces, '', items);
}

const baseScope = new Scope(
  new Map([
    ['', PIDF],
    ['xml', XML],
  ]),
);

function isTuple({ uri, local }: XmlElement): boolean {
  return kindOf(uri, local) === 'tuple';
}

function saysBasic(item: XmlElement): boolean {
  if (!isTuple(item)) return false;
  const status = elementsOf(item).find(({ uri, local }) => uri === PIDF && local === 'status');
  return status !== undefined && elementsOf(status).some(({ uri, local }) => uri === PIDF && local === 'basic');
}

/** `closed`, or the first of `closed-2` and so on that none of the elements has. */
function freeId(kept: readonly XmlElement[]): string {
  const ids = new Set<string | undefined>();
  const visit = (element: XmlElement) => {
    ids.add(attributeOf(element, 'id')?.value);
    for (const child of elementsOf(element)) visit(child);
  };
  kept.forEach(visit);
  let id = 'closed';
  for (let i = 2; ids.has(id); i++) id = `closed-${i}`;
  return id;
}

class Filter {
  constructor(
    private readonly granted: Permissions,
    private readonly keeper: NamespaceKeeper,
  ) {}

  /** A child of `presence` as far as it is granted. */
  item(element: XmlElement): XmlElement | undefined {
    const { services, persons, devices } = this.granted;
    switch (kindOf(element.uri, element.local)) {
      case 'tuple':
        return isSelected(services, element) ? this.component(element) : undefined;
      case 'person':
        return isSelected(persons, element) ? this.component(element) : undefined;
      case 'device':
        return isSelected(devices, element) ? this.component(element) : undefined;
      case 'note':
        // A note on the presentity as a whole: RFC 5025 has no permission for it, so it takes those it is nearest to.
        return persons.all && this.grants('note') ? this.keeper.whole(element, []) : undefined;
      default:
        return undefined;
    }
  }

  private grants(name: AttributeName): boolean {
    return this.granted.allAttributes || this.granted.attributes.has(name);
  }

  private component(component: XmlElement): XmlElement {
    if (this.granted.allAttributes) return this.keeper.whole(component, []);
    const children: XmlElement[] = [];
    for (const child of elementsOf(component)) {
      const kept = this.child(child, component);
      if (kept !== undefined) children.push(kept);
    }
    return copy(component, ['id'], children);
  }

  private child(element: XmlElement, component: XmlElement): XmlElement | undefined {
    const always = alwaysReported(element, component);
    if (always === 'whole') return this.keeper.whole(element, [component]);
    if (always !== undefined) return copy(element, always, [textOf(element)]);
    return element.uri === PIDF && element.local === 'status' && component.local === 'tuple'
      ? this.status(element, component)
      : this.attribute(element, [component]);
  }

  /** `basic` is always reported; the extensions beside it are attributes like those of the tuple. */
  private status(status: XmlElement, tuple: XmlElement): XmlElement {
    const children: XmlElement[] = [];
    for (const child of elementsOf(status)) {
      const isBasic = child.uri === PIDF && child.local === 'basic';
      const kept = isBasic ? copy(child, [], [textOf(child)]) : this.attribute(child, [tuple, status]);
      if (kept !== undefined) children.push(kept);
    }
    return copy(status, [], children);
  }

  /** A presence attribute, whole if it is granted (RFC 5025 §3.3.2). */
  private attribute(element: XmlElement, path: readonly XmlElement[]): XmlElement | undefined {
    const { uri, local } = element;
    if (uri === RPID && local === 'user-input') return this.userInput(element, path);
    const name = permissionOf(element);
    const granted = name === undefined ? this.granted.unknown.has(unknownKey(uri, local)) : this.grants(name);
    return granted ? this.keeper.whole(element, path) : undefined;
  }

  /** RFC 5025 §3.3.2.12. RFC 4480 calls the attribute `last-input` that it calls `since`: only `full` lets it pass. */
  private userInput(element: XmlElement, path: readonly XmlElement[]): XmlElement | undefined {
    switch (this.granted.userInput) {
      case 'false':
        return undefined;
      case 'bare':
        return copy(element, [], [textOf(element)]);
      case 'thresholds':
        return copy(element, ['idle-threshold'], [textOf(element)]);
      case 'full':
        return this.keeper.whole(element, path);
    }
  }
}

/** RFC 5025 §3.3.2: what a service, person or device always has in it. A list: its text, with only these attributes. */
function alwaysReported({ uri, local }: XmlElement, component: XmlElement): 'whole' | readonly string[] | undefined {
  switch (component.local) {
    case 'tuple':
      if (uri === RPID && local === 'service-class') return 'whole';
      if (uri !== PIDF) return undefined;
      if (local === 'contact') return ['priority'];
      return local === 'timestamp' ? [] : undefined;
    case 'device':
      return uri === DATA_MODEL && (local === 'timestamp' || local === 'deviceID') ? [] : undefined;
    default:
      return uri === DATA_MODEL && local === 'timestamp' ? [] : undefined;
  }
}

const rpidNames = new Map<string, AttributeName>();
for (const name of attributeNames) if (name !== 'note' && name !== 'deviceID') rpidNames.set(name, name);

/** The permission that covers an attribute; undefined for one that is not known here. */
function permissionOf({ uri, local }: XmlElement): AttributeName | undefined {
  if (uri === RPID) return rpidNames.get(local);
  if ((uri === PIDF || uri === DATA_MODEL) && local === 'note') return 'note';
  return uri === DATA_MODEL && local === 'deviceID' ? 'deviceID' : undefined;
}

/** An element with only some of its unprefixed attributes and with other content. */
function copy(element: XmlElement, names: readonly string[], children: XmlNode[]): XmlElement {
  const keep = ({ uri, local }: XmlAttribute) => uri === '' && names.includes(local);
  const { prefix, local, uri } = element;
  const attributes = element.attributes.filter(keep);
  return { prefix, local, uri, attributes, declarations: noDeclarations, children };
}

const noDeclarations: ReadonlyMap<string, string> = new Map();
