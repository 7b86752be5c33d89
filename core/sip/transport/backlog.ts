// Owns the look at what waits in the kernel for a UDP socket: bytes not read yet, and datagrams thrown away. Linux only.
import { closeSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import { withoutZone } from './flow';

/** One socket as the kernel sees it. */
export interface Backlog {
  /** Bytes that count against the receive buffer: the datagrams and what the kernel adds to each. */
  readonly bytes: number;
  /** Datagrams that found no room, since the socket was opened. */
  readonly dropped: number;
}

/** Reads all of a file of /proc; undefined when there is none, or it is too long to be read often. */
export type ReadTable = (file: string) => string | undefined;

/** A machine with this much has some 500 UDP sockets: then a look costs too much to be taken many times a second. */
const maxTable = 64 * 1024;

/** The kernel's tables of UDP sockets (proc(5): /proc/net/udp, /proc/net/udp6). */
export class BacklogTable {
  readonly #read: ReadTable;

  constructor(read: ReadTable = procFiles) {
    this.#read = read;
  }

  /** @param address as bound, a wildcard or a numeric address without zone; undefined: the kernel does not tell */
  of(address: string, port: number): Backlog | undefined {
    const ipv6 = address.includes(':');
    const table = this.#read(ipv6 ? '/proc/net/udp6' : '/proc/net/udp');
    if (table === undefined) return undefined;
    // `  12: 0100007F:13C4 00000000:0000 07 00000000:00000300 00:00000000 00000000 1000 0 12345 2 ffff8880 17`
    const start = table.indexOf(` ${procAddress(address)}:${hex(port, 4)} `);
    if (start < 0) return undefined;
    const end = table.indexOf('\n', start);
    const fields = table
      .slice(start, end < 0 ? undefined : end)
      .split(' ')
      .filter((field) => field !== '');
    const bytes = Number.parseInt(fields[3]?.split(':')[1] ?? '', 16);
    const dropped = Number(fields.at(-1));
    return Number.isNaN(bytes) || Number.isNaN(dropped) ? undefined : { bytes, dropped };
  }
}

/** An address as the kernel prints it: words of 32 bits in the byte order of the machine. */
export function procAddress(address: string, little = endianness() === 'LE'): string {
  const bytes = address.includes(':') ? ipv6Bytes(withoutZone(address)) : address.split('.').map(Number);
  let text = '';
  for (let word = 0; word < bytes.length; word += 4) {
    const four = bytes.slice(word, word + 4);
    for (const byte of little ? four.reverse() : four) text += hex(byte, 2);
  }
  return text;
}

/** The 16 bytes of a valid address, one that ends in dotted decimals included. */
function ipv6Bytes(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const before = groupBytes(head);
  if (tail === undefined) return before;
  const after = groupBytes(tail);
  return [...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function groupBytes(groups: string): number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

/** Opened once in a process and read again and again. */
const descriptors = new Map<string, number | undefined>();
const buffer = Buffer.allocUnsafeSlow(maxTable);

function procFiles(file: string): string | undefined {
  if (!descriptors.has(file)) descriptors.set(file, open(file));
  const descriptor = descriptors.get(file);
  if (descriptor === undefined) return undefined;
  for (let length = 0; length < buffer.length; ) {
    const read = readSync(descriptor, buffer, length, buffer.length - length, length);
    if (read === 0) return buffer.toString('latin1', 0, length);
    length += read;
  }
  closeSync(descriptor);
  descriptors.set(file, undefined);
  return undefined;
}

function open(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch {
    return undefined;
  }
}
