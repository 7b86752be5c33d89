// Owns the command lines that manuals show: how each is tried out against a live server without the tools that it names.
import assert from 'node:assert/strict';
import { connect } from 'node:net';

/** Where the server under test is reached, and what its token is. */
export interface Reached {
  readonly control: string;
  readonly http: number;
  readonly token: string;
}

/** Splits a command line as a shell does, with double and single quotes. */
export function words(line: string): string[] {
  return [...line.replace(/\s#.*$/, '').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? '');
}

/** The arguments of `bin/rollcall` with the control socket of the server under test in place of the one that is shown. */
export function toControl(args: readonly string[], { control }: Reached): string[] {
  const at = args.findIndex((word) => word === '-f' || word === '--socket');
  const others = at < 0 ? args.slice(1) : [...args.slice(1, at), ...args.slice(at + 2)];
  return [args[0] ?? '', '--socket', control, ...others];
}

/** `curl URL [-H HEADER] [-d BODY]`: succeeds when the answer is a 2xx. */
export async function tryCurl(args: readonly string[], { http, token }: Reached): Promise<void> {
  const url = new URL(args[0] ?? '');
  url.port = String(http);
  const headers: Record<string, string> = {};
  let body: string | undefined;
  for (let i = 1; i < args.length; i += 2) {
    const value = (args[i + 1] ?? '').replace('$TOKEN', token);
    if (args[i] === '-H') headers[value.slice(0, value.indexOf(':'))] = value.slice(value.indexOf(':') + 1).trim();
    else if (args[i] === '-d') body = value;
    else assert.fail(`nobody knows curl ${args[i]}`);
  }
  const answer = await fetch(url, body === undefined ? { headers } : { method: 'POST', headers, body });
  assert.ok(answer.ok, `${url}: ${answer.status} ${await answer.text()}`);
}

/** `echo TEXT | socat - UNIX-CONNECT:PATH`: succeeds when a JSON-RPC result comes back. */
export async function trySocat(text: string, { control }: Reached): Promise<void> {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(control, () => socket.write(`${text}\n`));
    let got = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      got += part;
      if (got.includes('\n')) socket.destroy();
    });
    socket.once('close', () => resolve(got)).once('error', reject);
  });
  assert.ok('result' in (JSON.parse(answer) as object), answer);
}
