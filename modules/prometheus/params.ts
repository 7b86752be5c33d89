// Owns the parameters of prometheus.
import { declareParams } from '../../core/api';

export const params = declareParams({
  path: {
    type: 'string',
    default: '/metrics',
    doc: 'Where the metrics are read.',
    check: (value) => (/^\/[\w./-]*$/.test(value) ? undefined : 'must be a path such as /metrics'),
  },
  process_metrics: {
    type: 'boolean',
    default: true,
    doc: '1: the metrics of the process as well: CPU, memory, file descriptors, heap, collection of garbage, delay of the event loop.',
  },
});
