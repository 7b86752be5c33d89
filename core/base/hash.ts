// Owns the hash of text: keyed, so that nobody outside can choose texts that fall into one bucket.
import { randomBytes } from 'node:crypto';

/** Odd, so that multiplying by it loses nothing; another one in each process. */
const multiplier = randomBytes(4).readInt32LE() | 1;

/** 32 bits of a text, as an integer of either sign. The same only within this process. */
export function hashText(text: string): number {
  let hash = 0x9e3779b9 | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), multiplier);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}
