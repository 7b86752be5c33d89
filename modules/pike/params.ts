// Owns the parameters of pike.
import { declareParams } from '../../core/api';

export const params = declareParams({
  sampling_time_unit: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 3600,
    unit: 's',
    doc: 'How long requests are counted before the count starts again.',
  },
  reqs_density_per_unit: {
    type: 'integer',
    default: 30,
    min: 1,
    live: true,
    doc: 'Requests that one source may send in that time.',
  },
  remove_latency: {
    type: 'integer',
    default: 4,
    min: 1,
    max: 86_400,
    unit: 's',
    doc: 'A source that has been silent for so long is forgotten.',
  },
  max_sources: {
    type: 'integer',
    default: 65_536,
    min: 1024,
    max: 16_777_216,
    doc: 'Sources remembered at once, so that forged addresses cannot fill the memory; the longest silent goes first.',
  },
});
