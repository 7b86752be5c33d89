// Owns the command line: the table of commands, help, and how a failure is shown.
import { RollcallError } from '../base/errors';
import { didYouMean } from '../base/nearest';
import { ProblemsError } from '../base/problem';
import { check, checkUsage } from './check';
import type { Terminal } from './client-target';
import type { CliCommand } from './command';
import { ctl, ctlUsage } from './ctl';
import { db, dbUsage } from './db';
import { explain, explainUsage } from './explain';
import { importConfig, importConfigUsage } from './import-config';
import { moduleManual, moduleUsage } from './module';
import { publish, publishUsage } from './publish';
import { rules, rulesUsage } from './rules';
import { serve, serveUsage } from './serve';
import { types, typesUsage } from './types';
import { watch, watchUsage } from './watch';

/** In the order of `rollcall help`. A new command is a file and a line here. */
const commands: ReadonlyMap<string, CliCommand> = new Map([
  ['serve', { usage: serveUsage, run: serve }],
  ['check', { usage: checkUsage, run: check }],
  ['ctl', { usage: ctlUsage, run: ctl }],
  ['explain', { usage: explainUsage, run: explain }],
  ['rules', { usage: rulesUsage, run: rules }],
  ['types', { usage: typesUsage, run: types }],
  ['db', { usage: dbUsage, run: db }],
  ['import-config', { usage: importConfigUsage, run: importConfig }],
  ['module', { usage: moduleUsage, run: moduleManual }],
  ['publish', { usage: publishUsage, run: publish }],
  ['watch', { usage: watchUsage, run: watch }],
]);

/** Runs one command line; the result is the exit code. Never rejects. */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name = 'help', ...rest] = args;
  if (name === 'help' || name === '--help' || name === '-h') return help(rest[0], terminal);
  const command = commands.get(name);
  if (command === undefined) {
    terminal.err(`rollcall: there is no command "${name}"${didYouMean(name, commands.keys())}`);
    terminal.err('  `rollcall help` lists them');
    return 1;
  }
  if (rest.includes('--help') || rest.includes('-h')) return help(name, terminal);
  try {
    return await command.run(rest, terminal);
  } catch (error) {
    show(error, name, terminal);
    return 1;
  }
}

/** Runs the command line of this process and sets its exit code. */
export function runProcess(): void {
  let interrupt: AbortController | undefined;
  // A reader that has seen enough, such as `| head`, ends the command without a word, as it ends other programs.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  const terminal: Terminal = {
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    // Only a command that asks for it takes Ctrl-C; the others end at once, as programs do.
    get interrupted() {
      if (interrupt === undefined) {
        const controller = new AbortController();
        process.once('SIGINT', () => controller.abort());
        interrupt = controller;
      }
      return interrupt.signal;
    },
  };
  main(process.argv.slice(2), terminal).then((code) => {
    process.exitCode = code;
  });
}

function help(name: string | undefined, terminal: Terminal): number {
  const command = name === undefined ? undefined : commands.get(name);
  if (command !== undefined) {
    terminal.out(command.usage);
    return 0;
  }
  terminal.out('Rollcall, a SIP presence server.\n');
  for (const { usage } of commands.values()) {
    const [words = '', what = ''] = usage.split('\n', 1)[0]?.split(/ {2,}/) ?? [];
    terminal.out(`  ${words.padEnd(32)} ${what}`);
  }
  terminal.out('\n`rollcall help COMMAND` says more.');
  return 0;
}

function show(error: unknown, command: string, terminal: Terminal): void {
  if (error instanceof RollcallError) {
    terminal.err(error instanceof ProblemsError ? error.message : `rollcall: ${error.message}`);
    if (error.hint !== undefined) terminal.err(`  ${error.hint}`);
    return;
  }
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS')) {
    terminal.err(`rollcall ${command}: ${(error as Error).message}`);
    terminal.err(`  \`rollcall help ${command}\` lists its options`);
    return;
  }
  terminal.err(error instanceof Error ? (error.stack ?? error.message) : String(error));
}
