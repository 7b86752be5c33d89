// Owns `rollcall ctl`: asks a running server over its control socket and shows what it says.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { RollcallError } from '../base/errors';
import { readConfig } from '../config/config';
import { callControl } from '../control/client';
import type { Terminal } from './client-target';
import { shown } from './table';

export const ctlUsage = `rollcall ctl COMMAND [ARGS]    ask or steer a running server (\`ctl help\` lists the commands)

  -f, --file FILE    the server's config file, whose control socket is used; etc/rollcall.yaml when it is there
      --socket PATH  the control socket itself
      --json         the result as JSON, one value a line`;

const usualFile = 'etc/rollcall.yaml';

/** Runs the command: exit code 0 when the server did what it was asked. */
export async function ctl(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      file: { type: 'string', short: 'f' },
      socket: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const [command = 'help', ...rest] = positionals;
  const show = (value: unknown) => {
    for (const line of values.json ? [JSON.stringify(value)] : shown(value)) terminal.out(line);
  };
  const result = await callControl({
    socket: values.socket ?? socketOf(values.file),
    command,
    args: rest,
    onValue: show,
    signal: terminal.interrupted,
  });
  if (result !== undefined) show(result);
  return 0;
}

/** What the config says, whether or not the rest of it is right. */
function socketOf(file: string | undefined): string {
  if (file === undefined && !existsSync(usualFile)) {
    throw new RollcallError('which server?', {
      hint: 'name its config with -f FILE, or its socket with --socket PATH',
    });
  }
  const { control } = readConfig(file ?? usualFile);
  if (control !== undefined) return control;
  throw new RollcallError(`${file ?? usualFile} names no control socket`, {
    hint: 'add `control: unix:PATH` and restart the server',
  });
}
