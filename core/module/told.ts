// Owns what an operator is told of an error that a module's code threw: the message, and where in the module it was.
import { RollcallError } from '../base/errors';

/** The message; with the first place in the module's own files, unless it was meant for the operator anyway. */
export function told(error: unknown, module: string): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof RollcallError) return error.message;
  const place = placeIn(error.stack ?? '', module);
  return place === undefined ? error.message : `${error.message} (${place})`;
}

/** `/path/modules/NAME/file.ts:line:column`, or the same of `NAME.ts`. */
function placeIn(stack: string, module: string): string | undefined {
  for (const line of stack.split('\n')) {
    const place = /([^()\s]+:\d+:\d+)\)?$/.exec(line)?.[1];
    if (place === undefined) continue;
    if (place.includes(`/modules/${module}/`) || place.includes(`/${module}.ts:`) || place.includes(`/${module}.js:`)) {
      return place;
    }
  }
  return undefined;
}
