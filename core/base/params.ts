// Owns parameter declarations: one entry says type, default, range, unit and text; checks, manuals and types come from it.
import { didYouMean } from './nearest';

/** What a parameter's number means. Anything that counts things has no unit. */
export type Unit = 's' | 'ms' | 'bytes';

interface Common<T> {
  /** One or two sentences for the manual. */
  doc: string;
  unit?: Unit;
  /** Its value is never printed, not even when it is wrong. */
  secret?: boolean;
  /** A change takes effect through `configure` without setting the module up again. */
  live?: boolean;
  /** What is wrong with a value of the right type and range, as the end of `NAME …`: `must not …`. */
  check?(value: T): string | undefined;
}

export interface NumberParam extends Common<number> {
  type: 'integer' | 'number';
  /** undefined: the parameter may stay unset. */
  default: number | undefined;
  min?: number;
  max?: number;
}

export interface StringParam extends Common<string> {
  type: 'string';
  default: string | undefined;
  /** The only words accepted. */
  oneOf?: readonly string[];
  /** The module that this value asks for, as `databaseModule` says it for a database URL; it is set up before. */
  needs?(value: string): string | undefined;
}

export interface BooleanParam extends Common<boolean> {
  /** Accepts true and false, and Kamailio's 1 and 0. */
  type: 'boolean';
  default: boolean | undefined;
}

export type ParamDeclaration = NumberParam | StringParam | BooleanParam;

/** Parameters by the snake_case name that an operator types. */
export type ParamDeclarations = Readonly<Record<string, ParamDeclaration>>;

export type ParamValue = number | string | boolean;

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

type TypeOf<D extends ParamDeclaration> = D extends { type: 'integer' | 'number' }
  ? number
  : D extends { type: 'boolean' }
    ? boolean
    : D extends { oneOf: readonly (infer W extends string)[] }
      ? W
      : string;

/** The values of declared parameters, by camelCase name: `max_expires` is `maxExpires`. */
export type ParamValues<P extends ParamDeclarations> = {
  readonly [K in keyof P & string as CamelCase<K>]: undefined extends P[K]['default']
    ? TypeOf<P[K]> | undefined
    : TypeOf<P[K]>;
};

/** Gives a table of declarations its exact type, so that `ParamValues` knows the words of `oneOf` and what may be unset. */
export function declareParams<const P extends ParamDeclarations>(params: P): P {
  return params;
}

/** `max_expires` → `maxExpires`. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Every parameter at its given value or its default, by camelCase name. */
export function paramValues<P extends ParamDeclarations>(
  declarations: P,
  given: ReadonlyMap<string, ParamValue> = new Map(),
): ParamValues<P> {
  const values: Record<string, ParamValue | undefined> = {};
  for (const [name, declaration] of Object.entries(declarations)) {
    values[camelCase(name)] = given.get(name) ?? declaration.default;
  }
  return values as ParamValues<P>;
}

/** A value as it was written: parsed, and its text, so that `10` can be the string "10". */
export interface WrittenValue {
  /** A number, a string or a boolean; anything else is refused by name: null, a list, a map. */
  readonly value: unknown;
  readonly text: string;
}

export type ParamResult = { readonly value: ParamValue } | { readonly problem: string };

/** Reads one value by its declaration. The problem is a sentence that starts with the parameter's name. */
export function readParam(name: string, declaration: ParamDeclaration, written: WrittenValue): ParamResult {
  if (written.value === null || written.value === undefined) return { problem: `${name} has no value` };
  const value = convert(declaration, written);
  const shown = declaration.secret === true ? '' : `, not ${show(written)}`;
  if (value === undefined) return { problem: `${name} expects ${describeType(declaration)}${shown}` };
  const range = describeRange(declaration);
  if (range !== '' && !inRange(declaration, value)) {
    const words = declaration.type === 'string' ? (declaration.oneOf ?? []) : [];
    return { problem: `${name} must be ${range}${shown}${didYouMean(written.text, words)}` };
  }
  const fault = (declaration.check as ((value: ParamValue) => string | undefined) | undefined)?.(value);
  return fault === undefined ? { value } : { problem: `${name} ${fault}` };
}

const booleans = new Map<unknown, boolean>([
  ...[true, 1, 'true', '1', 'yes', 'on'].map((word) => [word, true] as const),
  ...[false, 0, 'false', '0', 'no', 'off'].map((word) => [word, false] as const),
]);

function convert(declaration: ParamDeclaration, { value, text }: WrittenValue): ParamValue | undefined {
  if (typeof value === 'object') return undefined;
  if (declaration.type === 'string') return text;
  if (declaration.type === 'boolean') return booleans.get(value);
  // A number that came through ${ENV} is written as a string.
  const number = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return undefined;
  return declaration.type === 'number' || Number.isSafeInteger(number) ? number : undefined;
}

function inRange(declaration: ParamDeclaration, value: ParamValue): boolean {
  if (typeof value === 'number' && declaration.type !== 'string' && declaration.type !== 'boolean') {
    return (
      value >= (declaration.min ?? Number.NEGATIVE_INFINITY) && value <= (declaration.max ?? Number.POSITIVE_INFINITY)
    );
  }
  return declaration.type !== 'string' || (declaration.oneOf ?? []).includes(String(value));
}

function show({ value, text }: WrittenValue): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return typeof value === 'string' ? JSON.stringify(value) : text;
}

const typeWords = {
  integer: 'an integer',
  number: 'a number',
  string: 'a string',
  boolean: 'true or false (or 1 or 0)',
};

/** `an integer (s)`. */
export function describeType(declaration: ParamDeclaration): string {
  return typeWords[declaration.type] + (declaration.unit === undefined ? '' : ` (${declaration.unit})`);
}

/** `from 1 to 3600 s`, `at least 0`, `one of text, json`; empty when anything of the type will do. */
export function describeRange(declaration: ParamDeclaration): string {
  if (declaration.type === 'boolean') return '';
  if (declaration.type === 'string')
    return declaration.oneOf === undefined ? '' : `one of ${declaration.oneOf.join(', ')}`;
  const { min, max } = declaration;
  const unit = declaration.unit === undefined ? '' : ` ${declaration.unit}`;
  if (min !== undefined && max !== undefined) return `from ${min} to ${max}${unit}`;
  if (min !== undefined) return `at least ${min}${unit}`;
  return max === undefined ? '' : `at most ${max}${unit}`;
}
