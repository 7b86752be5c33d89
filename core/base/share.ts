// Owns texts that many records have in common: one copy of each in memory, however many messages it came in.

/** Texts in a generation. A peer that sends a new text each time pushes the others out, and costs nothing more. */
const generation = 2_048;

let young = new Map<string, string>();
let old = new Map<string, string>();

/** An equal text, the same each time: for what is kept and mostly says what others say, such as a User-Agent. */
export function share(text: string): string {
  const known = young.get(text);
  if (known !== undefined) return known;
  if (young.size >= generation) {
    old = young;
    young = new Map();
  }
  const kept = old.get(text) ?? text;
  young.set(kept, kept);
  return kept;
}

/** `text`, in the copy that is `kept` already when they are equal. */
export function sameAs(kept: string, text: string): string {
  return text === kept ? kept : text;
}
