// Owns the parameters of db_mysql.
import { declareParams } from '../../core/api';

export const params = declareParams({
  db_auto_migrate: {
    type: 'boolean',
    default: true,
    doc: 'Whether the start makes missing tables and migrates older ones. Without it they stop the start, and `rollcall db migrate` makes them.',
  },
  commit_delay: {
    type: 'integer',
    default: 1,
    min: 0,
    max: 100,
    unit: 'ms',
    doc: 'How long a transaction waits for more changes when the one before had eight or more. 0: not at all.',
  },
  lock_timeout: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 60,
    unit: 's',
    doc: 'How long a commit waits for a row that somebody else has locked. After that the requests that wait get 503.',
  },
  max_waiting: {
    type: 'integer',
    default: 20_000,
    min: 100,
    max: 1_000_000,
    doc: 'Changes, and reads, that may wait for the database. Beyond it requests that need the database get 503 at once.',
  },
  timeout_interval: {
    type: 'integer',
    default: 5,
    min: 1,
    max: 120,
    unit: 's',
    doc: 'How long connecting may take, and how long the server may take to answer, before the connection is given up.',
  },
});
