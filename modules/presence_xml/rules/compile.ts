// Owns compiling a rules document: the structure that the schemas of RFC 4745 §13 and RFC 5025 §7 demand, read rule by rule.
import type { CompiledRules } from '../../presence/api';
import {
  type Condition,
  IdentityCondition,
  type Many,
  type Span,
  SphereCondition,
  UnknownCondition,
  ValidityCondition,
} from './conditions';
import {
  childrenOf,
  collapse,
  fault,
  nameOf,
  placeOf,
  quoted,
  type RuleElement,
  RuleFault,
  readRules,
  tokenOf,
  Warnings,
  wordsOf,
} from './document';
import { domainKey, identityOf } from './identity';
import { nothing } from './permissions';
import { type Rule, Ruleset } from './ruleset';
import { readDateTime } from './time';
import { COMMON_POLICY, readActions, readTransformations } from './transformations';

export type Compiled =
  | { readonly ok: true; readonly rules: CompiledRules; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly reason: string };

/** Compiles a document. Linear in its size; `reason` and `warnings` say line:column and what, in printable ASCII. */
export function compileRules(document: Buffer): Compiled {
  try {
    const warnings = new Warnings();
    const rules = readRuleset(readRules(document), warnings);
    return { ok: true, rules: new Ruleset(rules), warnings: warnings.list(document) };
  } catch (error) {
    if (!(error instanceof RuleFault)) throw error;
    const placed = /^not well-formed, line (\d+:\d+): (.*)$/.exec(error.message);
    const [place, what] =
      placed === null ? [placeOf(document.toString('utf8'), error.end), error.message] : [placed[1], placed[2]];
    return { ok: false, reason: placed === null ? `${place}: ${what}` : `${place}: not well-formed: ${what}` };
  }
}

function readRuleset(root: RuleElement, warnings: Warnings): Rule[] {
  if (root.local !== 'ruleset') fault(root, `root element is ${nameOf(root)}, not ruleset`);
  if (root.uri !== COMMON_POLICY) fault(root, `ruleset is not in namespace ${COMMON_POLICY}`);
  const ids = new Set<string>();
  return childrenOf(root).map((element) => {
    if (!isCommon(element, 'rule')) fault(element, `${nameOf(element)} does not belong into ruleset`);
    const id = collapse(element.attributes.get('id') ?? '');
    if (id === '') fault(element, 'rule without id');
    if (ids.has(id)) fault(element, `second rule with id ${quoted(id)}`);
    ids.add(id);
    return readRule(id, element, warnings);
  });
}

function isCommon({ uri, local }: RuleElement, name: string): boolean {
  return uri === COMMON_POLICY && local === name;
}

const parts = ['conditions', 'actions', 'transformations'];

function readRule(id: string, element: RuleElement, warnings: Warnings): Rule {
  const rule: { -readonly [K in keyof Rule]: Rule[K] } = {
    id,
    conditions: [],
    handling: undefined,
    permissions: nothing,
  };
  let before = -1;
  for (const part of childrenOf(element)) {
    const place = part.uri === COMMON_POLICY ? parts.indexOf(part.local) : -1;
    if (place === -1) fault(part, `${nameOf(part)} does not belong into rule`);
    if (place <= before) fault(part, `${part.local} stands after ${parts[before]}`);
    before = place;
    if (part.local === 'conditions') rule.conditions = childrenOf(part).map((child) => readCondition(child, warnings));
    else if (part.local === 'actions') rule.handling = readActions(part, warnings);
    else rule.permissions = readTransformations(part, warnings);
  }
  return rule;
}

function readCondition(element: RuleElement, warnings: Warnings): Condition {
  if (element.uri !== COMMON_POLICY) {
    warnings.add(element, `condition ${nameOf(element)} is not known here, so its rule never matches`);
    return new UnknownCondition(element.local);
  }
  switch (element.local) {
    case 'identity':
      return readIdentity(element, warnings);
    case 'sphere':
      return readSphere(element, warnings);
    case 'validity':
      return readValidity(element, warnings);
    default:
      fault(element, `${nameOf(element)} is not a condition`);
  }
}

/**
 * An empty identity is read as RFC 4745 §7.1.1 has it: none of its children is true. RFC 5025 §3.1.1.2 mentions one that
 * matches who is not authenticated; a client that takes the last buddy out of a rule must not let the world in.
 */
function readIdentity(element: RuleElement, warnings: Warnings): Condition {
  const ones = new Set<string>();
  const manys: Many[] = [];
  const children = childrenOf(element);
  if (children.length === 0) warnings.add(element, 'identity is empty, so its rule never matches');
  for (const child of children) {
    if (isCommon(child, 'one')) readOne(ones, child, warnings);
    else if (isCommon(child, 'many')) readMany(manys, child, warnings);
    else if (child.uri === COMMON_POLICY) fault(child, `${nameOf(child)} does not belong into identity`);
    else warnings.add(child, `identity ${nameOf(child)} is not known here and matches nobody`);
  }
  return new IdentityCondition(ones, manys);
}

/** A `one` or `many` with an element inside that is not known here could mean fewer than it seems to: it matches nobody. */
function isUnderstood(element: RuleElement, known: readonly RuleElement[], warnings: Warnings): boolean {
  const unknown = childrenOf(element).find((child) => !known.includes(child));
  if (unknown === undefined) return true;
  if (unknown.uri === COMMON_POLICY) fault(unknown, `${nameOf(unknown)} does not belong into ${nameOf(element)}`);
  warnings.add(unknown, `${nameOf(unknown)} is not known here, so its ${nameOf(element)} matches nobody`);
  return false;
}

function readOne(ones: Set<string>, element: RuleElement, warnings: Warnings): void {
  const id = element.attributes.get('id');
  if (id === undefined) fault(element, 'one without id');
  if (element.attributes.has('domain')) fault(element, 'one with a domain');
  const identity = identityOf(id);
  if (identity === undefined) warnings.add(element, `${quoted(id)} is not a URI and matches nobody`);
  else if (isUnderstood(element, [], warnings)) ones.add(identity.key);
}

function readMany(manys: Many[], element: RuleElement, warnings: Warnings): void {
  const excepts = childrenOf(element).filter((child) => isCommon(child, 'except'));
  const exceptIds = new Set<string>();
  const exceptDomains = new Set<string>();
  let understood = isUnderstood(element, excepts, warnings);
  for (const except of excepts) {
    if (childrenOf(except).length > 0) fault(except, 'except has to be empty');
    const id = except.attributes.get('id');
    const domain = except.attributes.get('domain');
    if (id !== undefined && domain !== undefined) fault(except, 'except with an id and a domain');
    const key = id === undefined ? domainKey(domain ?? '') : identityOf(id)?.key;
    if (key !== undefined) (id === undefined ? exceptDomains : exceptIds).add(key);
    else {
      // Whoever is meant must not be let in by a mistake in the exception.
      understood = false;
      warnings.add(except, `${quoted(id ?? domain ?? '')} excepts nobody, so its many matches nobody`);
    }
  }
  const written = element.attributes.get('domain');
  const domain = written === undefined ? undefined : domainKey(written);
  if (written !== undefined && domain === undefined) {
    warnings.add(element, `${quoted(written)} is not a domain and matches nobody`);
  } else if (understood) manys.push({ domain, exceptIds, exceptDomains });
}

function readSphere(element: RuleElement, warnings: Warnings): Condition {
  const value = element.attributes.get('value');
  if (value === undefined) fault(element, 'sphere without value');
  if (childrenOf(element).length > 0) fault(element, 'sphere has to be empty');
  const tokens = new Set(wordsOf(value.toLowerCase()));
  if (tokens.size === 0) warnings.add(element, 'sphere names none, so its rule never matches');
  return new SphereCondition(tokens);
}

function readValidity(element: RuleElement, warnings: Warnings): Condition {
  const children = childrenOf(element);
  if (children.length === 0) fault(element, 'validity is empty');
  const spans: Span[] = [];
  for (let i = 0; i < children.length; i += 2) {
    const [from, until] = [readTime(children[i], 'from', element), readTime(children[i + 1], 'until', element)];
    if (from < until) spans.push({ from, until });
    else warnings.add(children[i + 1] ?? element, 'until is not after from, so this span never is');
  }
  return new ValidityCondition(spans);
}

function readTime(element: RuleElement | undefined, name: string, validity: RuleElement): number {
  if (element === undefined) fault(validity, `validity ends without ${name}`);
  if (!isCommon(element, name)) fault(element, `${nameOf(element)} stands where ${name} should`);
  const text = tokenOf(element);
  return readDateTime(text) ?? fault(element, `${name} is ${quoted(text)}, not a date and time`);
}
