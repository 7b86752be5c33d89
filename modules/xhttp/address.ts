// Owns the reading of the address that HTTP is served on.
import { isIP } from 'node:net';

export interface HttpAddress {
  /** Numeric, without brackets. */
  readonly address: string;
  readonly port: number;
}

/** The address, or what is wrong with the text as the end of a sentence. */
export function parseAddress(text: string): HttpAddress | string {
  const colon = text.lastIndexOf(':');
  const port = text.slice(colon + 1);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return 'must end in a port, such as 127.0.0.1:8080';
  if (colon < 0) return { address: '127.0.0.1', port: Number(port) };
  const host = text.slice(0, colon);
  const bracketed = host.startsWith('[') && host.endsWith(']');
  const address = bracketed ? host.slice(1, -1) : host;
  if (isIP(address) !== (bracketed ? 6 : 4)) return 'must be a numeric address and a port, such as 127.0.0.1:8080';
  return { address, port: Number(port) };
}

/** Whether only this machine can come from it. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.');
}
