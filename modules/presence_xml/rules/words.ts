// Owns saying in plain English what a rule means, for `rollcall rules FILE`.
import type { Handling } from '../../presence/api';
import { IdentityCondition, listed, plain } from './conditions';
import { isNothing, type Permissions, type Selection } from './permissions';
import type { Rule } from './ruleset';

const verdicts: Record<Handling, string> = {
  allow: 'may subscribe',
  'polite-block': 'may subscribe but always sees nobody there',
  confirm: 'waits until you decide',
  block: 'is refused',
};

/** `a: sip:bob@example.com may subscribe; sees all services, with note; while the sphere is work`. */
export function describeRule({ id, conditions, handling, permissions }: Rule): string {
  const identities = conditions.filter((condition) => condition instanceof IdentityCondition);
  const others = conditions.filter((condition) => !(condition instanceof IdentityCondition));
  const who = identities.map(({ words }) => words).join(', and also ') || 'anybody, authenticated or not,';
  const parts = [
    `${plain(id)}: ${who} ${handling === undefined ? `${verdicts.block} (no sub-handling)` : verdicts[handling]}`,
  ];
  // Without an allow of its own the rule still grants this to whom another rule allows.
  parts.push(`sees ${seen(permissions)}`);
  parts.push(...others.map(({ words }) => words));
  return parts.join('; ');
}

/** What permissions let be seen: `all services and persons of class biz, with note`. */
export function seen(permissions: Permissions): string {
  if (isNothing(permissions)) return 'nothing';
  const { services, persons, devices } = permissions;
  const components = [
    selected('services', services),
    selected('persons', persons),
    selected('devices', devices),
  ].filter((text) => text !== '');
  return `${listed(components, 'and')}, with ${attributes(permissions)}`;
}

function selected(what: string, { all, selectors }: Selection): string {
  if (all) return `all ${what}`;
  const names: string[] = [];
  for (const selector of selectors) {
    // A URI has a second selector, which compares its parameters.
    if (selector.includes('\n')) continue;
    const blank = selector.indexOf(' ');
    names.push(`${selector.slice(0, blank)} ${plain(selector.slice(blank + 1))}`);
  }
  return names.length === 0 ? '' : `${what} of ${listed(names, 'or')}`;
}

function attributes({ allAttributes, attributes: granted, userInput, unknown }: Permissions): string {
  if (allAttributes) return 'all their attributes';
  const names: string[] = [...granted];
  if (userInput !== 'false') names.push(`user-input (${userInput})`);
  for (const key of unknown) {
    const blank = key.indexOf(' ');
    names.push(`${plain(key.slice(0, blank))} of ${plain(key.slice(blank + 1))}`);
  }
  return names.length === 0 ? 'no attributes' : listed(names, 'and');
}
