// Owns a fault in something an operator wrote, with its place, and the error that carries all of them at once.
import { RollcallError } from './errors';

/** Where something stands in a file; line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A fault in a config file or a script. The message never holds a secret. */
export interface Problem extends Place {
  readonly message: string;
}

/** `file:line:column: message`, as compilers write it, so that editors can jump there. */
export function formatProblem(problem: Problem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** Orders problems as they stand in their files. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return problems.toSorted(
    (a, b) => Number(a.file > b.file) - Number(a.file < b.file) || a.line - b.line || a.column - b.column,
  );
}

/** A config or a script that cannot be used, with every problem found in it. */
export class ProblemsError extends RollcallError {
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'ProblemsError';
  }
}
