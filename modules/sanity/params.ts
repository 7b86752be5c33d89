// Owns the parameters of sanity.
import { declareParams } from '../../core/api';

export const params = declareParams({
  default_msg_checks: {
    type: 'integer',
    default: 2047,
    min: 0,
    max: 2047,
    live: true,
    doc: 'Checks made when the script names none: the sum of the numbers under Notes.',
  },
  default_uri_checks: {
    type: 'integer',
    default: 7,
    min: 0,
    max: 15,
    live: true,
    doc: 'URIs that check 1024 looks at: 1 Request-URI, 2 From, 4 To, 8 Contact, added up.',
  },
  proxy_require: {
    type: 'string',
    default: '',
    live: true,
    doc: 'Option tags that Proxy-Require may name, separated by commas.',
  },
});
