// Owns what `publish` and `watch` share: whom they talk about, which server they ask, over what, and what they call back.
import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { userInfo } from 'node:os';
import * as sip from 'sip';
import { RollcallError } from '../base/errors';
import type { ClientTransport, Endpoint, SipClient } from './sip-client';

/** Where a client command writes, and how it learns of Ctrl-C. */
export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  /** Aborted by the first Ctrl-C: end politely. A second one is not caught. */
  interrupted: AbortSignal;
}

/** The options both commands have, in the form of `util.parseArgs`. */
export const sharedOptions = {
  server: { type: 'string' },
  transport: { type: 'string', default: 'udp' },
  expires: { type: 'string' },
} as const;

export interface Target {
  /** the presentity, `sip:user@host` */
  uri: string;
  server: Endpoint;
  transport: ClientTransport;
}

const sipPort = 5060;

/**
 * Reads the URI and the server of a command line. Without `--server` the URI's host is asked when it is numeric, and
 * this machine otherwise: a newcomer's `sip:alice@example.com` lives on the server beside him.
 * @throws RollcallError naming what cannot be understood
 */
export async function readTarget(
  positionals: readonly string[],
  options: { server?: string | undefined; transport: string },
): Promise<Target> {
  const [text, extra] = positionals;
  if (text === undefined) throw new RollcallError('no URI given', { hint: 'For example: sip:alice@localhost' });
  if (extra !== undefined) throw new RollcallError(`one URI, please: '${extra}' is one too many`);
  const { uri, host, port } = readUri(text);
  const transport = options.transport.toLowerCase();
  if (transport !== 'udp' && transport !== 'tcp')
    throw new RollcallError(`--transport is udp or tcp, not '${options.transport}'`);
  const local = { address: '127.0.0.1', port: port ?? sipPort };
  if (options.server !== undefined) return { uri, transport, server: await readServer(options.server) };
  if (isIPv4(host)) return { uri, transport, server: { address: host, port: local.port } };
  return { uri, transport, server: host === 'localhost' ? local : { ...local, port: sipPort } };
}

/** @throws RollcallError when `text` is no SIP URI; `alice@localhost` is taken for `sip:alice@localhost` */
export function readUri(text: string): { uri: string; host: string; port: number | undefined } {
  const uri = text.includes(':') && /^[a-z]+:/i.test(text) ? text : `sip:${text}`;
  const parsed = sip.parseUri(uri);
  if (parsed === undefined || parsed.user === undefined)
    throw new RollcallError(`'${text}' is not a SIP address`, { hint: 'It looks like sip:alice@example.com' });
  return { uri, host: parsed.host, port: Number.isNaN(parsed.port) ? undefined : parsed.port };
}

/** `sip:you@host-of-the-presentity`, who watches when `--as` does not say. */
export function ownAddress(presentity: string): string {
  const name = userInfo().username.replace(/[^\w.-]/g, '') || 'watcher';
  return `sip:${name}@${readUri(presentity).host}`;
}

/** A whole number of seconds. @throws RollcallError */
export function readSeconds(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw new RollcallError(`--expires takes seconds, not '${text}'`);
  return Number(text);
}

/** The Contact of a client: its socket, by the transport it uses. @throws RollcallError when it cannot connect */
export async function contactOf(client: SipClient, uri: string): Promise<sip.NameAddr[]> {
  const user = sip.parseUri(uri)?.user ?? 'rollcall';
  const { address, port } = await client.local();
  const transport = client.transport === 'tcp' ? ';transport=tcp' : '';
  return [{ uri: `sip:${user}@${address}:${port}${transport}`, params: {} }];
}

/** The seconds a response grants. */
export function granted(response: sip.Response, asked: number): number {
  const text = response.headers.expires;
  return typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : asked;
}

/** When to refresh what lasts `seconds`: early enough for two tries, never more often than each second. ms. */
export function refreshAfter(seconds: number): number {
  return Math.max(1, seconds > 60 ? seconds - 30 : seconds * 0.6) * 1000;
}

/** Waits, unless Ctrl-C comes first. `false` when it did. */
export function pause(ms: number, interrupted: AbortSignal): Promise<boolean> {
  if (interrupted.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const end = (elapsed: boolean) => {
      clearTimeout(timer);
      interrupted.removeEventListener('abort', stop);
      resolve(elapsed);
    };
    const stop = () => end(false);
    const timer = setTimeout(() => end(true), Math.min(ms, 2 ** 31 - 1));
    interrupted.addEventListener('abort', stop);
  });
}

async function readServer(text: string): Promise<Endpoint> {
  const match = /^([^:\s]+)(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1];
  const port = Number(match?.[2] ?? sipPort);
  if (host === undefined || port < 1 || port > 65_535)
    throw new RollcallError(`--server takes HOST:PORT, not '${text}'`, {
      hint: 'An IPv4 address or a name: the client library knows no IPv6.',
    });
  if (isIPv4(host)) return { address: host, port };
  try {
    return { address: (await lookup(host, 4)).address, port };
  } catch (cause) {
    throw new RollcallError(`no IPv4 address found for '${host}'`, { cause });
  }
}
