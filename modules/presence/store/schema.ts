// Owns the tables: Kamailio's names and columns, then columns of our own, and one table of our own for the resource itself.
import type { Table } from '../../../core/api';

export interface Schema {
  readonly presentity: Table;
  readonly activeWatchers: Table;
  readonly watchers: Table;
  readonly resource: Table;
  readonly xcap: Table;
}

export interface TableNames {
  readonly presentityTable: string;
  readonly activeWatchersTable: string;
  readonly watchersTable: string;
}

const text = (name: string, size: number) => ({ name, type: 'text', size, default: '' }) as const;
const nullable = (name: string, size: number) => ({ name, type: 'text', size, nullable: true }) as const;
const integer = (name: string, standard = 0) => ({ name, type: 'integer', default: standard }) as const;

/** The tables under the names that the operator chose. */
export function schemaOf(names: TableNames): Schema {
  return {
    presentity: presentityTable(names.presentityTable),
    activeWatchers: activeWatchersTable(names.activeWatchersTable),
    watchers: watchersTable(names.watchersTable),
    resource: resourceTable,
    xcap: xcapTable,
  };
}

function presentityTable(name: string): Table {
  return {
    name,
    version: 5,
    id: true,
    columns: [
      text('username', 64),
      text('domain', 64),
      text('event', 64),
      text('etag', 128),
      integer('expires'),
      integer('received_time'),
      { name: 'body', type: 'blob' },
      text('sender', 255),
      integer('priority'),
      nullable('ruid', 64),
      integer('sequence'),
      integer('changed_time'),
    ],
    primaryKey: ['username', 'domain', 'event', 'etag'],
    indexes: [{ name: `${name}_expires`, columns: ['expires'] }],
  };
}

function activeWatchersTable(name: string): Table {
  return {
    name,
    version: 12,
    id: true,
    columns: [
      text('presentity_uri', 255),
      text('watcher_username', 64),
      text('watcher_domain', 64),
      text('to_user', 64),
      text('to_domain', 64),
      text('event', 64),
      nullable('event_id', 64),
      text('to_tag', 128),
      text('from_tag', 128),
      text('callid', 255),
      integer('local_cseq'),
      integer('remote_cseq'),
      text('contact', 255),
      { name: 'record_route', type: 'text', nullable: true },
      integer('expires'),
      integer('status', 2),
      nullable('reason', 64),
      integer('version'),
      text('socket_info', 64),
      text('local_contact', 255),
      text('from_user', 64),
      text('from_domain', 64),
      integer('updated', -1),
      integer('updated_winfo', -1),
      integer('flags'),
      text('user_agent', 255),
      integer('fanouts'),
      text('local_uri', 255),
      text('remote_uri', 255),
      text('display_name', 255),
      text('watcher_id', 32),
      text('source', 128),
      text('content_type', 64),
      integer('subscribed_time'),
    ],
    primaryKey: ['callid', 'to_tag', 'from_tag'],
    indexes: [
      { name: `${name}_expires`, columns: ['expires'] },
      { name: `${name}_pres`, columns: ['presentity_uri', 'event'] },
    ],
  };
}

function watchersTable(name: string): Table {
  return {
    name,
    version: 3,
    id: true,
    columns: [
      text('presentity_uri', 255),
      text('watcher_username', 64),
      text('watcher_domain', 64),
      text('event', 64),
      integer('status'),
      nullable('reason', 64),
      integer('inserted_time'),
    ],
    primaryKey: ['presentity_uri', 'watcher_username', 'watcher_domain', 'event'],
  };
}

/** One row a resource: the version that commits compare, the counters behind the CSeqs, and whether NOTIFYs are owed. */
const resourceTable: Table = {
  name: 'presence_resource',
  version: 1,
  columns: [
    text('presentity_uri', 255),
    text('event', 64),
    integer('version'),
    integer('fanouts'),
    integer('winfo_fanouts'),
    integer('notify_pending'),
  ],
  primaryKey: ['presentity_uri', 'event'],
  indexes: [{ name: 'presence_resource_pending', columns: ['notify_pending'] }],
};

const xcapTable: Table = {
  name: 'xcap',
  version: 4,
  id: true,
  columns: [
    text('username', 64),
    text('domain', 64),
    { name: 'doc', type: 'blob' },
    integer('doc_type'),
    text('etag', 128),
    integer('source'),
    text('doc_uri', 255),
    integer('port'),
  ],
  primaryKey: ['doc_uri'],
  indexes: [{ name: 'account_doc_type_idx', columns: ['username', 'domain', 'doc_type'] }],
};
