// Owns the parameters of maxfwd.
import { declareParams } from '../../core/api';

export const params = declareParams({
  max_limit: {
    type: 'integer',
    default: 70,
    min: 1,
    max: 255,
    live: true,
    doc: 'A request that allows more hops than this is taken down to it.',
  },
});
