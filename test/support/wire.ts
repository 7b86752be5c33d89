// Owns SIP text as a test writes and reads it: no parser of the house, no library, so exact bytes can be asserted.

/** A message as it came, latin1, with the few things a test asks for. */
export class WireMessage {
  readonly startLine: string;
  readonly head: string;
  readonly body: string;
  readonly #lines: string[];

  constructor(readonly text: string) {
    const end = text.indexOf('\r\n\r\n');
    this.head = end < 0 ? text : text.slice(0, end + 2);
    this.body = end < 0 ? '' : text.slice(end + 4);
    const [startLine = '', ...lines] = this.head.split('\r\n');
    this.startLine = startLine;
    this.#lines = lines.filter((line) => line !== '');
  }

  /** 0 for a request */
  get status(): number {
    return this.startLine.startsWith('SIP/2.0 ') ? Number(this.startLine.slice(8, 11)) : 0;
  }

  /** '' for a response */
  get method(): string {
    return this.status === 0 ? (this.startLine.split(' ')[0] ?? '') : '';
  }

  get uri(): string {
    return this.startLine.split(' ')[1] ?? '';
  }

  /** Every line of that name, in order. */
  headers(name: string): string[] {
    const wanted = `${name.toLowerCase()}:`;
    return this.#lines
      .filter((line) => line.toLowerCase().startsWith(wanted))
      .map((line) => line.slice(wanted.length).trim());
  }

  header(name: string): string | undefined {
    return this.headers(name)[0];
  }

  get cseq(): number {
    return Number(this.header('CSeq')?.split(' ')[0]);
  }

  get callId(): string | undefined {
    return this.header('Call-ID');
  }

  tag(name: 'From' | 'To'): string | undefined {
    return /;tag=([^;\s]+)/.exec(this.header(name) ?? '')?.[1];
  }

  /** The state of Subscription-State without parameters. */
  get state(): string | undefined {
    return this.header('Subscription-State')?.split(';')[0];
  }
}

let serial = 0;

/** A text no other test of this process uses; two processes do not share a server. */
export function fresh(prefix: string): string {
  serial += 1;
  return `${prefix}${process.pid.toString(36)}x${serial.toString(36)}`;
}

export interface RequestParts {
  method: string;
  uri: string;
  /** `SIP/2.0/UDP host:port` without branch */
  via: string;
  branch?: string | undefined;
  from?: string;
  to?: string;
  callId?: string;
  cseq?: number;
  /** raw lines without CRLF, after the mandatory ones */
  headers?: readonly string[];
  body?: string | undefined;
  /** left out, or written by the test itself among `headers` */
  without?: readonly string[];
}

/** A request as text; what is not given is made up, Content-Length included. The body is sent as UTF-8. */
export function requestText(parts: RequestParts): string {
  const body = Buffer.from(parts.body ?? '', 'utf8').toString('latin1');
  const uri = parts.uri;
  const made = [
    `Via: ${parts.via};rport;branch=${parts.branch ?? fresh('z9hG4bK')}`,
    'Max-Forwards: 70',
    `From: ${parts.from ?? `<${uri}>;tag=${fresh('f')}`}`,
    `To: ${parts.to ?? `<${uri}>`}`,
    `Call-ID: ${parts.callId ?? fresh('call')}`,
    `CSeq: ${parts.cseq ?? 1} ${parts.method}`,
    `Content-Length: ${body.length}`,
  ];
  const without = (parts.without ?? []).map((name) => `${name.toLowerCase()}:`);
  const kept = made.filter((line) => !without.some((name) => line.toLowerCase().startsWith(name)));
  kept.splice(-1, 0, ...(parts.headers ?? []));
  return `${parts.method} ${uri} SIP/2.0\r\n${kept.join('\r\n')}\r\n\r\n${body}`;
}

/** A response to a request that came as text: what a user agent answers a NOTIFY with. */
export function responseText(
  request: WireMessage,
  status: number,
  reason: string,
  headers: readonly string[] = [],
): string {
  const copied = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].flatMap((name) =>
    request.headers(name).map((value) => `${name}: ${value}`),
  );
  return `SIP/2.0 ${status} ${reason}\r\n${[...copied, ...headers, 'Content-Length: 0'].join('\r\n')}\r\n\r\n`;
}

/** A PIDF document with one tuple. */
export function pidf(entity: string, basic: 'open' | 'closed', note = '', id = 't1'): string {
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="${entity}">` +
    `<tuple id="${id}"><status><basic>${basic}</basic></status>${note === '' ? '' : `<note>${note}</note>`}</tuple></presence>`
  );
}
