// Owns JSON-RPC 2.0: one text in, the text of the answer out, whatever the text was.
import { RollcallError } from '../base/errors';
import { didYouMean } from '../base/nearest';
import { bindArgs, type CommandCall, type CommandTable } from './command';

/** The numbers of the specification, and ours for a command that says no. */
export const rpcErrors = {
  parse: -32700,
  invalidRequest: -32600,
  noMethod: -32601,
  invalidParams: -32602,
  internal: -32603,
  refused: -32000,
} as const;

/** An answer that says what went wrong. */
interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: { readonly hint?: string };
}

type Id = string | number | null;

/** Requests in one batch: more would be work without bound for one line. */
const maxBatch = 50;

/**
 * Serves one text: a request, a notification, or a batch of them. The answer is undefined when none is due. Never rejects.
 * @param report told of a command's own faults, which the caller sees as "internal error" only
 */
export async function serveText(
  text: string,
  commands: CommandTable,
  call: CommandCall,
  report: (error: unknown, method: string) => void,
): Promise<string | undefined> {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return JSON.stringify(failure(null, { code: rpcErrors.parse, message: 'not JSON' }));
  }
  if (!Array.isArray(message)) {
    const answer = await serveOne(message, commands, call, report);
    return answer === undefined ? undefined : JSON.stringify(answer);
  }
  if (message.length === 0 || message.length > maxBatch) {
    const wrong = `a batch holds 1 to ${maxBatch} requests`;
    return JSON.stringify(failure(null, { code: rpcErrors.invalidRequest, message: wrong }));
  }
  const answers: object[] = [];
  for (const each of message) {
    const answer = await serveOne(each, commands, call, report);
    if (answer !== undefined) answers.push(answer);
  }
  return answers.length === 0 ? undefined : JSON.stringify(answers);
}

async function serveOne(
  message: unknown,
  commands: CommandTable,
  call: CommandCall,
  report: (error: unknown, method: string) => void,
): Promise<object | undefined> {
  const request = (typeof message === 'object' && message !== null ? message : {}) as Record<string, unknown>;
  const id = isId(request.id) ? request.id : null;
  const { method } = request;
  if (request.jsonrpc !== '2.0' || typeof method !== 'string' || (request.id !== undefined && !isId(request.id))) {
    return failure(id, { code: rpcErrors.invalidRequest, message: 'not a JSON-RPC 2.0 request' });
  }
  const outcome = await run(method, request.params, commands, call, report);
  if (request.id === undefined) return undefined;
  return 'code' in outcome ? failure(id, outcome) : { jsonrpc: '2.0', id, result: outcome.result };
}

async function run(
  method: string,
  params: unknown,
  commands: CommandTable,
  call: CommandCall,
  report: (error: unknown, method: string) => void,
): Promise<RpcError | { readonly result: unknown }> {
  const command = commands.get(method);
  if (command === undefined) {
    const message = `there is no command "${method.slice(0, 100)}"${didYouMean(method, commands.keys())}`;
    return { code: rpcErrors.noMethod, message, data: { hint: '`help` lists them' } };
  }
  const bound = bindArgs(method, command, params);
  if ('problem' in bound) return { code: rpcErrors.invalidParams, message: bound.problem };
  try {
    return { result: (await command.run(bound.args, call)) ?? null };
  } catch (error) {
    if (error instanceof RollcallError) {
      const { message, hint } = error;
      return { code: rpcErrors.refused, message, ...(hint === undefined ? {} : { data: { hint } }) };
    }
    report(error, method);
    return { code: rpcErrors.internal, message: 'internal error: the log of the server says more' };
  }
}

/** A value that a command sends ahead of its result. */
export function notification(value: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', method: 'value', params: { value } });
}

function failure(id: Id, error: RpcError): object {
  return { jsonrpc: '2.0', id, error };
}

function isId(value: unknown): value is Id {
  return typeof value === 'string' || typeof value === 'number' || value === null;
}
