// Owns randomness: unguessable tokens for tags, etags, branches and ids, drawn in blocks because one draw a token is dear.
import { randomFillSync } from 'node:crypto';

/** A source of unguessable text. */
export interface Random {
  /** 16 characters of [0-9a-v], 80 bits: a valid SIP token, safe in a To tag, an entity-tag and a branch. */
  token(): string;
}

const tokenBytes = 10;
const alphabet = '0123456789abcdefghijklmnopqrstuv';

/** Tokens from the operating system's generator. */
export function systemRandom(blockTokens = 512): Random {
  const block = Buffer.alloc(blockTokens * tokenBytes);
  let offset = block.length;
  return {
    token() {
      if (offset === block.length) {
        randomFillSync(block);
        offset = 0;
      }
      let text = '';
      for (let half = 0; half < tokenBytes; half += 5) {
        const high = (block[offset + half] ?? 0) * 16 + ((block[offset + half + 1] ?? 0) >> 4);
        const low =
          (((block[offset + half + 1] ?? 0) & 15) << 24) |
          ((block[offset + half + 2] ?? 0) << 16) |
          ((block[offset + half + 3] ?? 0) << 8) |
          (block[offset + half + 4] ?? 0);
        const fortyBits = high * 0x1000_0000 + low;
        let rest = fortyBits;
        for (let i = 0; i < 8; i++) {
          text += alphabet[rest % 32];
          rest = Math.floor(rest / 32);
        }
      }
      offset += tokenBytes;
      return text;
    },
  };
}
