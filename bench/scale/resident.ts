// Owns the memory of a process: its proportional set size, once it has come to rest.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** ms for which a server keeps what it has answered (Timer J of RFC 3261, 32 s), and then some. */
const rest = 40_000;

/** Bytes, after the transactions of the load are over. */
export async function residentAtRest(pid: number): Promise<number> {
  await sleep(rest);
  const pages = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(pages?.[1] ?? Number.NaN) * 1024;
}
