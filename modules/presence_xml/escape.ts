// Owns writing text into XML: escaping, and the characters that XML 1.0 has no way to write.

/** Character data. A carriage return is written as a reference, or the reader would take it for a line feed (XML §2.11). */
export function escapeText(text: string): string {
  return /[&<>\r]/.test(text) ? text.replace(/[&<>\r]/g, reference) : text;
}

/** An attribute value between double quotes. White space is written as references, or it would be normalised (XML §3.3.3). */
export function escapeAttribute(value: string): string {
  return /[&<"\t\n\r]/.test(value) ? value.replace(/[&<"\t\n\r]/g, reference) : value;
}

/** Text that did not come out of an XML document: what XML cannot hold becomes U+FFFD. */
export function xmlSafe(text: string): string {
  return unwritable.test(text) ? text.replace(new RegExp(unwritable, 'gu'), '\ufffd') : text;
}

// The u flag makes \p{Cs} match only surrogates without their other half.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters it is about
const unwritable = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\p{Cs}]/u;

function reference(character: string): string {
  switch (character) {
    case '&':
      return '&amp;';
    case '<':
      return '&lt;';
    case '>':
      return '&gt;';
    case '"':
      return '&quot;';
    default:
      return `&#${character.charCodeAt(0)};`;
  }
}
