// Owns `npm run bench:xml [calls]`: CPU of what happens to the body of one PUBLISH, for the bodies of phones, beside saxes alone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SaxesParser } from 'saxes';
import { composePidf } from '../modules/presence_xml/compose';
import { checkPidf } from '../modules/presence_xml/inspect';
import { root } from '../test/support/tree';

/** For each of five rounds; before them as many again for the compiler to know what is hot. */
const calls = Number(process.argv[2] ?? 20_000);
const bodies = ['presload', 'pjsua-busy', 'linphone-on-the-phone', 'baresip-open', 'twinkle-open', 'rich'];
/** Publications alive, so that memory is used as in a server. */
const alive = 20_000;
const presentity = 'sip:alice@example.com';

/** Microseconds of CPU for one call, garbage included: the median of the rounds. */
function cost(work: () => void): number {
  const rounds = Array.from({ length: 6 }, () => {
    const before = process.cpuUsage();
    for (let i = 0; i < calls; i++) work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / calls;
  });
  return rounds.slice(1).sort((a, b) => a - b)[2] ?? 0;
}

/** With the handlers that the server's own has: V8 makes code for objects of one shape. */
function saxes(): SaxesParser {
  const parser = new SaxesParser({ xmlns: true, position: false, forceXMLVersion: true, defaultXMLVersion: '1.0' });
  const handler = () => {};
  for (const event of ['error', 'doctype', 'opentag', 'closetag', 'text', 'cdata'] as const) parser.on(event, handler);
  return parser;
}

function measure(name: string): Record<string, number> {
  const body = readFileSync(join(root, `test/modules/presence_xml/fixtures/${name}.pidf`));
  const text = body.toString();
  const published: Buffer[] = new Array(alive);
  let count = 0;
  const received = () => {
    const copy = Buffer.allocUnsafeSlow(body.length);
    body.copy(copy);
    published[count++ % alive] = copy;
    return copy;
  };
  const parser = saxes();
  return {
    bytes: body.length,
    saxes: cost(() => parser.write(text).close()),
    copied: cost(received),
    checked: cost(() => checkPidf(received(), presentity)),
    'and composed': cost(() => {
      const copy = received();
      const verdict = checkPidf(copy, presentity);
      if (!verdict.ok) throw new Error(verdict.reason);
      composePidf(presentity, [{ etag: '', body: copy, asIs: verdict.asIs, changedAt: 0, sequence: count }]);
    }),
  };
}

const rows = bodies.map((name) => {
  const figures = Object.entries(measure(name)).map(([what, value]) => [what, Math.round(value * 10) / 10]);
  return [name, Object.fromEntries(figures)];
});
console.table(Object.fromEntries(rows));
