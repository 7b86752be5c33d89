// Owns the parameters of xlog.
import { declareParams } from '../../core/api';

export const params = declareParams({
  prefix: { type: 'string', default: '', live: true, doc: 'Stands before every line.' },
  buf_size: {
    type: 'integer',
    default: 4096,
    min: 16,
    max: 65_536,
    live: true,
    doc: 'Longest line in characters; the rest is cut off.',
  },
});
