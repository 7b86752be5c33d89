// Owns the tables: Kamailio's names and columns, then columns of our own, and one table of our own for the resource itself.
import type { Table } from '../../../core/api';
import { sizes } from '../sizes';

export interface Schema {
  readonly presentity: Table;
  readonly activeWatchers: Table;
  readonly watchers: Table;
  readonly resource: Table;
  readonly xcap: Table;
  readonly node: Table;
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
    node: nodeTable,
  };
}

function presentityTable(name: string): Table {
  return {
    name,
    version: 5,
    id: true,
    columns: [
      text('username', sizes.user),
      text('domain', sizes.domain),
      text('event', sizes.event),
      text('etag', sizes.etag),
      integer('expires'),
      integer('received_time'),
      { name: 'body', type: 'blob' },
      text('sender', sizes.uri),
      integer('priority'),
      text('ruid', 64),
      integer('sequence'),
      integer('changed_time'),
    ],
    // Not by etag, as Kamailio has it: that changes with every refresh, and each time the index would.
    primaryKey: ['username', 'domain', 'event', 'ruid'],
  };
}

function activeWatchersTable(name: string): Table {
  return {
    name,
    version: 12,
    id: true,
    columns: [
      text('presentity_uri', sizes.uri),
      text('watcher_username', sizes.user),
      text('watcher_domain', sizes.domain),
      text('to_user', sizes.user),
      text('to_domain', sizes.domain),
      text('event', sizes.event),
      nullable('event_id', sizes.eventId),
      text('to_tag', sizes.tag),
      text('from_tag', sizes.tag),
      text('callid', sizes.callId),
      integer('local_cseq'),
      integer('remote_cseq'),
      text('contact', sizes.uri),
      { name: 'record_route', type: 'text', nullable: true },
      integer('expires'),
      integer('status', 2),
      nullable('reason', sizes.reason),
      integer('version'),
      text('socket_info', sizes.socket),
      text('local_contact', sizes.uri),
      text('from_user', sizes.user),
      text('from_domain', sizes.domain),
      integer('updated', -1),
      integer('updated_winfo', -1),
      integer('flags'),
      text('user_agent', sizes.userAgent),
      integer('fanouts'),
      text('local_uri', sizes.uri),
      text('remote_uri', sizes.uri),
      text('display_name', sizes.displayName),
      text('watcher_id', sizes.watcherId),
      text('source', sizes.source),
      text('content_type', sizes.contentType),
      integer('subscribed_time'),
      text('view', sizes.view),
      integer('event_version'),
      text('flow_route', sizes.uri),
    ],
    primaryKey: ['callid', 'to_tag', 'from_tag'],
    indexes: [{ name: `${name}_pres`, columns: ['presentity_uri', 'event'] }],
  };
}

function watchersTable(name: string): Table {
  return {
    name,
    version: 3,
    id: true,
    columns: [
      text('presentity_uri', sizes.uri),
      text('watcher_username', sizes.user),
      text('watcher_domain', sizes.domain),
      text('event', sizes.event),
      integer('status'),
      nullable('reason', sizes.reason),
      integer('inserted_time'),
      { name: 'expires', type: 'integer', nullable: true },
      text('watcher_id', sizes.watcherId),
      text('display_name', sizes.displayName),
    ],
    primaryKey: ['presentity_uri', 'watcher_username', 'watcher_domain', 'event'],
  };
}

/**
 * One row a resource: the version that commits compare, the counters behind the CSeqs, what is owed and by whom, and a moment
 * before which nothing of it ends: the one index for that, where an index in each table would be written with every refresh.
 */
const resourceTable: Table = {
  name: 'presence_resource',
  version: 2,
  columns: [
    text('presentity_uri', sizes.uri),
    text('event', sizes.event),
    integer('version'),
    integer('fanouts'),
    integer('winfo_fanouts'),
    { name: 'notify_pending', type: 'integer', nullable: true },
    { name: 'due_time', type: 'integer', nullable: true },
    integer('notifier'),
  ],
  primaryKey: ['presentity_uri', 'event'],
  indexes: [
    { name: 'presence_resource_pending', columns: ['notify_pending', 'notifier'] },
    { name: 'presence_resource_due', columns: ['due_time'] },
  ],
};

/** The nodes that serve from this database: `beat` rises while one lives; after `timeout` ms without that it is dead. */
const nodeTable: Table = {
  name: 'presence_node',
  version: 2,
  columns: [
    { name: 'node', type: 'integer' },
    text('address', sizes.uri),
    integer('beat'),
    { name: 'timeout', type: 'integer', default: 10_000 },
  ],
  primaryKey: ['node'],
  migrations: [{ from: 1, addColumns: ['timeout'] }],
};

const xcapTable: Table = {
  name: 'xcap',
  version: 4,
  id: true,
  columns: [
    text('username', sizes.user),
    text('domain', sizes.domain),
    { name: 'doc', type: 'blob' },
    integer('doc_type'),
    text('etag', sizes.etag),
    integer('source'),
    text('doc_uri', sizes.uri),
    integer('port'),
  ],
  primaryKey: ['doc_uri'],
  indexes: [{ name: 'account_doc_type_idx', columns: ['username', 'domain', 'doc_type'] }],
};
