// Owns the proof that no message makes the parser work more than in proportion to its size.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Limits, parseMessage } from '../../../core/sip/message';
import { scanWork } from '../../../core/sip/text';
import { publish, withLine } from './sample';
import { touchAll } from './touch';

/** Limits out of the way, so that it is the scanners that are measured. */
const open: Limits = { maxHeaders: 1_000_000, maxHeadBytes: 2 ** 23 };

/** What once held a parser for seconds, and its relatives. Each grows with n, which is about its size in bytes. */
const probes: [string, (n: number) => string][] = [
  ['a Contact of commas and Vias', (n) => head('Contact', `SIP/2.0/UDP h${',SIP/2.0/UDP h'.repeat(n / 14)}`)],
  ['a From of commas and Vias', (n) => head('From', `SIP/2.0/UDP h${',SIP/2.0/UDP h'.repeat(n / 14)}`)],
  ['a Via of Vias', (n) => head('Via', `SIP/2.0/UDP h${',SIP/2.0/UDP h'.repeat(n / 14)}`)],
  ['a long word in Authorization', (n) => head('Authorization', 'a'.repeat(n))],
  ['a Contact of addresses without brackets', (n) => head('Contact', `sip:a@b${',sip:a@b'.repeat(n / 8)}`)],
  ['a Contact of display names without an address', (n) => head('Contact', 'a '.repeat(n / 2))],
  ['quotes', (n) => head('Contact', '"'.repeat(n))],
  ['quotes in pairs with commas', (n) => head('Contact', '"",'.repeat(n / 3))],
  ['backslashes in a quoted string', (n) => head('From', `"${'\\\\'.repeat(n / 2)}" <sip:a@b>`)],
  ['backslashes and no end of the quote', (n) => head('From', `"${'\\'.repeat(n)}`)],
  ['unclosed angle brackets', (n) => head('Contact', '<'.repeat(n))],
  ['unclosed angle brackets with addresses', (n) => head('Contact', '<sip:a@b,'.repeat(n / 9))],
  ['30,000 Via lines', (n) => publish.replace('Via:', `${'v:SIP/2.0/UDP h\r\n'.repeat(n / 17)}Via:`)],
  ['30,000 Contact lines', (n) => publish.replace('Event:', `${'m:<sip:a@b>\r\n'.repeat(n / 13)}Event:`)],
  ['lines of an unknown header', (n) => publish.replace('Event:', `${'X-Unknown:1\r\n'.repeat(n / 13)}Event:`)],
  ['lines of an empty name', (n) => publish.replace('Event:', `${':\r\n'.repeat(n / 3)}Event:`)],
  ['20,000 folds', (n) => head('To', `<sip:a@b>${'\r\n ;x'.repeat(n / 5)}`)],
  ['empty folds', (n) => head('To', `<sip:a@b>${'\r\n '.repeat(n / 3)}`)],
  ['bare LF', (n) => head('Subject', `x${'\n '.repeat(n / 2)}`)],
  ['bare CR', (n) => head('Subject', '\r'.repeat(n))],
  ['CR in pairs', (n) => head('Subject', 'a\rb'.repeat(n / 3))],
  ['commas', (n) => head('Supported', ','.repeat(n))],
  ['commas in Accept', (n) => head('Accept', ','.repeat(n))],
  ['media ranges', (n) => head('Accept', `a/b${',a/b'.repeat(n / 4)}`)],
  ['blanks', (n) => head('Contact', ' '.repeat(n))],
  ['blanks between commas', (n) => head('Supported', 'a       ,'.repeat(n / 9))],
  ['blanks before a colon', (n) => head('Event', 'presence').replace('Event', `Event${' '.repeat(n)}`)],
  ['parameters', (n) => head('From', `<sip:a@b>${';x'.repeat(n / 2)}`)],
  ['semicolons', (n) => head('Via', `SIP/2.0/UDP h${';'.repeat(n)}`)],
  ['equals signs', (n) => head('From', `<sip:a@b>;x=${'='.repeat(n)}`)],
  ['digits', (n) => head('CSeq', `${'0'.repeat(n)}1 PUBLISH`)],
  ['a long header name', (n) => publish.replace('Event:', `${'E'.repeat(n)}:1\r\nEvent:`)],
  ['at signs in the Request-URI', (n) => publish.replace('sip:alice@example.com', `sip:${'@'.repeat(n)}`)],
  ['escapes in the Request-URI', (n) => publish.replace('sip:alice@', `sip:${'%61'.repeat(n / 3)}@`)],
  ['parameters in the Request-URI', (n) => publish.replace(' SIP/2.0', `${';a=b'.repeat(n / 4)} SIP/2.0`)],
  ['a start line without an end', (n) => 'P'.repeat(n)],
  ['keep-alives', (n) => '\r\n'.repeat(n / 2)],
  ['NULs before a message', (n) => '\0'.repeat(n) + publish],
  ['Content-Lengths', (n) => publish.replace('Event:', `${'l:11\r\n'.repeat(n / 6)}Event:`)],
];

function head(name: string, value: string): string {
  const text = publish.replace(
    'Event: presence',
    'Event: presence\r\nContact: <sip:a@b>\r\nSubject: s\r\nSupported: x',
  );
  const known = ['Authorization', 'Accept'].includes(name) ? withLine(text, 'Event', `${name}: x`) : text;
  return withLine(known, name, `${name}: ${value}`);
}

/** Characters visited for parsing a message and asking for all there is. */
function workFor(text: string): number {
  const bytes = Buffer.from(text, 'latin1');
  const before = scanWork();
  touchAll(parseMessage(bytes, open));
  return scanWork() - before;
}

for (const [name, build] of probes) {
  test(`${name}: 60 kB are read in proportion to their size`, () => {
    const half = workFor(build(30_000));
    const full = workFor(build(60_000));
    const size = build(60_000).length;
    assert.ok(full <= 40 * size, `${full} characters visited for ${size}`);
    assert.ok(full <= 2.2 * half + 10_000, `${half} for half of it, ${full} for all`);
  });
}

test('every span that indexOf looks at is charged', () => {
  let looked = 0;
  let total = 0;
  const prototypes = [String.prototype, Buffer.prototype];
  const originals = prototypes.map((prototype) => prototype.indexOf);
  prototypes.forEach((prototype, k) => {
    replaceIndexOf(prototype, function (this: { length: number }, what: unknown, from = 0) {
      const found: number = Reflect.apply(originals[k] ?? assert.fail(), this, [what, from]);
      looked += (found === -1 ? this.length : found) - from;
      return found;
    });
  });
  try {
    for (const [name, build] of probes) {
      looked = 0;
      const visited = workFor(build(10_000));
      assert.ok(looked <= visited, `${name}: indexOf looked at ${looked}, ${visited} were charged`);
      total += looked;
    }
    assert.ok(total > 0);
  } finally {
    prototypes.forEach((prototype, k) => {
      replaceIndexOf(prototype, originals[k]);
    });
  }
});

function replaceIndexOf(prototype: object, value: unknown): void {
  Object.defineProperty(prototype, 'indexOf', { configurable: true, writable: true, value });
}

test('within the limits of a server the largest datagram costs what a few ordinary messages cost', () => {
  for (const [name, build] of probes) {
    const bytes = Buffer.from(build(60_000), 'latin1');
    const before = scanWork();
    touchAll(parseMessage(bytes));
    assert.ok(scanWork() - before < 1_500_000, `${name}: ${scanWork() - before}`);
  }
});
