// Owns `rollcall check`: every problem of a config file and of the script it names, without starting anything.
import { formatProblem } from '../base/problem';
import { readConfig } from '../config/config';
import type { Terminal } from './client-target';
import { configArguments } from './command';
import { inspect } from './inspect';

export const checkUsage = `rollcall check -f FILE     say every problem of a config file and its script, start nothing

Exit code 0 when the server would start, else 1.`;

/** Runs the command. Problems go to standard error, one a line, as compilers write them. */
export async function check(args: readonly string[], terminal: Terminal): Promise<number> {
  const { file } = configArguments(args);
  return inspect(readConfig(file), ({ problems, warnings }) => {
    for (const warning of warnings) terminal.err(formatProblem({ ...warning, message: `warning: ${warning.message}` }));
    for (const problem of problems) terminal.err(formatProblem(problem));
    if (problems.length === 0) terminal.out(`${file}: no problems`);
    return problems.length === 0 ? 0 : 1;
  });
}
