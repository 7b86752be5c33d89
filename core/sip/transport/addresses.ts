// Owns which of this machine's addresses a peer sees when a socket listens on all of them.
import { BlockList, isIP } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { withoutZone } from './flow';

/** The machine's interfaces; injected in tests. */
export type Interfaces = () => NodeJS.Dict<NetworkInterfaceInfo[]>;

/** Whether a socket bound to it listens on every address of its family. */
export function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/**
 * What is written for a wildcard socket into Via, Contact and flow keys, where 0.0.0.0 would be no address: that of the
 * interface whose network the peer is in, else the first that is neither loopback nor link-local. The interfaces are read
 * once for a socket: an address that comes up later is served, and known here after the next start. With which address
 * a datagram leaves such a socket the kernel decides by its routes; who has several networks lists the addresses instead.
 */
export class LocalAddresses {
  readonly #networks: { readonly address: string; readonly list: BlockList }[] = [];
  readonly #fallback: string;
  readonly #family: 'ipv4' | 'ipv6';

  constructor(wildcard: string, interfaces: Interfaces = networkInterfaces) {
    this.#family = isIP(wildcard) === 6 ? 'ipv6' : 'ipv4';
    const own = Object.values(interfaces())
      .flatMap((list) => list ?? [])
      .filter((info) => info.family.toLowerCase() === this.#family);
    for (const info of own) {
      const list = new BlockList();
      const prefix = Number(info.cidr?.split('/')[1] ?? (this.#family === 'ipv6' ? 128 : 32));
      list.addSubnet(withoutZone(info.address), prefix, this.#family);
      this.#networks.push({ address: info.address, list });
    }
    const outward = own.find((info) => !info.internal && !info.address.startsWith('fe80:'));
    this.#fallback = outward?.address ?? (this.#family === 'ipv6' ? '::1' : '127.0.0.1');
  }

  /** The address of ours that `remote` sees. */
  facing(remote: string): string {
    const plain = withoutZone(remote);
    return this.#networks.find(({ list }) => list.check(plain, this.#family))?.address ?? this.#fallback;
  }
}
