// Owns pseudo-variables: the `$ru` and `$hdr(Name)` of a text, and what they stand for in a request.
import { type Clock, decodeUtf8, parseUri, type RoutedRequest, seconds } from '../../core/api';

/** What a variable may look at. `request` is undefined outside `request_route`. */
export interface Surroundings {
  readonly request: RoutedRequest | undefined;
  readonly clock: Clock;
}

type Read = (surroundings: Surroundings) => string | number | undefined;

/** One piece of a text: as it is, or to be read. */
type Piece = string | Read;

/** What Kamailio writes where there is no value. */
const nothing = '<null>';

function ofRequest(read: (request: RoutedRequest) => string | number | undefined): Read {
  return ({ request }) => (request === undefined ? undefined : read(request));
}

/** The variables `$XR` (whole), `$XU` (user) and `$Xd` (domain) of a URI. */
function ofUri(letters: [string, string, string], uri: (request: RoutedRequest) => string): [string, Read][] {
  const [whole, user, domain] = letters;
  return [
    [whole, ofRequest(uri)],
    [user, ofRequest((request) => parseUri(uri(request))?.user || undefined)],
    [domain, ofRequest((request) => parseUri(uri(request))?.host || undefined)],
  ];
}

/** Kamailio's names. */
const variables: ReadonlyMap<string, Read> = new Map<string, Read>([
  ...ofUri(['ru', 'rU', 'rd'], ({ message }) => message.uri),
  ...ofUri(['fu', 'fU', 'fd'], ({ message }) => message.from.uri),
  ...ofUri(['tu', 'tU', 'td'], ({ message }) => message.to.uri),
  ['rm', ofRequest(({ message }) => message.method)],
  ['rp', ofRequest(({ message }) => parseUri(message.uri)?.port)],
  ['fn', ofRequest(({ message }) => message.from.display || undefined)],
  ['tn', ofRequest(({ message }) => message.to.display || undefined)],
  ['ft', ofRequest(({ message }) => message.fromTag)],
  ['tt', ofRequest(({ message }) => message.toTag)],
  ['ci', ofRequest(({ message }) => message.callId)],
  ['cs', ofRequest(({ message }) => message.cseq.number)],
  ['ct', ofRequest(({ message }) => message.header('Contact'))],
  ['cT', ofRequest(({ message }) => message.header('Content-Type'))],
  ['cl', ofRequest(({ message }) => message.body.length)],
  ['rb', ofRequest(({ message }) => message.body.toString('latin1') || undefined)],
  ['ua', ofRequest(({ message }) => message.header('User-Agent'))],
  ['si', ofRequest(({ flow }) => flow.remote.address)],
  ['sp', ofRequest(({ flow }) => flow.remote.port)],
  ['Ri', ofRequest(({ flow }) => flow.local.address)],
  ['Rp', ofRequest(({ flow }) => flow.local.port)],
  ['proto', ofRequest(({ flow }) => flow.protocol)],
  ['pr', ofRequest(({ flow }) => flow.protocol)],
  ['pp', () => process.pid],
  ['Ts', ({ clock }) => seconds(clock)],
  ['Tf', ({ clock }) => new Date(clock.now()).toISOString()],
]);

/** Variables with an argument: `$hdr(Event)`, `$avp(25)`. */
const withArgument: ReadonlyMap<string, (argument: string) => Read> = new Map([
  ['hdr', (name: string) => ofRequest(({ message }) => message.header(name))],
  ['avp', (id: string) => ofRequest(({ avps }) => avps.get(id))],
]);

/** Takes a text apart. `$$` is one dollar sign; what no variable is called stays as it is. */
export function readFormat(text: string): Piece[] {
  const pieces: Piece[] = [];
  let plain = '';
  for (let i = 0; i < text.length; ) {
    const found = text[i] === '$' ? variableAt(text, i + 1) : undefined;
    if (found === undefined) {
      // A doubled dollar sign stands for one.
      if (text[i] === '$' && text[i + 1] === '$') i++;
      plain += text[i];
      i++;
      continue;
    }
    if (plain !== '') pieces.push(plain);
    plain = '';
    pieces.push(found.read);
    i = found.end;
  }
  if (plain !== '') pieces.push(plain);
  return pieces;
}

function variableAt(text: string, start: number): { read: Read; end: number } | undefined {
  for (const [name, make] of withArgument) {
    if (!text.startsWith(`${name}(`, start)) continue;
    const close = text.indexOf(')', start);
    if (close !== -1) return { read: make(text.slice(start + name.length + 1, close).trim()), end: close + 1 };
  }
  // The longest name first: `$proto` begins as `$pr` does.
  for (const length of [5, 2]) {
    const read = variables.get(text.slice(start, start + length));
    if (read !== undefined) return { read, end: start + length };
  }
  return undefined;
}

/** The text with its variables' values, as people read it and on one line. A value that cannot be read is `<null>`. */
export function expand(pieces: readonly Piece[], surroundings: Surroundings): string {
  let text = '';
  for (const piece of pieces) text += typeof piece === 'string' ? piece : textOf(piece, surroundings);
  return decodeUtf8(text).replace(/\p{Cc}+/gu, ' ');
}

function textOf(read: Read, surroundings: Surroundings): string {
  try {
    return String(read(surroundings) ?? nothing);
  } catch {
    return nothing;
  }
}
