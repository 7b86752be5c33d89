// Owns the wait for a server that does not say when it is ready: until its UDP port is taken.
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** ms */
const patience = 15_000;

/** @throws when the process ends or does not bind */
export async function bound(port: number, child: ChildProcess, log: () => string = () => ''): Promise<void> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  const end = performance.now() + patience;
  while (!readFileSync('/proc/net/udp', 'latin1').includes(wanted)) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}:\n${log()}`);
    if (performance.now() > end) throw new Error(`port ${port} was not bound in ${patience / 1000} s:\n${log()}`);
    await sleep(50);
  }
}
