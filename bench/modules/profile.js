// Owns the module profile of benchmarks: a CPU profile of the main thread while the server works, and what each thread took.
import { readFileSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { setTimeout as after } from 'node:timers/promises';
import { defineModule } from 'rollcall/core/api';

/** µs between two samples. */
const interval = 200;

export default defineModule({
  name: 'profile',
  summary: 'Profiles the main thread.',
  params: {},
  setup: () => ({
    commands: {
      take: {
        summary:
          'Profiles the main thread for some seconds, writes the profile to a file, and says what CPU was taken, in µs.',
        args: [
          { name: 'seconds', type: 'number', doc: 'How long.' },
          { name: 'file', type: 'string', doc: 'Where the profile goes.' },
        ],
        async run([seconds, file]) {
          const session = new Session();
          session.connect();
          await session.post('Profiler.enable');
          await session.post('Profiler.setSamplingInterval', { interval });
          await session.post('Profiler.start');
          const [all, main] = [process.cpuUsage(), mainThread()];
          await after(1000 * Number(seconds));
          const { user, system } = process.cpuUsage(all);
          const taken = { all: user + system, main: mainThread() - main };
          const { profile } = await session.post('Profiler.stop');
          session.disconnect();
          writeFileSync(String(file), JSON.stringify(profile));
          return taken;
        },
      },
    },
  }),
});

/** µs of CPU that the main thread has taken (proc(5): /proc/pid/task/tid/schedstat, in ns). */
function mainThread() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0]) / 1000;
}
