// Owns the parameters of xhttp.
import { declareParams } from '../../core/api';
import { parseAddress } from './address';

export const params = declareParams({
  listen: {
    type: 'string',
    default: undefined,
    doc: 'Where HTTP is served: `PORT` (on 127.0.0.1), `ADDRESS:PORT` or `[ADDRESS]:PORT`. Unset: nowhere.',
    check: (value) => {
      const address = parseAddress(value);
      return typeof address === 'string' ? address : undefined;
    },
  },
  token: {
    type: 'string',
    default: undefined,
    secret: true,
    doc: 'What a client has to show: `Authorization: Bearer TOKEN`. Unset: routes that ask for it are served to this machine only, and there is no `/rpc`.',
    check: (value) => (/^[\x21-\x7e]{16,}$/.test(value) ? undefined : 'must be 16 or more printable characters'),
  },
  max_body: {
    type: 'integer',
    default: 1_048_576,
    min: 1024,
    max: 67_108_864,
    unit: 'bytes',
    doc: 'Largest body of a request; a larger one is answered 413.',
  },
  max_connections: {
    type: 'integer',
    default: 1000,
    min: 1,
    max: 100_000,
    doc: 'Connections open at once; one more is closed as soon as it is accepted.',
  },
});
