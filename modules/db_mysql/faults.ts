// Owns what the errors of a MySQL or MariaDB server, and of the way to it, mean for us: whose fault, whether it passes, what to do.
import { ConstraintViolated, DatabaseUnavailable, RollcallError } from '../../core/api';

/**
 * `change`: this one change can never be stored. `conflict`: somebody else came first, the transaction was undone, try again.
 * `lost`: the connection has gone or cannot be trusted. `later`: the server refuses now. `never`: the operator has to mend something.
 */
export type FaultKind = 'change' | 'conflict' | 'lost' | 'later' | 'never';

export interface Fault {
  readonly kind: FaultKind;
  readonly text: string;
  readonly hint?: string;
}

const grant = 'the user needs SELECT, INSERT, UPDATE and DELETE, and for migrations CREATE, ALTER and INDEX';
const unsafe: Fault = { kind: 'change', text: 'a rule of the table is broken' };
const conflict: Fault = { kind: 'conflict', text: 'another transaction came first' };
const lost: Fault = { kind: 'lost', text: 'the connection was lost' };
const readOnly: Fault = {
  kind: 'lost',
  text: 'the server is read-only',
  hint: 'writing goes on by itself when it is not any more',
};
const full: Fault = {
  kind: 'later',
  text: 'too many connections',
  hint: 'raise max_connections, or lower pool in db_url',
};
const noSpace: Fault = {
  kind: 'later',
  text: "the server's disk is full",
  hint: 'make room: writing goes on by itself then',
};
const noTable: Fault = {
  kind: 'later',
  text: 'a table is missing or changed',
  hint: 'run bin/rollcall db migrate -f FILE',
};
const refused: Fault = {
  kind: 'later',
  text: 'nobody answers there',
  hint: 'look whether the server runs, and at host, port or socket',
};
const denied: Fault = {
  kind: 'never',
  text: 'it does not let us in',
  hint: 'look at user, password and host in db_url',
};
const notAllowed: Fault = { kind: 'never', text: 'the user may not do this', hint: grant };
const tls: Fault = {
  kind: 'never',
  text: 'TLS did not succeed',
  hint: 'look at ssl, ssl_ca, ssl_cert and ssl_key in db_url',
};

const byNumber: ReadonlyMap<number, Fault> = new Map([
  ...[1022, 1048, 1062, 1136, 1138, 1153, 1264, 1265, 1292, 1364, 1366, 1406, 1451, 1452, 1586, 1690, 3819, 4025].map(
    (number) => [number, unsafe] as const,
  ),
  // Deadlock (Galera: another node's change was certified first), lock wait time-out, changed since last read, KILL QUERY, no such
  // savepoint: the transaction was undone behind our back.
  ...[1213, 1205, 1020, 1317, 1305].map((number) => [number, conflict] as const),
  // Shutdown, killed, aborted, idle too long.
  ...[1053, 1079, 1152, 1184, 1927, 3169, 4031].map((number) => [number, lost] as const),
  // Given up like a lost connection: behind a proxy the next one may lead to a server that can write.
  ...[1290, 1792, 1836, 1874].map((number) => [number, readOnly] as const),
  ...[1040, 1203, 1226].map((number) => [number, full] as const),
  ...[1021, 1114].map((number) => [number, noSpace] as const),
  ...[1054, 1146].map((number) => [number, noTable] as const),
  ...[1045, 1130, 1251, 1698, 1820].map((number) => [number, denied] as const),
  ...[1044, 1142, 1143, 1227, 1370].map((number) => [number, notAllowed] as const),
  [1049, { kind: 'never', text: 'there is no such database', hint: 'make it: CREATE DATABASE …' }],
  [1665, { kind: 'never', text: 'its binary log is by statement', hint: 'set binlog_format to ROW or MIXED' }],
  // A Galera node that is cut off from the majority, or not in step yet.
  [1047, { kind: 'later', text: 'it is not ready', hint: 'on a cluster: look at wsrep_cluster_status of this node' }],
]);

const byCode: ReadonlyMap<string, Fault> = new Map([
  ...['PROTOCOL_CONNECTION_LOST', 'PROTOCOL_SEQUENCE_TIMEOUT', 'PROTOCOL_UNEXPECTED_PACKET', 'ECONNRESET', 'EPIPE'].map(
    (code) => [code, lost] as const,
  ),
  ...['ECONNREFUSED', 'ENOENT', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EACCES'].map(
    (code) => [code, refused] as const,
  ),
  ['HANDSHAKE_NO_SSL_SUPPORT', tls],
  ['HANDSHAKE_SSL_ERROR', tls],
  ['AUTH_SWITCH_PLUGIN_ERROR', denied],
]);

/** What an error of mysql2 means. */
export function faultOf(error: unknown): Fault {
  const { errno, code = '', sqlState = '', fatal } = fieldsOf(error);
  const known = byNumber.get(errno ?? 0) ?? byCode.get(code);
  if (known !== undefined) return known;
  if (/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO_)/.test(code)) return tls;
  if (sqlState.startsWith('40')) return conflict;
  // Whatever mysql2 or the socket come up with ends the connection; an error of our own does not.
  if (fatal === true || (code !== '' && (errno ?? -1) < 0)) return { kind: 'lost', text: 'the connection failed' };
  return { kind: 'later', text: 'it refuses' };
}

/** The server says that it has undone the transaction, or does not know it any more: no other answer to a COMMIT is as certain. */
export function isUndone(error: unknown): boolean {
  const { errno, sqlState } = fieldsOf(error);
  return errno === 1213 || errno === 1305 || sqlState === '40001';
}

/** Another node was quicker with the same table, column or version: what is left to do has to be looked at anew. */
export function isOvertaken(error: unknown): boolean {
  return isUndone(error) || [1050, 1060, 1061, 1062].includes(fieldsOf(error).errno ?? 0);
}

/** s after which trying again makes sense: a server that restarts takes a moment, a conflict does not. */
const retryAfter = { change: 1, conflict: 1, lost: 2, later: 5, never: 30 } as const;

/**
 * The error for whoever waits for the database. mysql2's own error is not kept: it carries the statement, and with it what people wrote.
 * @param where the database, without its password
 */
export function unavailable(error: unknown, where: string, during = ''): DatabaseUnavailable {
  if (error instanceof DatabaseUnavailable) return error;
  const fault = faultOf(error);
  const options = fault.hint === undefined ? {} : { hint: fault.hint };
  return new DatabaseUnavailable(describe(error, where, during), retryAfter[fault.kind], options);
}

/** The error for the operator: a RollcallError when this can never work, else as `unavailable`. */
export function startFault(error: unknown, where: string): RollcallError {
  if (error instanceof RollcallError) return error;
  const fault = faultOf(error);
  if (fault.kind !== 'never') return unavailable(error, where);
  return new RollcallError(describe(error, where, ''), fault.hint === undefined ? {} : { hint: fault.hint });
}

export function violation(error: unknown, where: string): ConstraintViolated {
  return error instanceof ConstraintViolated ? error : new ConstraintViolated(describe(error, where, ''));
}

const maxShown = 200;

function describe(error: unknown, where: string, during: string): string {
  const { errno, code, sqlMessage } = fieldsOf(error);
  const own = sqlMessage ?? (error instanceof Error ? error.message : String(error));
  const name = [code, errno === undefined || errno < 0 ? undefined : errno]
    .filter((part) => part !== undefined)
    .join(' ');
  const shown = own.length > maxShown ? `${own.slice(0, maxShown)}…` : own;
  return `${where}: ${faultOf(error).text}${during} (${name === '' ? '' : `${name}: `}${shown})`;
}

interface ErrorFields {
  readonly errno?: number;
  readonly code?: string;
  readonly sqlState?: string;
  readonly sqlMessage?: string;
  readonly fatal?: boolean;
}

function fieldsOf(error: unknown): ErrorFields {
  return error instanceof Error ? (error as ErrorFields) : {};
}
