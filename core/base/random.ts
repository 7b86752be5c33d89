// Owns randomness: unguessable tokens for tags, etags, branches and ids, drawn in blocks because one draw a token is dear.
import { randomFillSync } from 'node:crypto';

/** A source of unguessable text. */
export interface Random {
  /** 16 characters of [0-9a-v], 80 bits: a valid SIP token, safe in a To tag, an entity-tag and a branch. */
  token(): string;
}

const alphabet = '0123456789abcdefghijklmnopqrstuv';
/** Ten random bits as two characters. */
const pairs = Array.from({ length: 1024 }, (_, n) => `${alphabet[n >> 5]}${alphabet[n & 31]}`);
const pairsInToken = 8;

/** Tokens from the operating system's generator. */
export function systemRandom(blockTokens = 512): Random {
  const block = new Uint16Array(blockTokens * pairsInToken);
  let next = block.length;
  return {
    token() {
      if (next === block.length) {
        randomFillSync(block);
        next = 0;
      }
      let text = '';
      for (const end = next + pairsInToken; next < end; next++) text += pairs[(block[next] ?? 0) & 1023];
      return text;
    },
  };
}
