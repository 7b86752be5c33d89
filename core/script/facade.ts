// Owns what the sandbox is told about the outside: the functions of loaded modules, and what belongs to no module.
import type { ScriptArg, ScriptFunction } from '../module/function';
import { replyFields, requestFields } from './fields';

/** Functions of the loaded modules, by module. A live view: after a reload it holds the new ones. */
export type FunctionTable = ReadonlyMap<string, Readonly<Record<string, ScriptFunction>>>;

/** Types that `rollcall` exports; nothing of them is left at run time. */
export const rollcallTypes: readonly string[] = ['Request', 'Reply', 'RequestView', 'Event', 'Message'];

/** Functions that `rollcall` exports, with their declaration for the editor. The sandbox side implements them. */
export const rollcallFunctions: ReadonlyMap<string, { readonly doc: string; readonly declaration: string }> = new Map([
  [
    'avp',
    {
      doc: 'The value of an AVP of this request, by its number; undefined when nothing set it.',
      declaration: 'avp(req: Request, id: number | string): string | number | undefined',
    },
  ],
  [
    'set_avp',
    {
      doc: 'Sets an AVP of this request. Modules read it where a parameter names its number.',
      declaration: 'set_avp(req: Request, id: number | string, value: string | number): void',
    },
  ],
  [
    'route',
    {
      doc: 'Calls another exported function of the script by its name, and waits for it.',
      declaration: 'route(req: Request, name: string): Promise<unknown>',
    },
  ],
]);

/** One function as the sandbox side makes it. Crosses as JSON. */
export interface FunctionOutline {
  readonly module: string;
  readonly name: string;
  readonly args: readonly Pick<ScriptArg, 'name' | 'type' | 'optional'>[];
  readonly waits: boolean;
}

/** What the sandbox side is told once. Crosses as JSON. */
export interface Outline {
  /** All loaded modules, those without functions too. */
  readonly modules: readonly string[];
  readonly functions: readonly FunctionOutline[];
  readonly requestFields: readonly string[];
  readonly replyFields: readonly string[];
  /** Most loop turns and calls of one run. */
  readonly maxTurns: number;
}

/** The functions in a fixed order: a function's place is its number in a call. */
export function outlineFunctions(table: FunctionTable): FunctionOutline[] {
  return [...table].flatMap(([module, functions]) =>
    Object.entries(functions).map(([name, { args, waits }]) => ({
      module,
      name,
      args: args.map((arg) => ({ name: arg.name, type: arg.type, optional: arg.optional === true })),
      waits,
    })),
  );
}

export function outline(table: FunctionTable, maxTurns: number): Outline {
  return {
    modules: [...table.keys()],
    functions: outlineFunctions(table),
    requestFields: requestFields.map((field) => field.name),
    replyFields: replyFields.map((field) => field.name),
    maxTurns,
  };
}
