// Owns how the house asks DNS: the questions of RFC 3263 as an interface, put to the system's servers and its hosts file.
import { Resolver as SystemResolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/clock';

export interface NaptrAnswer {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly service: string;
  readonly replacement: string;
}

export interface SrvAnswer {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly name: string;
}

export interface AddressAnswer {
  readonly address: string;
  /** s */
  readonly ttl: number;
}

/**
 * Asks one question each. Rejects with an Error whose `code` is ENOTFOUND or ENODATA when the answer is that there is
 * nothing, with any other when there is no answer.
 */
export interface DnsClient {
  naptr(name: string): Promise<NaptrAnswer[]>;
  srv(name: string): Promise<SrvAnswer[]>;
  addresses(name: string, family: 4 | 6): Promise<AddressAnswer[]>;
  /** Addresses that the machine itself gives to a name, before DNS is asked. Never rejects. */
  hosts(name: string): Promise<readonly string[]>;
}

/** A server that does not answer is asked twice, 4 s in all. */
const tries = 2;
const timeoutMs = 2000;
/** How long the hosts file is taken to be as it was read, ms. */
const hostsLifetime = 10_000;
/** What localhost is where the hosts file has forgotten it (RFC 6761 §6.3). */
const loopback = ['::1', '127.0.0.1'];

/**
 * The system's DNS. Names go to the servers of resolv.conf without blocking: getaddrinfo would hold one of the four
 * threads of the pool for each name, and peers choose the names. So the hosts file is read here.
 */
export function systemDns(clock: Clock, hostsFile = '/etc/hosts'): DnsClient {
  const resolver = new SystemResolver({ timeout: timeoutMs, tries });
  let hosts: Promise<Map<string, string[]>> | undefined;
  let readAt = 0;
  return {
    naptr: (name) => resolver.resolveNaptr(name),
    srv: (name) => resolver.resolveSrv(name),
    addresses: (name, family) =>
      family === 4 ? resolver.resolve4(name, { ttl: true }) : resolver.resolve6(name, { ttl: true }),
    async hosts(name) {
      if (!hosts || Math.abs(clock.now() - readAt) > hostsLifetime) {
        readAt = clock.now();
        hosts = readFile(hostsFile, 'utf8').then(parseHosts, () => new Map<string, string[]>());
      }
      return (await hosts).get(name) ?? (name === 'localhost' ? loopback : []);
    },
  };
}

/** hosts(5): an address and its names on each line. */
export function parseHosts(text: string): Map<string, string[]> {
  const table = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    if (!address) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const known = table.get(key);
      if (!known) table.set(key, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return table;
}
