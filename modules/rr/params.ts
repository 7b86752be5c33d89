// Owns the parameters of rr.
import { declareParams } from '../../core/api';

export const params = declareParams({
  enable_full_lr: {
    type: 'boolean',
    default: false,
    live: true,
    doc: 'Writes `;lr=on` in place of `;lr`, for clients that lose parameters without a value.',
  },
  alias: {
    type: 'string',
    default: '',
    live: true,
    doc: 'Names of this server in Route headers beside the addresses it listens on: `host` or `host:port`, separated by commas.',
  },
});
