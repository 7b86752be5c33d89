// Owns promises of scripts that fail with nobody waiting: Node would end the process for one, here each is a line in the log.
import { types } from 'node:util';
import type { Logger } from '../base/logger';

let watched: Logger | undefined;

/**
 * Logs them from now on. A promise of the sandbox is told from the server's own by its realm; with one of ours Node does
 * what it does without us.
 */
export function watchRejections(log: Logger): void {
  if (watched === undefined) process.on('unhandledRejection', onRejection);
  watched = log;
}

function onRejection(reason: unknown, promise: Promise<unknown>): void {
  if (promise instanceof Promise) throw reason;
  const message = types.isNativeError(reason) ? reason.message : String(reason);
  watched?.error(`script: a promise that nothing awaits has failed: ${message}`);
}
