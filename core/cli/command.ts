// Owns the shape of a command of `rollcall`, and what commands that take a config file share.
import { parseArgs } from 'node:util';
import { RollcallError } from '../base/errors';
import type { Terminal } from './client-target';

/** One command: its usage, whose first line is `rollcall NAME ARGS   what it does`, and what it does. */
export interface CliCommand {
  readonly usage: string;
  /** Resolves to the exit code. A RollcallError is printed with its hint, and the code is 1. */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

/** Reads `-f FILE` and what else may come. @throws RollcallError without -f */
export function configArguments(args: readonly string[]): { file: string; words: string[]; out: string | undefined } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { file: { type: 'string', short: 'f' }, out: { type: 'string', short: 'o' } },
  });
  if (values.file === undefined) {
    throw new RollcallError('no config file given', {
      hint: 'name it with -f FILE, for instance -f etc/rollcall.yaml',
    });
  }
  return { file: values.file, words: positionals, out: values.out };
}
