// Owns the parameters of db_sqlite.
import { declareParams } from '../../core/api';

export const params = declareParams({
  busy_timeout: {
    type: 'integer',
    default: 2000,
    min: 0,
    max: 60_000,
    unit: 'ms',
    doc: 'How long a commit waits for a lock that another process holds on the file. After that the requests that wait get 503.',
  },
  max_waiting: {
    type: 'integer',
    default: 20_000,
    min: 100,
    max: 1_000_000,
    doc: 'Changes, and reads, that may wait for the disk. Beyond it requests that need the database get 503 at once.',
  },
});
