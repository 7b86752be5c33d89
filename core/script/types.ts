// Owns the types of scripts: what an editor reads to know `rollcall` and the functions of the loaded modules.
import type { ScriptArg, ScriptFunction } from '../module/function';
import { rollcallFunctions } from './facade';
import { type Field, replyFields, requestFields } from './fields';

/** What is said about a module and its functions. */
export interface DescribedModule {
  readonly summary: string;
  readonly functions: Readonly<Record<string, ScriptFunction>>;
}

/** The text of `rollcall.d.ts` for these modules. The same modules give the same text. */
export function generateTypes(modules: ReadonlyMap<string, DescribedModule>): string {
  const blocks = [...modules]
    .filter(([, { functions }]) => Object.keys(functions).length > 0)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, module]) => moduleBlock(name, module));
  return [header, rollcallBlock(), ...blocks].join('\n');
}

const header = `// Generated from the modules' declarations: what routing scripts can import. Do not edit.

/** Writes to the server's log: log and info at info, the others at their own level. */
declare const console: Record<'log' | 'info' | 'debug' | 'warn' | 'error', (...values: unknown[]) => void>;
`;

/** What belongs to no module. */
function rollcallBlock(): string {
  const functions = [...rollcallFunctions.values()].flatMap(({ doc, declaration }) => [
    `  /** ${doc} */`,
    `  export function ${declaration};`,
  ]);
  return `/** What belongs to no module. */
declare module 'rollcall' {
  interface Message {
    /** The first value of a header; letter case does not matter, and compact names are known. */
    header(name: string): string | undefined;
    /** The value of every line of a header, in order. */
    headers(name: string): string[];
  }
  /** A request, to look at. A property throws when the request is broken there, and then the answer is 400. */
  export interface RequestView extends Message {
${properties(requestFields)}
  }
  /** The request that \`request_route\` is called with. It can be used until the route has ended. */
  export interface Request extends RequestView {
    readonly routed: unique symbol;
  }
  /** A reply that the server has received, as \`reply_route\` is called with it. */
  export interface Reply extends Message {
${properties(replyFields)}
  }
  /** What a route in \`event_route\` is called with. */
  export interface Event {
    readonly name: string;
    /** Plain values that the module gives; its manual names them. */
    readonly fields: Readonly<Record<string, string | number | undefined>>;
    readonly request: RequestView | undefined;
    readonly response: Reply | undefined;
  }
${functions.join('\n')}
}
`;
}

function properties(fields: readonly Field[]): string {
  return fields.map(({ name, type, doc }) => `    /** ${doc} */\n    readonly ${name}: ${type};`).join('\n');
}

function moduleBlock(name: string, { summary, functions }: DescribedModule): string {
  const names = Object.keys(functions).toSorted();
  const usesRequest = names.some((key) => functions[key]?.args.some((arg) => arg.type === 'request'));
  const declared = names.flatMap((key) => {
    const declaration = functions[key];
    return declaration === undefined ? [] : overloads(key, declaration);
  });
  return `/** ${comment(summary)} */
declare module '${name}' {
${usesRequest ? `  import type { Request } from 'rollcall';\n\n` : ''}${declared.join('\n')}
}
`;
}

/** A request that is optional and comes first may be left out: two ways to call. */
function overloads(name: string, declaration: ScriptFunction): string[] {
  const { args } = declaration;
  const [first] = args;
  const lines = [...docComment(declaration)];
  if (first?.type === 'request' && first.optional === true) {
    lines.push(signature(name, args.slice(1), declaration), ...docComment(declaration));
    lines.push(signature(name, [{ ...first, optional: false }, ...args.slice(1)], declaration));
  } else lines.push(signature(name, args, declaration));
  return lines;
}

function signature(name: string, args: readonly ScriptArg[], { returns, waits }: ScriptFunction): string {
  const list = args.map(({ name: arg, type, optional }) => {
    return `${arg}${optional === true ? '?' : ''}: ${type === 'request' ? 'Request' : type}`;
  });
  return `  export function ${name}(${list.join(', ')}): ${waits ? `Promise<${returns}>` : returns};`;
}

function docComment({ summary, args }: ScriptFunction): string[] {
  const described = args.filter((arg) => arg.doc !== undefined);
  if (described.length === 0) return [`  /** ${comment(summary)} */`];
  return [
    '  /**',
    `   * ${comment(summary)}`,
    ...described.map((arg) => `   * @param ${arg.name} ${comment(arg.doc ?? '')}`),
    '   */',
  ];
}

function comment(text: string): string {
  return text.replaceAll('*/', '*\\/').replaceAll('\n', ' ');
}
