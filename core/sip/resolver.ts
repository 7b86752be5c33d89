// Owns the way from a URI to addresses: RFC 3263 with NAPTR, SRV and A/AAAA, in the order in which they are to be tried.
import { isIP } from 'node:net';
import type { Clock } from '../base/clock';
import { DnsAnswers } from './answers';
import { type DnsClient, type SrvAnswer, systemDns } from './dns';
import type { Protocol } from './transport/flow';
import type { SipUri } from './uri';

/** One place to try. */
export interface Target {
  readonly protocol: Protocol;
  /** Numeric, IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
}

export interface ResolverOptions {
  readonly clock: Clock;
  /** Without it the system's. */
  readonly dns?: DnsClient;
  /** At least 0 and below 1: the draw among SRV records of one priority. Nothing secret hangs on it. */
  readonly random?: () => number;
  /** Whether this server can send so at present. Without it: udp and tcp, IPv4 and IPv6. */
  readonly supports?: (protocol: Protocol, family: 4 | 6) => boolean;
}

/** Places given back for one URI. */
const maxTargets = 16;
/** SRV names whose addresses are looked up for one URI. */
const maxNames = 8;
/** RFC 3263 §4.1, in the order of our own preference where DNS has none (RFC 3261 §18: every element has UDP). */
const services: readonly { naptr: string; srv: string; protocol: Protocol; secure: boolean }[] = [
  { naptr: 'SIP+D2U', srv: '_sip._udp.', protocol: 'udp', secure: false },
  { naptr: 'SIP+D2T', srv: '_sip._tcp.', protocol: 'tcp', secure: false },
  { naptr: 'SIPS+D2T', srv: '_sips._tcp.', protocol: 'tls', secure: true },
];

/** RFC 3261 §19.1.2, RFC 7118 §5.2. */
const defaultPorts: Readonly<Record<Protocol, number>> = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 };

/** A name with the port and protocol to use once it has an address. */
interface Named {
  readonly name: string;
  readonly port: number;
  readonly protocol: Protocol;
}

/** Finds next hops. Answers are cached; a name is asked for once however many wait for it. */
export class Resolver {
  readonly #answers: DnsAnswers;
  readonly #random: () => number;
  readonly #supports: (protocol: Protocol, family: 4 | 6) => boolean;

  constructor(options: ResolverOptions) {
    this.#answers = new DnsAnswers(options.dns ?? systemDns(options.clock), options.clock);
    this.#random = options.random ?? Math.random;
    this.#supports = options.supports ?? ((protocol) => protocol === 'udp' || protocol === 'tcp');
  }

  /**
   * Where to send a request whose next hop is `uri`, best first, never empty. `maddr` goes before the host (RFC 3261 §19.1.1).
   * Rejects with an Error that says why there is nothing: no address, no protocol in common, a name that is none.
   */
  async resolve(uri: SipUri): Promise<Target[]> {
    const secure = uri.scheme === 'sips';
    const host = uri.params.get('maddr') || uri.host;
    const wanted = wantedProtocol(uri, secure);
    const numeric = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
    const named =
      isIP(numeric) !== 0
        ? [at(numeric, uri.port, wanted ?? this.#plain(secure))]
        : await this.#names(domainName(host), uri.port, wanted, secure);
    const targets = (await Promise.all(named.slice(0, maxNames).map((entry) => this.#addresses(entry)))).flat();
    if (targets.length === 0) throw new Error(`no way to reach ${host}`);
    return targets.slice(0, maxTargets);
  }

  /** RFC 3263 §4.1 and §4.2 up to the names that need addresses. */
  async #names(
    name: string,
    port: number | undefined,
    wanted: Protocol | undefined,
    secure: boolean,
  ): Promise<readonly Named[]> {
    if (port !== undefined || (await this.#answers.isLocal(name)))
      return [at(name, port, wanted ?? this.#plain(secure))];
    const known = services.filter(({ protocol }) => this.#can(protocol));
    const usable = known.filter((service) => (wanted ? service.protocol === wanted : service.secure || !secure));
    const chosen = wanted ? undefined : await this.#byNaptr(name, usable);
    const queries = chosen ?? usable.map((service) => ({ name: service.srv + name, protocol: service.protocol }));
    const found = await Promise.all(queries.map((query) => this.#byService(query.name, query.protocol)));
    // A lone "." says that the service is not there (RFC 2782), which is an answer: no falling back to the bare name.
    if (found.some((entries) => entries !== undefined)) return found.flatMap((entries) => entries ?? []);
    return [at(name, undefined, wanted ?? this.#plain(secure))];
  }

  /** The SRV names that NAPTR records point to; undefined when there are none that we can use. */
  async #byNaptr(name: string, usable: typeof services): Promise<{ name: string; protocol: Protocol }[] | undefined> {
    const records = [...(await this.#answers.naptr(name))].sort(
      (a, b) => a.order - b.order || a.preference - b.preference,
    );
    const queries: { name: string; protocol: Protocol }[] = [];
    for (const record of records) {
      const service = usable.find(({ naptr }) => naptr === record.service.toUpperCase());
      const replacement = canonical(record.replacement);
      if (!service || record.flags.toLowerCase() !== 's' || !isDomainName(replacement)) continue;
      if (queries.length < services.length) queries.push({ name: replacement, protocol: service.protocol });
    }
    return queries.length > 0 ? queries : undefined;
  }

  /** The hosts of one service in the order to try; undefined when the service has no records. */
  async #byService(name: string, protocol: Protocol): Promise<Named[] | undefined> {
    const records = await this.#answers.srv(name);
    if (records.length === 0) return undefined;
    return inOrder(records, this.#random)
      .map((record) => ({ name: canonical(record.name), port: record.port, protocol }))
      .filter((entry) => entry.port > 0 && isDomainName(entry.name));
  }

  /** IPv6 first, as RFC 6724 has it, where it is usable at all. */
  async #addresses({ name, port, protocol }: Named): Promise<Target[]> {
    const family = isIP(name);
    const families = ([6, 4] as const).filter((candidate) => this.#supports(protocol, candidate));
    if (family !== 0) return families.some((usable) => usable === family) ? [{ protocol, address: name, port }] : [];
    const found = await Promise.all(families.map((usable) => this.#answers.addresses(name, usable)));
    return found.flat().map((address) => ({ protocol, address, port }));
  }

  /** What goes without saying: udp, or tcp where this server has no udp socket. */
  #plain(secure: boolean): Protocol {
    if (secure) return 'tls';
    return this.#can('udp') || !this.#can('tcp') ? 'udp' : 'tcp';
  }

  #can(protocol: Protocol): boolean {
    return this.#supports(protocol, 4) || this.#supports(protocol, 6);
  }
}

/**
 * SRV records in the order to try (RFC 2782): by priority, and within one by draws that the weights decide. Records of weight 0
 * come first in the draw, so that they have a small chance beside others.
 */
export function inOrder(records: readonly SrvAnswer[], random: () => number): SrvAnswer[] {
  const waiting = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: SrvAnswer[] = [];
  for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
    const { priority } = first;
    const rivals = waiting.filter((record) => record.priority === priority).length;
    let total = 0;
    for (let i = 0; i < rivals; i++) total += waiting[i]?.weight ?? 0;
    let draw = Math.floor(random() * (total + 1));
    let chosen = 0;
    while (chosen < rivals - 1 && draw > (waiting[chosen]?.weight ?? 0)) {
      draw -= waiting[chosen]?.weight ?? 0;
      chosen++;
    }
    ordered.push(...waiting.splice(chosen, 1));
  }
  return ordered;
}

function at(name: string, port: number | undefined, protocol: Protocol): Named {
  return { name, port: port ?? defaultPorts[protocol], protocol };
}

/** What the URI itself says. sips means TLS on every hop, whatever transport is beside it (RFC 3261 §26.2.2). */
function wantedProtocol(uri: SipUri, secure: boolean): Protocol | undefined {
  const transport = uri.params.get('transport')?.toLowerCase();
  switch (transport) {
    case undefined:
      return undefined;
    case 'udp':
      if (secure) throw new Error('sips does not go over udp');
      return 'udp';
    case 'tcp':
      return secure ? 'tls' : 'tcp';
    case 'tls':
    case 'wss':
      return transport;
    case 'ws':
      return secure ? 'wss' : 'ws';
    default:
      throw new Error(`unknown transport ${transport}`);
  }
}

/** @throws Error for what is no domain name and for what can have no address (RFC 6761 §6.4) */
function domainName(host: string): string {
  const name = canonical(host);
  if (!isDomainName(name)) throw new Error(`${host} is not a host name`);
  if (name === 'invalid' || name.endsWith('.invalid')) throw new Error(`${host} has no address, by its name`);
  return name.endsWith('.localhost') ? 'localhost' : name;
}

function canonical(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}

/** Labels of letters, digits, hyphens and underscores, the last not all digits: 1.2.3 is no name, and no address either. */
function isDomainName(name: string): boolean {
  if (name.length === 0 || name.length > 253) return false;
  const labels = name.split('.');
  return labels.every((label) => /^[a-z0-9_-]{1,63}$/.test(label)) && !/^[0-9]+$/.test(labels.at(-1) ?? '');
}
