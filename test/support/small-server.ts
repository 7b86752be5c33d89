// Owns the smallest server there is for tests of the core: one module in TypeScript, one script, a folder of its own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Lends `answer(req, status)`, which waits for `global.testGate` when there is one, and tells `global.testEvents` its life. */
const moduleText = `
import { defineModule, type RoutedRequest } from 'rollcall/core/api';

const shared = globalThis as { testGate?: Promise<void>; testEvents?: string[] };
const note = (text: string) => shared.testEvents?.push(text);

export default defineModule({
  name: 'small',
  summary: 'Answers.',
  params: { delay: { type: 'integer', default: 0, min: 0, max: 10, unit: 's', doc: 'Not used.' } },
  setup(ctx) {
    note('setup');
    ctx.whenListening(() => void note('listening'));
    ctx.whenStopping(() => void note('stopping'));
    const answer = async (req: RoutedRequest, status: number) => {
      note('called');
      await shared.testGate;
      return req.reply(status, 'Done');
    };
    return {
      functions: {
        answer: {
          summary: 'Answers with a status.',
          args: [{ name: 'req', type: 'request' }, { name: 'status', type: 'number' }],
          returns: 'boolean',
          waits: true,
          call: answer,
        },
      },
    };
  },
});
`;

export const smallScript = `import { answer } from 'small';
import type { Request } from 'rollcall';

export async function request_route(req: Request) {
  return answer(req, 200);
}
`;

/** A folder with the module, the script and a config that uses them. */
export class SmallServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'rollcall-small-'));
  readonly file = join(this.folder, 'rollcall.yaml');

  constructor(listen: readonly string[] = ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']) {
    mkdirSync(join(this.folder, 'modules'));
    this.write('modules/small.ts', moduleText);
    this.write('script.ts', smallScript);
    this.configure(listen);
  }

  /** Writes the config: its sockets, and more lines. */
  configure(listen: readonly string[], more = ''): void {
    const sockets = listen.map((socket) => `  - ${socket}\n`).join('');
    const text = `listen:\n${sockets}script: script.ts\nmodule_path: [modules]\nloadmodule: [small]\n${more}`;
    this.write('rollcall.yaml', text);
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
