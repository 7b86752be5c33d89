// Owns the module pike: tells the script when a source sends more than its share.
import { defineModule, type RoutedRequest } from '../../core/api';
import { Meter } from './meter';
import { params } from './params';
import { sourceOf } from './source';

export default defineModule({
  name: 'pike',
  summary: 'Flood guard: counts requests per source address and says which source sends too many.',
  params,
  setup(ctx, initial) {
    let current = initial;
    const meter = new Meter({
      unit: initial.samplingTimeUnit * 1000,
      latency: initial.removeLatency * 1000,
      maxSources: initial.maxSources,
    });
    ctx.every(initial.removeLatency * 1000, () => meter.sweep(ctx.clock.now()));
    return {
      functions: {
        pike_check_req: {
          summary: 'Counts the request. False when its source has sent more than reqs_density_per_unit.',
          args: [{ name: 'req', type: 'request' }],
          returns: 'boolean',
          waits: false,
          call(req) {
            const { flow } = req as RoutedRequest;
            const source = sourceOf(flow.remote.address);
            const verdict = meter.count(source, ctx.clock.now(), current.reqsDensityPerUnit);
            if (verdict === 'newly blocked') {
              const limit = `${current.reqsDensityPerUnit} requests in ${initial.samplingTimeUnit} s`;
              ctx.log.warn({ source }, `${source} sends more than ${limit}`);
            }
            return verdict === 'pass';
          },
        },
      },
      configure(changed) {
        current = changed;
      },
    };
  },
});
