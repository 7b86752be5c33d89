// Owns the module heap of benchmarks: what is in use when everything that can be collected has been. Needs --expose-gc.
import { setTimeout as after } from 'node:timers/promises';
import { defineModule, RollcallError } from 'rollcall/core/api';

export default defineModule({
  name: 'heap',
  summary: 'Collects garbage and says what is left.',
  params: {},
  setup: () => ({
    commands: {
      used: {
        summary: 'Collects garbage and says what is left, in bytes.',
        args: [],
        async run() {
          if (globalThis.gc === undefined) throw new RollcallError('start the server with --expose-gc');
          // Under load the work of the moment is some MB, now more and now less: it is not what this asks for. Between two collections
          // there is time for what has waited meanwhile, so that they do not count as a load that is too high.
          let least = process.memoryUsage();
          for (let i = 0; i < 8; i++) {
            await after(2500);
            globalThis.gc();
            const now = process.memoryUsage();
            if (now.heapUsed < least.heapUsed) least = now;
          }
          return least;
        },
      },
    },
  }),
});
