// Owns the priority of V8's helper threads: what collects and compiles in the background must not take the processor from who serves.
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/** As `nice` counts. The four helpers together weigh a seventh of one thread that serves: they get on, and nobody waits for them. */
const helperNice = 15;

/**
 * Lowers the priority of every thread of the process but the first. To be called before anything works in the background: then these
 * are V8's helpers and two of Node's that mostly sleep. Linux alone has a priority for each thread (sched(7)); elsewhere, and
 * where the system does not allow it, nothing changes.
 */
export function helpersStandBack(): void {
  if (process.platform !== 'linux') return;
  try {
    for (const thread of readdirSync('/proc/self/task').map(Number)) {
      if (thread !== process.pid) setPriority(thread, helperNice);
    }
  } catch {
    // It is no condition for serving.
  }
}
