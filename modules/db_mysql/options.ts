// Owns what may stand after `?` in a mysql: URL: the socket, TLS, the number of connections. Everything else is refused by name.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { SslOptions } from 'mysql2/promise';
import { RollcallError, type ServerUrl } from '../../core/api';

/** How to reach a server. */
export interface Target {
  readonly url: ServerUrl;
  /** Absolute path of a unix socket, which then is used instead of host and port. */
  readonly socket: string | undefined;
  readonly tls: TlsFiles | undefined;
  /** Connections for reading; one more writes. */
  readonly pool: number;
}

interface TlsFiles {
  /** `required` encrypts and trusts anybody, `verify_ca` wants a certificate of a known authority, `verify_identity` its name too. */
  readonly mode: 'required' | 'verify_ca' | 'verify_identity';
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

const known = ['socket', 'pool', 'ssl', 'ssl_ca', 'ssl_cert', 'ssl_key'];
const modes = ['disabled', 'required', 'verify_ca', 'verify_identity'] as const;
const defaultPool = 4;
const maxPool = 100;

/**
 * @param baseDir the folder that relative paths start from
 * @throws RollcallError that names the option and never shows the password
 */
export function readTarget(url: ServerUrl, baseDir: string): Target {
  const wrong = (what: string, hint: string): never => {
    throw new RollcallError(`${url.safe}: ${what}`, { hint });
  };
  for (const name of url.options.keys()) {
    if (!known.includes(name)) wrong(`there is no option '${name}'`, `the options are ${known.join(', ')}`);
  }
  const path = (name: string) => {
    const value = url.options.get(name);
    if (value === '') wrong(`the option ${name} is empty`, 'it is the path of a file');
    return value === undefined ? undefined : resolve(baseDir, value);
  };
  const count = url.options.get('pool') ?? String(defaultPool);
  const pool = Number(count);
  if (!/^\d{1,3}$/.test(count) || pool < 1 || pool > maxPool) {
    wrong(`pool is '${count}'`, `it is a number of connections from 1 to ${maxPool}`);
  }
  const named = url.options.get('ssl') ?? 'disabled';
  const mode = modes.find((each) => each === named);
  if (mode === undefined) return wrong(`ssl is '${named}'`, `it is one of ${modes.join(', ')}`);
  const [ca, cert, key] = [path('ssl_ca'), path('ssl_cert'), path('ssl_key')];
  if (mode === 'disabled') {
    if (ca ?? cert ?? key) wrong('TLS files are named, and ssl is disabled', 'add ssl=verify_identity');
    return { url, socket: path('socket'), tls: undefined, pool };
  }
  if ((cert === undefined) !== (key === undefined)) {
    wrong('one of ssl_cert and ssl_key is missing', 'a client certificate needs both');
  }
  // mysql2 would look for the name localhost in the certificate, and take such a one from anybody.
  if (mode === 'verify_identity' && isIP(url.host) !== 0) {
    wrong(
      'verify_identity needs a name to look for',
      'write the name of the host instead of its address, or ssl=verify_ca',
    );
  }
  return { url, socket: path('socket'), tls: { mode, ca, cert, key }, pool };
}

/** Reads the files. @throws RollcallError that names the file */
export function readTls(target: Target): SslOptions | undefined {
  const { tls, url } = target;
  if (tls === undefined) return undefined;
  const read = (file: string) => {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      throw new RollcallError(`${url.safe}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, {
        hint: 'look at the path and at its permissions',
      });
    }
  };
  return {
    rejectUnauthorized: tls.mode !== 'required',
    verifyIdentity: tls.mode === 'verify_identity',
    ...(tls.ca === undefined ? {} : { ca: read(tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: read(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: read(tls.key) }),
  };
}
