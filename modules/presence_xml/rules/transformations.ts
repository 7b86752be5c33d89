// Owns reading the actions and transformations of a rule (RFC 5025 §3.2, §3.3, schema §7) into a handling and permissions.
import type { Handling } from '../../presence/api';
import { DATA_MODEL, PIDF, RPID } from '../names';
import { childrenOf, collapse, fault, nameOf, quoted, type RuleElement, tokenOf, type Warnings } from './document';
import { uriForm, uriSelectors } from './equivalence';
import {
  type AttributeName,
  attributeNames,
  nothing,
  type Permissions,
  type Selection,
  type UserInputLevel,
  unknownKey,
  userInputLevels,
} from './permissions';

export const COMMON_POLICY = 'urn:ietf:params:xml:ns:common-policy';
export const PRES_RULES = 'urn:ietf:params:xml:ns:pres-rules';

/** In rising order; `block` is what a rule without a sub-handling says (RFC 5025 §3.2.1). */
export const handlings: readonly Handling[] = ['block', 'confirm', 'polite-block', 'allow'];

/** The sub-handling of a rule; undefined when it names none. Other actions are permissions that are not known here. */
export function readActions(actions: RuleElement, warnings: Warnings): Handling | undefined {
  let handling: Handling | undefined;
  for (const element of extensions(actions)) {
    if (element.uri !== PRES_RULES || element.local !== 'sub-handling') {
      warnings.add(element, `action ${nameOf(element)} is not known here and grants nothing`);
      continue;
    }
    if (handling !== undefined) fault(element, 'second sub-handling in one rule');
    const value = tokenOf(element);
    handling = handlings.find((known) => known === value);
    if (handling === undefined) fault(element, `sub-handling is ${quoted(value)}, not ${handlings.join(', ')}`);
  }
  return handling;
}

interface Draft {
  services: Selection;
  persons: Selection;
  devices: Selection;
  allAttributes: boolean;
  readonly attributes: Set<AttributeName>;
  userInput: UserInputLevel;
  readonly unknown: Set<string>;
}

export function readTransformations(transformations: RuleElement, warnings: Warnings): Permissions {
  const draft: Draft = { ...nothing, attributes: new Set(), unknown: new Set() };
  for (const element of extensions(transformations)) {
    if (element.uri === PRES_RULES && readPermission(draft, element, warnings)) continue;
    warnings.add(element, `transformation ${nameOf(element)} is not known here and grants nothing`);
  }
  return draft;
}

/** The schema lets any element stand here that is not of the common policy itself. */
function extensions(part: RuleElement): readonly RuleElement[] {
  const elements = childrenOf(part);
  for (const element of elements) {
    if (element.uri === COMMON_POLICY) fault(element, `${nameOf(element)} does not belong into ${nameOf(part)}`);
  }
  return elements;
}

/** False when it is no permission of RFC 5025. */
function readPermission(draft: Draft, element: RuleElement, warnings: Warnings): boolean {
  if (!element.local.startsWith('provide-')) return false;
  const name = element.local.slice('provide-'.length);
  switch (name) {
    case 'services':
      draft.services = readSelection(draft.services, element, warnings);
      return true;
    case 'persons':
      draft.persons = readSelection(draft.persons, element, warnings);
      return true;
    case 'devices':
      draft.devices = readSelection(draft.devices, element, warnings);
      return true;
    case 'all-attributes':
      readEmpty(element);
      draft.allAttributes = true;
      return true;
    case 'user-input':
      readUserInput(draft, element);
      return true;
    case 'unknown-attribute':
      readUnknown(draft.unknown, element, warnings);
      return true;
  }
  const attribute = attributeNames.find((known) => known === name);
  if (attribute === undefined) return false;
  if (readBoolean(element)) draft.attributes.add(attribute);
  return true;
}

const selectorTypes: Readonly<Record<string, readonly string[]>> = {
  'provide-services': ['class', 'occurrence-id', 'service-uri', 'service-uri-scheme'],
  'provide-persons': ['class', 'occurrence-id'],
  'provide-devices': ['class', 'occurrence-id', 'deviceID'],
};

function readSelection(before: Selection, element: RuleElement, warnings: Warnings): Selection {
  const everything = element.local.replace('provide-', 'all-');
  const children = childrenOf(element);
  const selectors = new Set(before.selectors);
  let { all } = before;
  for (const child of children) {
    if (child.uri !== PRES_RULES) {
      if (child.uri === COMMON_POLICY || child.uri === '') fault(child, `${nameOf(child)} does not belong here`);
      warnings.add(child, `${nameOf(child)} is not known here and selects nothing`);
    } else if (child.local === everything) {
      readEmpty(child);
      if (children.length > 1) fault(child, `${everything} stands beside other elements`);
      all = true;
    } else if (selectorTypes[element.local]?.includes(child.local)) {
      readSelector(selectors, child, warnings);
    } else fault(child, `${nameOf(child)} does not belong into ${nameOf(element)}`);
  }
  return { all, selectors };
}

function readSelector(selectors: Set<string>, element: RuleElement, warnings: Warnings): void {
  const type = element.local;
  const value = tokenOf(element);
  if (type !== 'service-uri' && type !== 'deviceID') {
    selectors.add(`${type} ${value}`);
    return;
  }
  const form = uriForm(value);
  if (form === undefined) warnings.add(element, `${quoted(value)} is not a URI and selects nothing`);
  else for (const selector of uriSelectors(type, form)) selectors.add(selector);
}

function readEmpty(element: RuleElement): void {
  if (childrenOf(element).length > 0) fault(element, `${nameOf(element)} has to be empty`);
}

function readBoolean(element: RuleElement): boolean {
  const value = tokenOf(element);
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  fault(element, `${nameOf(element)} is ${quoted(value)}, not true or false`);
}

function readUserInput(draft: Draft, element: RuleElement): void {
  const value = tokenOf(element);
  const level = (userInputLevels as readonly string[]).indexOf(value);
  if (level === -1) fault(element, `provide-user-input is ${quoted(value)}, not ${userInputLevels.join(', ')}`);
  if (level > userInputLevels.indexOf(draft.userInput)) draft.userInput = userInputLevels[level] ?? 'false';
}

function readUnknown(unknown: Set<string>, element: RuleElement, warnings: Warnings): void {
  const name = element.attributes.get('name');
  const namespace = element.attributes.get('ns');
  if (name === undefined || namespace === undefined) fault(element, 'provide-unknown-attribute without name and ns');
  if (name === '' || /[\s:]/.test(name)) fault(element, `name ${quoted(name)} is not an unqualified element name`);
  if (!readBoolean(element)) return;
  if (isKnown(collapse(namespace), name)) {
    warnings.add(element, `${quoted(name)} is known here, so provide-unknown-attribute does not apply to it`);
  } else unknown.add(unknownKey(collapse(namespace), name));
}

const rpidNames = new Set<string>([...attributeNames, 'user-input', 'service-class']);

/** RFC 5025 §3.3.2.14: "unknown" is what no authorization policy is defined for. */
function isKnown(namespace: string, local: string): boolean {
  return namespace === PIDF || namespace === DATA_MODEL || (namespace === RPID && rpidNames.has(local));
}
