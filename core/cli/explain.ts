// Owns `rollcall explain`: asks a running server what a watcher may see of a presentity, and why.
import type { Terminal } from './client-target';
import { ctl } from './ctl';

export const explainUsage = `rollcall explain WATCHER PRESENTITY   say what a watcher may see, and why

  -f, --file FILE    the server's config file, whose control socket is used; etc/rollcall.yaml when it is there
      --socket PATH  the control socket itself
      --json         the answer as JSON

For example: rollcall explain sip:bob@example.com sip:alice@example.com
Nothing is changed and nobody is notified. It is the control command presence.explain.`;

/** Runs the command. */
export function explain(args: readonly string[], terminal: Terminal): Promise<number> {
  return ctl(['presence.explain', ...args], terminal);
}
