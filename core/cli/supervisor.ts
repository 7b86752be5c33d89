// Owns the word to systemd that the server is ready, or stopping (sd_notify(3), `Type=notify`).
import { execFile } from 'node:child_process';
import type { Logger } from '../base/logger';

/** What systemd is told; `status` is the line that `systemctl status` shows. */
export type SupervisorState = 'READY=1' | 'STOPPING=1';

/** How long the word may take, in ms. */
const limit = 5000;

/**
 * Tells systemd, when it has started this process and wants to know. The word is a datagram to a unix socket, which Node cannot send:
 * systemd's own program does it, so the unit has `NotifyAccess=all`. Never rejects.
 */
export function tellSupervisor(
  state: SupervisorState,
  status: string,
  log: Pick<Logger, 'warn'>,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  if (environment.NOTIFY_SOCKET === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const words = [`STATUS=${status}`, state];
    execFile('systemd-notify', words, { env: environment, timeout: limit }, (error) => {
      if (error) log.warn({ err: error }, `systemd could not be told ${state}`);
      resolve();
    });
  });
}
