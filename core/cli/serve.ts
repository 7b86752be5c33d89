// Owns `rollcall serve`: the server in the foreground, from the signal that starts it to the one that ends it.
import type { Logging } from '../base/logging';
import { ProblemsError } from '../base/problem';
import { readConfig } from '../config/config';
import { formatListen } from '../config/listen';
import { type RunningServer, startServer } from '../server';
import type { Terminal } from './client-target';
import { configArguments } from './command';
import { helpersStandBack } from './helper-threads';
import { inspect } from './inspect';
import { tellSupervisor } from './supervisor';

export const serveUsage = `rollcall serve -f FILE     serve a config file in the foreground

Logs go to standard error. SIGTERM and SIGINT: no more requests are taken, what was accepted is finished
and stored, exit code 0. A second SIGINT ends it at once. SIGHUP takes over what has changed in the config
and its script; with a problem in them nothing changes, and the log says why.`;

/** Runs the command: resolves when the server has stopped. */
export async function serve(args: readonly string[], terminal: Terminal): Promise<number> {
  const { file } = configArguments(args);
  helpersStandBack();
  const stopRequested = waitForSignal();
  const server = await startServer({ file }).catch(async (error: unknown) => {
    // The start ends at the first step that finds problems; the operator wants those of the later steps as well.
    if (error instanceof ProblemsError) throw (await everyProblem(file)) ?? error;
    throw error;
  });
  dieOfBugs(server.logging);
  const points = server.points.map((point) => formatListen(point));
  terminal.err(`rollcall: ready, listening on ${points.join(' ')}`);
  for (const line of howToTry(server)) terminal.err(line);
  const log = server.logging.named('core');
  // What came of it is in the log.
  process.on('SIGHUP', () => void server.commands.reload('config').catch(() => {}));
  await tellSupervisor('READY=1', `listening on ${points.join(' ')}`, log);
  const signal = await stopRequested;
  terminal.err(`rollcall: ${signal}, stopping`);
  await tellSupervisor('STOPPING=1', 'finishing what was accepted', log);
  await server.stop();
  terminal.err('rollcall: stopped');
  // Everything the server owns is closed. Should a module have left something open, the process ends all the same.
  setTimeout(() => process.exit(0), 1000).unref();
  return 0;
}

async function everyProblem(file: string): Promise<ProblemsError | undefined> {
  return inspect(readConfig(file), ({ problems }) => (problems.length > 0 ? new ProblemsError(problems) : undefined));
}

/** For somebody who has just started it by hand: what to type next. A supervisor's log need not have it. */
function howToTry(server: RunningServer): string[] {
  const point = server.points[0];
  const byHand = process.stderr.isTTY === true || process.env.npm_lifecycle_event === 'start';
  if (point === undefined || !byHand || !server.host.functions.has('presence')) return [];
  const where = point.port === 5060 && point.address === '127.0.0.1' ? '' : ` --server ${point.address}:${point.port}`;
  return [
    'Try it, each in a terminal of its own:',
    `  bin/rollcall watch sip:alice@localhost${where}`,
    `  bin/rollcall publish sip:alice@localhost --note hi${where}`,
    'Ctrl-C stops it.',
  ];
}

/** Resolves at the first SIGTERM or SIGINT. A SIGINT after that means: now. */
function waitForSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const handle = (signal: NodeJS.Signals) => {
      if (asked && signal === 'SIGINT') process.exit(130);
      asked = true;
      resolve(signal);
    };
    process.on('SIGTERM', handle);
    process.on('SIGINT', handle);
  });
}

/**
 * An error that nobody caught leaves state that nobody vouches for, and what was acknowledged is on disk: the process
 * ends, says why, and the supervisor starts a fresh one.
 */
function dieOfBugs(logging: Logging): void {
  const die = (error: unknown) => {
    logging
      .named('core')
      .fatal({ err: error }, 'an error that nobody caught: this is a bug in Rollcall or in a module');
    logging.close();
    process.exit(1);
  };
  // A rejection that nobody handles comes here as well, but for those of the script: it is told apart in core/script.
  process.on('uncaughtException', die);
}
