// Owns `rollcall rules`: checks a rules document and says what it means, without a server.
import { readFileSync } from 'node:fs';
import { RollcallError } from '../base/errors';
import { ModuleLoader } from '../module/loader';
import type { Terminal } from './client-target';
import { inspectModule } from './inspect';

export const rulesUsage = `rollcall rules FILE        check a presence rules document and say what it means

Exits with 0 when it can be used. Each rule is told in one sentence; all that match a watcher are combined.`;

const reader = 'presence_xml';

/** Runs the command. @throws RollcallError with file:line:column when the document cannot be used */
export async function rules(args: readonly string[], terminal: Terminal): Promise<number> {
  const [file, extra] = args;
  if (file === undefined || extra !== undefined) {
    throw new RollcallError('which document? One file, please', { hint: 'For example: rollcall rules rules.xml' });
  }
  const document = readDocument(file);
  const checked = await inspectModule(reader, new ModuleLoader([]), [], async ({ host }) => {
    try {
      return await host
        .commands()
        .get(`${reader}.rules`)
        ?.run([document], () => {});
    } catch (error) {
      if (!(error instanceof RollcallError)) throw error;
      const { hint } = error;
      throw new RollcallError(`${file}:${error.message}`, hint === undefined ? {} : { hint });
    }
  });
  const { rules: sentences, warnings } = checked as Record<'rules' | 'warnings', readonly string[]>;
  for (const warning of warnings) terminal.err(`${file}:${warning}`);
  for (const sentence of sentences) terminal.out(sentence);
  if (sentences.length === 0) terminal.out('no rules: everybody is refused');
  return 0;
}

function readDocument(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RollcallError(`${file} cannot be read: ${(error as Error).message}`);
  }
}
