// Owns what rules grant: permissions as data, their union (RFC 4745 §10.2), and the view with its canonical key.
import { createHash } from 'node:crypto';
import type { View } from '../../presence/api';

/** The presence attributes that have a permission of their own (RFC 5025 §3.3.2), by the name of their element. */
export const attributeNames = [
  'activities',
  'class',
  'deviceID',
  'mood',
  'note',
  'place-is',
  'place-type',
  'privacy',
  'relationship',
  'sphere',
  'status-icon',
  'time-offset',
] as const;
export type AttributeName = (typeof attributeNames)[number];

/** How much of user-input is granted, in rising order (RFC 5025 §3.3.2.12). */
export const userInputLevels = ['false', 'bare', 'thresholds', 'full'] as const;
export type UserInputLevel = (typeof userInputLevels)[number];

/** Which services, persons or devices: all, or those that one of the selectors names. */
export interface Selection {
  readonly all: boolean;
  /** Type and value with a blank between: `class biz`, `occurrence-id p1`, `service-uri-scheme sip`. */
  readonly selectors: ReadonlySet<string>;
}

/** Kept as plain data, so that a view outlives a reload of this module. */
export interface Permissions {
  readonly services: Selection;
  readonly persons: Selection;
  readonly devices: Selection;
  readonly allAttributes: boolean;
  readonly attributes: ReadonlySet<AttributeName>;
  readonly userInput: UserInputLevel;
  /** provide-unknown-attribute: `unknownKey` of each. */
  readonly unknown: ReadonlySet<string>;
}

/** A local name holds no blank, so two names never make one key. */
export function unknownKey(namespace: string, local: string): string {
  return `${local} ${namespace}`;
}

const none: Selection = { all: false, selectors: new Set() };

export const nothing: Permissions = {
  services: none,
  persons: none,
  devices: none,
  allAttributes: false,
  attributes: new Set(),
  userInput: 'false',
  unknown: new Set(),
};

/** RFC 4745 §10.2: booleans by OR, enumerations by the highest value, sets by union. */
export function combine(list: readonly Permissions[]): Permissions {
  const [first = nothing] = list;
  if (list.length < 2) return first;
  const levels = list.map(({ userInput }) => userInputLevels.indexOf(userInput));
  return {
    services: unite(list.map(({ services }) => services)),
    persons: unite(list.map(({ persons }) => persons)),
    devices: unite(list.map(({ devices }) => devices)),
    allAttributes: list.some(({ allAttributes }) => allAttributes),
    attributes: union(list.map(({ attributes }) => attributes)),
    userInput: userInputLevels[Math.max(...levels)] ?? 'false',
    unknown: union(list.map(({ unknown }) => unknown)),
  };
}

function unite(list: readonly Selection[]): Selection {
  return { all: list.some(({ all }) => all), selectors: union(list.map(({ selectors }) => selectors)) };
}

function union<T>(sets: readonly ReadonlySet<T>[]): ReadonlySet<T> {
  const all = new Set<T>();
  for (const set of sets) for (const item of set) all.add(item);
  return all;
}

export interface GrantedView extends View {
  readonly permissions: Permissions;
}

/** A view without what makes no difference, so that permissions that let the same be seen have one key. */
export function viewOf(granted: Permissions): GrantedView {
  const permissions = simplified(granted);
  return { key: keyOf(permissions), grantsNothing: isNothing(permissions), permissions };
}

/** What a view grants: nothing when it was not made here. */
export function permissionsOf(view: View): Permissions {
  return (view as Partial<GrantedView>).permissions ?? nothing;
}

/** Everything is granted, so nothing has to be taken out. */
export function isEverything({ services, persons, devices, allAttributes }: Permissions): boolean {
  return services.all && persons.all && devices.all && allAttributes;
}

/** No service, person or device is granted, so there is nothing whose attributes could be. */
export function isNothing({ services, persons, devices }: Permissions): boolean {
  return isEmpty(services) && isEmpty(persons) && isEmpty(devices);
}

function isEmpty({ all, selectors }: Selection): boolean {
  return !all && selectors.size === 0;
}

function simplified(granted: Permissions): Permissions {
  if (isNothing(granted)) return nothing;
  const { allAttributes } = granted;
  return {
    services: withoutSubsumed(granted.services),
    persons: withoutSubsumed(granted.persons),
    devices: withoutSubsumed(granted.devices),
    allAttributes,
    attributes: allAttributes ? nothing.attributes : granted.attributes,
    userInput: allAttributes ? 'full' : granted.userInput,
    unknown: allAttributes ? nothing.unknown : granted.unknown,
  };
}

function withoutSubsumed(selection: Selection): Selection {
  return selection.all ? { all: true, selectors: none.selectors } : selection;
}

const longestKey = 100;

/** The same for every order of the same sets. A long one is replaced by its SHA-256. */
function keyOf(permissions: Permissions): string {
  if (isNothing(permissions)) return 'nothing';
  if (isEverything(permissions)) return 'everything';
  const { services, persons, devices, allAttributes, attributes, userInput, unknown } = permissions;
  const text = JSON.stringify([
    ...[services, persons, devices].map(({ all, selectors }) => (all ? '*' : [...selectors].sort())),
    allAttributes ? '*' : [[...attributes].sort(), userInput, [...unknown].sort()],
  ]);
  return text.length <= longestKey ? text : `sha256:${createHash('sha256').update(text).digest('base64url')}`;
}
