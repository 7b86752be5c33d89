// Owns the caller's side of the control socket: one command, its result, and the values that come ahead of it.
import { connect } from 'node:net';
import { RollcallError } from '../base/errors';

export interface ControlCall {
  readonly socket: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Takes each value that a command sends while it goes on. */
  onValue?(value: unknown): void;
  /** Ends the call: a command that goes on ends without a result. */
  readonly signal?: AbortSignal;
}

interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: { readonly value?: unknown };
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly data?: { readonly hint?: string } };
}

/**
 * Asks a running server.
 * @returns the command's result; undefined when the call was ended by its signal
 * @throws RollcallError with the server's own words when the command is refused, or says why the server cannot be reached
 */
export function callControl(call: ControlCall): Promise<unknown> {
  const { socket: path, command, args, signal } = call;
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const end = () => {
      signal?.removeEventListener('abort', leave);
      socket.destroy();
    };
    const leave = () => {
      end();
      resolve(undefined);
    };
    signal?.addEventListener('abort', leave);
    socket.once('connect', () => {
      socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: command, params: args })}\n`);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      end();
      reject(unreachable(path, error));
    });
    socket.once('close', () => {
      end();
      reject(new RollcallError(`the server closed the control socket before it answered`));
    });
    let unread = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (unread + text).split('\n');
      unread = lines.pop() ?? '';
      for (const line of lines) take(JSON.parse(line) as Message);
    });
    const take = ({ method, params, result, error }: Message) => {
      if (method !== undefined) {
        call.onValue?.(params?.value);
        return;
      }
      end();
      if (error === undefined) resolve(result);
      else reject(new RollcallError(error.message, error.data?.hint === undefined ? {} : { hint: error.data.hint }));
    };
  });
}

function unreachable(path: string, error: NodeJS.ErrnoException): RollcallError {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
    return new RollcallError(`no server answers at ${path}`, {
      hint: 'is it running, and does its config have `control: unix:PATH` with this path?',
    });
  }
  if (error.code === 'EACCES') return new RollcallError(`${path} belongs to another user: run this as the server's`);
  return new RollcallError(`${path} cannot be reached: ${error.message}`, { cause: error });
}
