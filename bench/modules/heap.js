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
          for (let i = 0; i < 8; i++) {
            await after(500);
            globalThis.gc();
          }
          return process.memoryUsage();
        },
      },
    },
  }),
});
