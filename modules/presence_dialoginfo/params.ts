// Owns the parameters of presence_dialoginfo.
import { declareParams } from '../../core/api';

export const params = declareParams({
  force_active: {
    type: 'boolean',
    default: true,
    doc: '1: whoever the script lets through sees the calls, as in Kamailio, also when `force_active` of `presence` is 0. 0: then the presentity’s pres-rules decide about its calls as about its presence: who is allowed sees all of them.',
  },
  force_single_dialog: {
    type: 'boolean',
    default: false,
    live: true,
    doc: '1: a NOTIFY lists one dialog only, for phones that read no more: the first there is of early, confirmed, proceeding, trying, terminated, of these the newest. Seen with the next change of a presentity.',
  },
  default_expires: {
    type: 'integer',
    default: 3600,
    min: 1,
    unit: 's',
    live: true,
    doc: 'Granted to a PUBLISH or SUBSCRIBE for event dialog that has no Expires header (RFC 4235 §3.4).',
  },
});
