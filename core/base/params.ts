// Owns parameter declarations: one entry says type, default, range, unit and text; checks, manuals and types come from it.

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
  /** What is wrong with a value of the right type and range, as the end of "NAME …": `must not …`. */
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
