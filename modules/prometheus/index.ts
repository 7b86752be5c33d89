// Owns the module prometheus: the metrics of the server and of the process, where Prometheus reads them.
import { collectDefaultMetrics, register } from 'prom-client';
import { defineModule } from '../../core/api';
import { httpRoutes } from '../xhttp/api';
import { params } from './params';
import { contentType, exposition } from './text';

export default defineModule({
  name: 'prometheus',
  summary: 'Shows what the server counts to Prometheus, over xhttp.',
  depends: ['xhttp'],
  params,
  setup(ctx, { path, processMetrics }) {
    if (processMetrics) collectOnce();
    ctx.provide(httpRoutes, `GET ${path}`, {
      summary: 'Metrics for Prometheus.',
      access: 'token',
      async handle() {
        const ours = await exposition(ctx.metrics.read());
        const body = processMetrics ? `${ours}\n${await register.metrics()}` : ours;
        return { status: 200, headers: { 'content-type': contentType }, body };
      },
    });
    return {};
  },
});

/** What prom-client observes of the process it observes for good: once, in its own registry, whatever is reloaded here. */
function collectOnce(): void {
  if (register.getSingleMetric('process_cpu_seconds_total') === undefined) collectDefaultMetrics();
}
