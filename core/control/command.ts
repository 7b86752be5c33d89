// Owns the declaration of control commands: their arguments, the check of what a caller gave, and the help made from both.
import { didYouMean } from '../base/nearest';

/** One argument, always text. Optional ones come last. */
export interface CommandArg {
  readonly name: string;
  readonly optional?: boolean;
  readonly doc?: string;
}

/** A call while it runs. */
export interface CommandCall {
  /** Sends a value ahead of the result: for commands that go on until the caller leaves. */
  notify(value: unknown): void;
  /** Aborted when the caller has gone. */
  readonly gone: AbortSignal;
}

/** Something that can be asked of a running server. */
export interface ControlCommand {
  readonly summary: string;
  readonly args: readonly CommandArg[];
  /** The result is sent as JSON. A RollcallError is for the caller to read; anything else is a fault of ours. */
  run(args: readonly string[], call: CommandCall): unknown;
}

/** Commands by name: `reload`, `presence.cleanup`. Asked for at each call, because modules come and go. */
export type CommandTable = ReadonlyMap<string, ControlCommand>;

/** The words of a call in the order of the declaration, or what is wrong with them. */
export type BoundArgs = { readonly args: readonly string[] } | { readonly problem: string };

/**
 * Takes JSON-RPC `params` by position or by name. Numbers and booleans are taken as their text, so that `[25]` and `["25"]`
 * are one; what was left out at the end is not there.
 */
export function bindArgs(name: string, { args: declared }: ControlCommand, params: unknown): BoundArgs {
  const usage = `usage: ${usageOf(name, declared)}`;
  const values = params === undefined ? [] : Array.isArray(params) ? params : byName(declared, params);
  if (typeof values === 'string') return { problem: `${values}; ${usage}` };
  if (values.length > declared.length) {
    return { problem: declared.length === 0 ? `${name} takes no arguments` : `too many arguments; ${usage}` };
  }
  const args: string[] = [];
  for (const [index, arg] of declared.entries()) {
    const value: unknown = values[index];
    if (value === undefined || value === null) {
      if (arg.optional !== true) return { problem: `${arg.name} is missing; ${usage}` };
      break;
    }
    if (typeof value === 'object') return { problem: `${arg.name} must be text; ${usage}` };
    args.push(String(value));
  }
  return { args };
}

function byName(declared: readonly CommandArg[], params: unknown): unknown[] | string {
  if (typeof params !== 'object' || params === null) return 'params must be a list or an object';
  const given = new Map(Object.entries(params));
  const names = declared.map((arg) => arg.name);
  for (const key of given.keys()) {
    if (!names.includes(key)) return `there is no argument "${key}"${didYouMean(key, names)}`;
  }
  return names.map((name) => given.get(name));
}

/** `set MODULE PARAMETER VALUE`, `modules [MODULE]`. */
export function usageOf(name: string, args: readonly CommandArg[]): string {
  const words = args.map((arg) => (arg.optional === true ? `[${arg.name.toUpperCase()}]` : arg.name.toUpperCase()));
  return [name, ...words].join(' ');
}

/** One line of the list of all commands. */
export interface HelpLine {
  readonly command: string;
  readonly summary: string;
}

/** All commands, those of the core first. */
export function helpLines(commands: CommandTable): HelpLine[] {
  return [...commands]
    .toSorted(([a], [b]) => Number(a.includes('.')) - Number(b.includes('.')) || (a < b ? -1 : 1))
    .map(([name, { args, summary }]) => ({ command: usageOf(name, args), summary }));
}

/** Everything declared about one command. */
export function helpOf(name: string, { args, summary }: ControlCommand): object {
  const documented = args.map((arg) => ({
    argument: arg.name.toUpperCase(),
    meaning: `${arg.doc ?? ''}${arg.optional === true ? ' (may be left out)' : ''}`.trim(),
  }));
  return { command: usageOf(name, args), summary, ...(args.length > 0 ? { arguments: documented } : {}) };
}
