// Owns which tables of Kamailio and OpenSIPS are known, in which versions, and how their rows are read by the names of columns.
import { type Column, RollcallError, type SourceTable, type Table, type Value } from '../../../core/api';

/** A row by the names of its columns; what a server's version does not have is undefined. */
export type SourceRow = Readonly<Record<string, Value | undefined>>;

interface KnownTable {
  readonly name: string;
  readonly versions: readonly number[];
  /** Without these the table is another server's than those we know. */
  readonly needed: readonly Column[];
  readonly maybe: readonly Column[];
}

const text = (...names: string[]): Column[] => names.map((name) => ({ name, type: 'text' }));
const integer = (...names: string[]): Column[] => names.map((name) => ({ name, type: 'integer' }));
const blob = (name: string): Column => ({ name, type: 'blob' });

/** Kamailio's presentity is 3 to 5 and its watchers 3, OpenSIPS's 5 and 4; they agree on the versions of the others. */
export const knownTables = {
  xcap: {
    name: 'xcap',
    versions: [4],
    needed: [
      ...text('username', 'domain'),
      blob('doc'),
      ...integer('doc_type'),
      ...text('etag'),
      ...integer('source'),
      ...text('doc_uri'),
      ...integer('port'),
    ],
    maybe: [],
  },
  presentity: {
    name: 'presentity',
    versions: [3, 4, 5],
    needed: [
      ...text('username', 'domain', 'event', 'etag'),
      ...integer('expires', 'received_time'),
      blob('body'),
      ...text('sender'),
    ],
    maybe: integer('priority'),
  },
  activeWatchers: {
    name: 'active_watchers',
    versions: [11, 12],
    needed: [
      ...text('presentity_uri', 'watcher_username', 'watcher_domain', 'to_user', 'to_domain', 'event', 'event_id'),
      ...text('to_tag', 'from_tag', 'callid', 'contact', 'record_route', 'reason', 'socket_info', 'local_contact'),
      ...integer('local_cseq', 'remote_cseq', 'expires', 'status', 'version'),
    ],
    maybe: text('from_user', 'from_domain', 'user_agent'),
  },
  watchers: {
    name: 'watchers',
    versions: [3, 4],
    needed: [
      ...text('presentity_uri', 'watcher_username', 'watcher_domain', 'event', 'reason'),
      ...integer('status', 'inserted_time'),
    ],
    maybe: [],
  },
} as const satisfies Record<string, KnownTable>;

/**
 * The declaration to read a table with: its number, then what is known of it and there.
 * @throws RollcallError when it is of a version, or has a shape, that is not known
 */
export function readable(known: KnownTable, found: SourceTable, where: string): Table {
  const name = `table '${known.name}' in ${where}`;
  const hint = `known are the versions ${known.versions.join(', ')} of Kamailio and OpenSIPS; nothing was taken over`;
  if (found.version === undefined || !known.versions.includes(found.version)) {
    throw new RollcallError(`${name} has version ${found.version ?? 'none in the table version'}`, { hint });
  }
  const missing = ['id', ...known.needed.map((column) => column.name)].find((column) => !found.columns.has(column));
  if (missing !== undefined) {
    throw new RollcallError(`${name} says it is version ${found.version} and has no column '${missing}'`, { hint });
  }
  const columns = [...known.needed, ...known.maybe].filter((column) => found.columns.has(column.name));
  return {
    name: known.name,
    version: found.version,
    columns: [{ name: 'id', type: 'integer' }, ...columns.map((column) => ({ ...column, nullable: true }))],
    primaryKey: ['id'],
  };
}

export function rowOf(table: Table, values: readonly Value[]): SourceRow {
  return Object.fromEntries(table.columns.map(({ name }, i) => [name, values[i]]));
}

export function textOf(row: SourceRow, column: string): string {
  const value = row[column];
  return value === null || value === undefined ? '' : String(value);
}

export function numberOf(row: SourceRow, column: string): number {
  return Number(row[column] ?? 0);
}

/** Whose row it is, for the account. */
export function labelOf(row: SourceRow): string {
  const name = textOf(row, 'presentity_uri') || `sip:${textOf(row, 'username')}@${textOf(row, 'domain')}`;
  return `${name}, row ${numberOf(row, 'id')}`;
}
