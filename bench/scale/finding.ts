// Owns the shape of one measured figure, and the start of a server for a part that measures several.
import { faultsOf, type Phase, presload, startPresload } from '../presload';
import { Ours, startEcho } from '../target';

export interface Finding {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** To be at most; undefined for a figure that explains another. */
  readonly goal?: number;
  readonly details?: string;
}

/** A fresh server for `work`, stopped and removed afterwards. `how`: as `Ours.start` takes it. */
export async function withOurs<T>(
  work: (server: Ours) => Promise<T>,
  ...how: Parameters<typeof Ours.start>
): Promise<T> {
  const server = await Ours.start(...how);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

/** Runs a workload of one measured phase (the last, when it has several). @throws when it printed none */
export async function load(server: Ours, ...args: readonly string[]): Promise<Phase> {
  const phase = (await presload(server, args)).at(-1);
  if (phase === undefined) throw new Error(`presload ${args.join(' ')} measured nothing`);
  for (const fault of faultsOf(phase)) console.error(`${phase.phase}: ${fault}`);
  return phase;
}

/**
 * p99 in ms of a server that only echoes, asked so often a second for so many seconds: what of a figure taken at the same time is the
 * machine, its scheduler and the load generator.
 */
export async function echoed(rate: number, seconds: number): Promise<number | undefined> {
  const echo = await startEcho(500);
  try {
    const [phase] = await startPresload(echo, ['raw', '--rate', String(rate), '--seconds', String(seconds)]).phases;
    return phase?.req_ms?.p99;
  } finally {
    await echo.stop();
  }
}
