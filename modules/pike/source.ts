// Owns what counts as one source: an IPv4 address, or the /64 network of an IPv6 address, which is what one customer is given.

/** The source of an address. A host in IPv6 can use every address of its /64, so they are counted together. */
export function sourceOf(address: string): string {
  if (!address.includes(':')) return address;
  const zone = address.indexOf('%');
  const plain = (zone === -1 ? address : address.slice(0, zone)).toLowerCase();
  const lastColon = plain.lastIndexOf(':');
  // ::ffff:192.0.2.1, an IPv4 peer of a socket for both families.
  if (plain.startsWith('::ffff:') && plain.includes('.')) return plain.slice(lastColon + 1);
  const gap = plain.indexOf('::');
  const head = (gap === -1 ? plain : plain.slice(0, gap)).split(':').filter((group) => group !== '');
  const groups = head.slice(0, 4);
  if (gap !== -1 && groups.length < 4) {
    const tail = plain
      .slice(gap + 2)
      .split(':')
      .filter((group) => group !== '');
    const zeros = 8 - head.length - tail.length;
    for (let i = 0; i < zeros; i++) groups.push('0');
    groups.push(...tail);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
