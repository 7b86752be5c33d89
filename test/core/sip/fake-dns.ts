// Owns a DNS made up for a test: a zone as a table of text, and what was asked of it.
import type { DnsClient } from '../../../core/sip/dns';

/** Records by name: `A`, `AAAA`, `SRV` (priority weight port target), `NAPTR` (order preference flags service replacement). */
export type Zone = Record<string, Partial<Record<'A' | 'AAAA' | 'SRV' | 'NAPTR', string[]>>>;

export function fakeDns(zone: Zone, ttl = 60) {
  const asked: string[] = [];
  let failure: string | undefined;
  const find = async (type: 'A' | 'AAAA' | 'SRV' | 'NAPTR', name: string) => {
    asked.push(`${type} ${name}`);
    const code = failure ?? (zone[name] === undefined ? 'ENOTFOUND' : zone[name]?.[type] ? undefined : 'ENODATA');
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    return (zone[name]?.[type] ?? []).map((line) => line.split(' '));
  };
  const dns: DnsClient = {
    naptr: async (name) =>
      (await find('NAPTR', name)).map(([order, preference, flags = '', service = '', replacement = '']) => ({
        order: Number(order),
        preference: Number(preference),
        flags,
        service,
        replacement,
      })),
    srv: async (name) =>
      (await find('SRV', name)).map(([priority, weight, port, target = '']) => ({
        priority: Number(priority),
        weight: Number(weight),
        port: Number(port),
        name: target,
      })),
    addresses: async (name, family) =>
      (await find(family === 4 ? 'A' : 'AAAA', name)).map(([address = '']) => ({ address, ttl })),
    hosts: async (name) => (name === 'localhost' ? ['127.0.0.1', '::1'] : []),
  };
  return {
    dns,
    asked,
    fail: (code: string | undefined) => {
      failure = code;
    },
  };
}
