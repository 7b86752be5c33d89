// Owns the parameters of presence_xml.
import { declareParams } from '../../core/api';

export const params = declareParams({
  default_expires: {
    type: 'integer',
    default: 3600,
    min: 1,
    unit: 's',
    live: true,
    doc: 'Granted to a PUBLISH or SUBSCRIBE for event presence that has no Expires header (RFC 3856 §6.4).',
  },
});
