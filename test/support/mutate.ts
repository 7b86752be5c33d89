// Owns seeded damage to messages: the same seed gives the same 5,000 broken messages on every machine.

/** mulberry32: small, fast, the same everywhere. Numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const spice = [
  '\r\n',
  '\r\n\r\n',
  '\0',
  '"',
  '<',
  '>',
  ';',
  ',',
  '%',
  '%00',
  '\\',
  ';tag=',
  ':',
  '@',
  '[',
  ']',
  '\xff\xfe',
  ' ',
  '\t',
  '__proto__',
  'constructor',
  '999999999999999999999',
  '-1',
  'Content-Length: 5\r\n',
  'Via: x\r\n',
  '<![CDATA[',
  '&#x0;',
  '<!--',
  '?>',
];

/** One to six changes: bytes flipped, cut, doubled or replaced, headers moved, tokens that parsers trip over put in. */
export function mutate(text: string, random: () => number): string {
  let result = text;
  const pick = (limit: number) => Math.floor(random() * limit);
  for (let changes = 1 + pick(6); changes > 0; changes--) {
    const at = pick(result.length + 1);
    const length = pick(30);
    switch (pick(7)) {
      case 0:
        result = result.slice(0, at) + String.fromCharCode(pick(256)) + result.slice(at + 1);
        break;
      case 1:
        result = result.slice(0, at) + result.slice(at + length);
        break;
      case 2:
        result = result.slice(0, at) + result.slice(at, at + length).repeat(1 + pick(20)) + result.slice(at);
        break;
      case 3:
        result = result.slice(0, at) + (spice[pick(spice.length)] ?? '') + result.slice(at);
        break;
      case 4: {
        const lines = result.split('\r\n');
        lines.splice(pick(lines.length), 0, ...lines.splice(pick(lines.length), 1));
        result = lines.join('\r\n');
        break;
      }
      case 5:
        result = result.slice(0, at);
        break;
      default:
        result = result.replace(/\d+/, String(pick(2 ** 31)));
    }
  }
  return result;
}
