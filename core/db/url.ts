// Owns the database URL: `sqlite:PATH` and `mysql://user:password@host[:port]/database?…`, its problems as text, its form without a secret.
import { resolve } from 'node:path';

export type DatabaseUrl = SqliteUrl | ServerUrl;

export interface SqliteUrl {
  readonly scheme: 'sqlite';
  /** Absolute. */
  readonly path: string;
  /** For logs and messages. */
  readonly safe: string;
}

export interface ServerUrl {
  readonly scheme: 'mysql';
  readonly user: string;
  readonly password: string;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** What stands after `?`, for the driver to judge. */
  readonly options: ReadonlyMap<string, string>;
  /** For logs and messages: without the password. */
  readonly safe: string;
}

export type ParsedDatabaseUrl =
  | { readonly ok: true; readonly url: DatabaseUrl }
  /** `problem` completes "db_url …" and never quotes a password. */
  | { readonly ok: false; readonly problem: string };

/** @param baseDir the folder that a relative SQLite path starts from: that of the config file. */
export function parseDatabaseUrl(text: string, baseDir: string): ParsedDatabaseUrl {
  const colon = text.indexOf(':');
  const scheme = colon < 0 ? '' : text.slice(0, colon).toLowerCase();
  if (scheme === 'sqlite') return parseSqlite(text.slice(colon + 1), baseDir);
  if (scheme === 'mysql') return parseServer(text.slice(colon + 1));
  return problem(`must start with 'sqlite:' or 'mysql://'`);
}

function parseSqlite(rest: string, baseDir: string): ParsedDatabaseUrl {
  if (rest === ':memory:') return problem('cannot be in memory: leave db_url out to keep everything in memory');
  // sqlite:///var/x.db is what Kamailio's operators write, sqlite:x.db what this server's do. A path is taken as written: '%' and '?' are
  // good in file names, so nothing is decoded.
  const path = rest.startsWith('//') ? rest.slice(2) : rest;
  if (path === '') return problem("names no file: write 'sqlite:PATH'");
  if (path.includes('\0')) return problem('must not hold a NUL');
  const absolute = resolve(baseDir, path);
  return { ok: true, url: { scheme: 'sqlite', path: absolute, safe: `sqlite:${absolute}` } };
}

function parseServer(rest: string): ParsedDatabaseUrl {
  if (!rest.startsWith('//')) return problem("must look like 'mysql://user:password@host/database'");
  const query = rest.indexOf('?');
  const main = query < 0 ? rest.slice(2) : rest.slice(2, query);
  // The last '@' ends the password, so a password may hold '@' and '/' undecoded.
  const at = main.lastIndexOf('@');
  if (at < 0) return problem("names no user: write 'mysql://user:password@host/database'");
  const credentials = main.slice(0, at);
  const colon = credentials.indexOf(':');
  const user = decode(colon < 0 ? credentials : credentials.slice(0, colon));
  const password = decode(colon < 0 ? '' : credentials.slice(colon + 1));
  const slash = main.indexOf('/', at);
  const authority = slash < 0 ? main.slice(at + 1) : main.slice(at + 1, slash);
  const database = decode(slash < 0 ? '' : main.slice(slash + 1));
  if (user === undefined || password === undefined || database === undefined) {
    return problem("has a '%' that no two hex digits follow: write a percent sign as %25");
  }
  if (user === '') return problem("names no user: write 'mysql://user:password@host/database'");
  if (database === '' || database.includes('/')) return problem('must end in the name of one database');
  const endpoint = parseAuthority(authority);
  if (typeof endpoint === 'string') return problem(endpoint);
  const options = new Map<string, string>();
  for (const part of query < 0 ? [] : rest.slice(query + 1).split('&')) {
    const equals = part.indexOf('=');
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    const value = decode(equals < 0 ? '' : part.slice(equals + 1));
    if (name === undefined || name === '' || value === undefined) return problem("must have options as 'name=value'");
    if (options.has(name)) return problem(`has the option '${name}' twice`);
    options.set(name, value);
  }
  const { host, port } = endpoint;
  const shown = host.includes(':') ? `[${host}]` : host;
  const safe = `mysql://${encodeURIComponent(user)}@${shown}:${port}/${encodeURIComponent(database)}`;
  return { ok: true, url: { scheme: 'mysql', user, password, host, port, database, options, safe } };
}

const mysqlPort = 3306;

/** host, host:port, [v6] or [v6]:port; or what is wrong with it. */
function parseAuthority(text: string): { host: string; port: number } | string {
  const bracket = text.startsWith('[') ? text.indexOf(']') : -1;
  if (text.startsWith('[') && bracket < 0) return "has a '[' without its ']'";
  const host =
    bracket >= 0 ? text.slice(1, bracket) : text.slice(0, text.includes(':') ? text.indexOf(':') : undefined);
  const rest = text.slice(bracket >= 0 ? bracket + 1 : host.length);
  if (bracket < 0 && text.indexOf(':') !== text.lastIndexOf(':')) return 'must have an IPv6 address in brackets';
  if (host === '') return 'names no host';
  if (rest === '') return { host, port: mysqlPort };
  const port = Number(rest.slice(1));
  if (!/^:\d{1,5}$/.test(rest) || port < 1 || port > 65535) {
    return 'must have a port from 1 to 65535';
  }
  return { host, port };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function problem(text: string): ParsedDatabaseUrl {
  return { ok: false, problem: text };
}
