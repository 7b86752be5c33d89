// Owns the equivalence of URIs that services and devices are selected by: RFC 3261 §19.1.4, RFC 3966 §5, RFC 3986 §6.2.2.
import { encodeUtf8, parseUri, type SipUri } from '../../../core/api';
import { identityOf } from './identity';

export interface UriForm {
  /** Equal for URIs that differ at most in `rest`. */
  readonly key: string;
  /** Parameters of a SIP URI that only matter when the other URI has some too; '' when there are none. */
  readonly rest: string;
}

/** The form of a URI in which equivalent ones are equal; undefined when it is not a URI. */
export function uriForm(text: string): UriForm | undefined {
  const uri = parseUri(encodeUtf8(text));
  if (uri === undefined) return undefined;
  if (uri.scheme === 'sip' || uri.scheme === 'sips') return sipForm(uri);
  if (uri.scheme === 'tel' || uri.scheme === 'mailto')
    return { key: identityOf(text)?.key ?? plainForm(text), rest: '' };
  return { key: plainForm(text), rest: '' };
}

/** The selectors that a URI in a rule stands for. */
export function uriSelectors(type: string, { key, rest }: UriForm): readonly string[] {
  return [`${type} ${key}`, `${type} ${key}\n${rest}`];
}

/**
 * Whether one of the selectors is a URI equivalent to this one. RFC 3261 compares the parameters in `rest` only when both
 * URIs have them; here they have to be the same set, or missing on one side, which grants a little less.
 */
export function hasUri(selectors: ReadonlySet<string>, type: string, { key, rest }: UriForm): boolean {
  if (!selectors.has(`${type} ${key}`)) return false;
  return rest === '' || selectors.has(`${type} ${key}\n`) || selectors.has(`${type} ${key}\n${rest}`);
}

/** Parameters that make URIs differ even when only one of them has it. */
const decisive = new Set(['user', 'ttl', 'method', 'maddr', 'transport']);

function sipForm({ scheme, user, password, host, port, params, headers }: SipUri): UriForm {
  const must: string[] = [];
  const rest: string[] = [];
  for (const [name, value] of params)
    (decisive.has(name) ? must : rest).push(`;${name}=${normal(value).toLowerCase()}`);
  const userinfo = user === '' ? '' : `${normal(user)}${password === '' ? '' : `:${normal(password)}`}@`;
  const query = headers === '' ? '' : `?${normal(headers).split('&').sort().join('&')}`;
  return {
    key: `${scheme}:${userinfo}${host.toLowerCase()}${port === undefined ? '' : `:${port}`}${must.sort().join('')}${query}`,
    rest: rest.sort().join(''),
  };
}

/** Any other URI: scheme, host and the name space of a URN in lower case, a UUID throughout, escapes in capitals. */
function plainForm(text: string): string {
  const colon = text.indexOf(':');
  const scheme = text.slice(0, colon).toLowerCase();
  const rest = normal(text.slice(colon + 1));
  if (scheme === 'urn') {
    const end = rest.indexOf(':');
    const space = rest.slice(0, end).toLowerCase();
    return `urn:${space}${space === 'uuid' ? rest.slice(end).toLowerCase() : rest.slice(end)}`;
  }
  if (!rest.startsWith('//')) return `${scheme}:${rest}`;
  const length = rest.slice(2).search(/[/?#]/);
  const end = length === -1 ? rest.length : length + 2;
  return `${scheme}:${rest.slice(0, end).toLowerCase()}${rest.slice(end)}`;
}

/** Escapes of unreserved characters undone, the others in capitals. */
function normal(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/%[0-9a-fA-F]{2}/g, (written) => {
    const character = String.fromCharCode(Number.parseInt(written.slice(1), 16));
    return /[A-Za-z0-9\-._~!*'()]/.test(character) ? character : written.toUpperCase();
  });
}
