// Owns the memory of a process: its proportional set size, once it has come to rest.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { callControl } from '../../core/control/client';
import { root } from '../../test/support/tree';
import type { Ours } from '../target';

/** ms for which a server keeps what it has answered (Timer J of RFC 3261, 32 s), and then some. */
const rest = 40_000;

/** A server that can be told to collect garbage, for `Ours.start`. */
export const collecting = [join(root, 'bench', 'reload.yaml'), ['--expose-gc']] as const;

/** Bytes. */
export interface AtRest {
  /** Of the process: with the room that V8 and malloc keep for what is to come, which differs from run to run. */
  readonly resident: number;
  /** What is alive in V8's heap, and what its buffers hold. */
  readonly alive: number;
}

/** Looks after the transactions of the load are over and what can be collected has been. */
export async function atRest(server: Ours): Promise<AtRest> {
  await sleep(rest);
  const socket = `${join(server.folder, 'bench.db')}.sock`;
  const used = (await callControl({ socket, command: 'heap.used', args: [] })) as NodeJS.MemoryUsage;
  const pages = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.processes.server}/smaps_rollup`, 'utf8'));
  return { resident: Number(pages?.[1] ?? Number.NaN) * 1024, alive: used.heapUsed + used.external };
}
