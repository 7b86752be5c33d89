// Owns who is who: watchers and the ids of rules brought into one form in which equal means the same user (RFC 5025 §3.1.1).
import { domainToASCII } from 'node:url';
import { addressOfRecord, encodeUtf8, parseUri, type SipUri } from '../../../core/api';

export interface Identity {
  /** Equal for the same user: `sip:bob@example.com`, `tel:+12125551234`. */
  readonly key: string;
  /** As `domainKey` gives it; undefined for a URI without a domain, such as a telephone number. */
  readonly domain: string | undefined;
}

/**
 * Who a URI names; undefined when it is not a URI. `sip`, `sips` and `pres` name the same user at the same host, whatever
 * the case of the host, the port and the parameters: presence keeps a watcher as `sip:user@host`, so no other scheme could
 * ever be matched. All other schemes differ from each other, a telephone number in a SIP URI included.
 */
export function identityOf(text: string): Identity | undefined {
  const uri = parseUri(encodeUtf8(asciiHost(text.trim())));
  if (uri === undefined) return undefined;
  switch (uri.scheme) {
    case 'sip':
    case 'sips':
    case 'pres':
      return atHost(addressOfRecord(uri), uri.host);
    case 'im':
      return atHost(addressOfRecord(uri).replace('sip:', 'im:'), uri.host);
    case 'tel':
      return telephone(uri);
    default:
      return opaque(uri);
  }
}

/** Who a watcher is. Undefined for one that is anonymous (RFC 3323 §4.1.1.3), which no identity condition matches. */
export function watcherIdentity(watcher: string | undefined): Identity | undefined {
  const identity = watcher === undefined ? undefined : identityOf(watcher);
  return identity?.domain === 'anonymous.invalid' ? undefined : identity;
}

/**
 * A domain in the form in which RFC 4745 §7.1.3 compares it: percent-encoding translated, ToASCII, and a final dot, which
 * changes nothing in the DNS, away. Undefined when it cannot be a domain.
 */
export function domainKey(text: string): string | undefined {
  const plain = domainToAscii(decoded(text.trim()))?.toLowerCase().replace(/\.$/, '');
  return plain === undefined || plain === '' || /[^a-z0-9._\-:[\]]/.test(plain) ? undefined : plain;
}

function decoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** ASCII is left alone: the conversion of URLs would take `1.2` for an address. */
function domainToAscii(text: string): string | undefined {
  if (isAscii(text)) return text;
  return domainToASCII(text) || undefined;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** An id may be an IRI: its host is converted, its user is escaped by `addressOfRecord`. */
function asciiHost(text: string): string {
  if (isAscii(text)) return text;
  const start = text.lastIndexOf('@') + 1;
  if (start === 0) return text;
  const length = text.slice(start).search(/[:;?]/);
  const end = length === -1 ? text.length : start + length;
  return text.slice(0, start) + (domainToAscii(text.slice(start, end)) ?? '') + text.slice(end);
}

function atHost(address: string, host: string): Identity | undefined {
  const domain = domainKey(host);
  if (domain === undefined) return undefined;
  return { key: address.endsWith('.') ? address.slice(0, -1) : address, domain };
}

/** RFC 3966 §5: visual separators say nothing; the context of a local number and an extension do. */
function telephone({ user, params }: SipUri): Identity | undefined {
  const number = user.replace(/[-.()]/g, '').toLowerCase();
  if (!/^\+?[0-9a-f*#]+$/.test(number)) return undefined;
  let key = `tel:${number}`;
  for (const name of ['ext', 'isub', 'phone-context']) {
    const value = params.get(name);
    if (value !== undefined) key += `;${name}=${value.toLowerCase().replace(/[-.()]/g, name === 'ext' ? '' : '$&')}`;
  }
  return { key, domain: undefined };
}

function opaque({ scheme, user }: SipUri): Identity {
  const at = user.lastIndexOf('@') + 1;
  if (at === 0) return { key: `${scheme}:${user}`, domain: undefined };
  const host = user.slice(at);
  return { key: `${scheme}:${user.slice(0, at)}${host.toLowerCase()}`, domain: domainKey(host) };
}
