// Owns randomness: unguessable tokens for tags, etags, branches and ids, drawn in blocks because one draw a token is dear.
import { randomFillSync } from 'node:crypto';

/** A source of unguessable text. */
export interface Random {
  /** 16 characters of [0-9a-v], 80 bits: a valid SIP token, safe in a To tag, an entity-tag and a branch. */
  token(): string;
}

const alphabet = Buffer.from('0123456789abcdefghijklmnopqrstuv', 'latin1');
const length = 16;

/** Tokens from the operating system's generator. */
export function systemRandom(blockTokens = 512): Random {
  const block = Buffer.alloc(blockTokens * length);
  let next = block.length;
  return {
    token() {
      if (next === block.length) {
        randomFillSync(block);
        for (let i = 0; i < block.length; i++) block[i] = alphabet[(block[i] as number) & 31] as number;
        next = 0;
      }
      next += length;
      // Taken out of bytes, it is one flat text: put together it would be a tree of its parts for as long as it is kept.
      return block.toString('latin1', next - length, next);
    },
  };
}
