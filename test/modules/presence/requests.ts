// Owns the text of the requests that the presence tests send: PUBLISH and SUBSCRIBE with everything that matters to choose.

export interface PublishSpec {
  to?: string;
  event?: string;
  expires?: number | string;
  ifMatch?: string;
  body?: string;
  type?: string;
  /** Header lines to add, each ending in CRLF. */
  more?: string;
}

let count = 0;

export function publishText(spec: PublishSpec = {}): string {
  const { to = 'sip:alice@example.com', event = 'presence', expires, ifMatch, more = '' } = spec;
  const { body = '', type = 'application/pidf+xml' } = spec;
  const id = ++count;
  return (
    `PUBLISH ${to} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKp${id}\r\nMax-Forwards: 70\r\n` +
    `From: <${to}>;tag=p${id}\r\nTo: <${to}>\r\nCall-ID: publish-${id}\r\nCSeq: 1 PUBLISH\r\nEvent: ${event}\r\n` +
    `${expires === undefined ? '' : `Expires: ${expires}\r\n`}${ifMatch === undefined ? '' : `SIP-If-Match: ${ifMatch}\r\n`}` +
    `${body === '' ? '' : `Content-Type: ${type}\r\n`}${more}Content-Length: ${body.length}\r\n\r\n${body}`
  );
}

export interface SubscribeSpec {
  to?: string;
  from?: string;
  fromTag?: string;
  toTag?: string | undefined;
  callId?: string;
  cseq?: number;
  event?: string;
  expires?: number | string;
  /** The whole Contact header; '' leaves it out. */
  contact?: string;
  requestUri?: string;
  more?: string;
}

export function subscribeText(spec: SubscribeSpec = {}): string {
  const { to = 'sip:alice@example.com', from = 'sip:bob@example.com', fromTag = 'theirs', toTag, cseq = 1 } = spec;
  const { callId = 'call-1', event = 'presence', expires, more = '' } = spec;
  const { contact = 'Contact: <sip:bob@127.0.0.1:5070>\r\n', requestUri = to } = spec;
  return (
    `SUBSCRIBE ${requestUri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKs${++count}\r\nMax-Forwards: 70\r\n` +
    `From: <${from}>;tag=${fromTag}\r\nTo: <${to}>${toTag === undefined ? '' : `;tag=${toTag}`}\r\nCall-ID: ${callId}\r\n` +
    `CSeq: ${cseq} SUBSCRIBE\r\nEvent: ${event}\r\n${contact}` +
    `${expires === undefined ? '' : `Expires: ${expires}\r\n`}${more}Content-Length: 0\r\n\r\n`
  );
}

/** The value of a header line of an answer. */
export function headerOf(headers: string, name: string): string | undefined {
  const line = headers.split('\r\n').find((each) => each.startsWith(`${name}: `));
  return line?.slice(name.length + 2);
}
