// Owns a phone as the captures show them: PUBLISH and SUBSCRIBE written by hand on a bare socket, any header as a test wants it.
import { RawPeer } from './raw-peer';
import type { TestServer } from './rollcall';
import { fresh, type RequestParts, type WireMessage } from './wire';

type Changes = Partial<Omit<RequestParts, 'method' | 'uri'>>;

/** Close its peer at the end of the test. */
export class Phone {
  private constructor(readonly peer: RawPeer) {}

  static async open(transport: 'udp' | 'tcp', server: TestServer): Promise<Phone> {
    return new Phone(await RawPeer.open(transport, server.at(transport)));
  }

  publish(
    uri: string,
    body: string | undefined,
    more: readonly string[] = [],
    parts: Changes = {},
  ): Promise<WireMessage> {
    const type = body === undefined ? [] : ['Content-Type: application/pidf+xml'];
    return this.peer.ask({ method: 'PUBLISH', uri, headers: ['Event: presence', ...type, ...more], body, ...parts });
  }

  /** A SUBSCRIBE outside a dialog; `more` may bring a Contact of its own. */
  async watch(
    uri: string,
    more: readonly string[] = [],
    parts: Changes = {},
  ): Promise<{ callId: string; reply: WireMessage }> {
    const callId = fresh('watch');
    const contact = more.some((line) => /^(Contact|m):/i.test(line)) ? [] : [`Contact: ${this.peer.contact()}`];
    const headers = ['Event: presence', ...contact, ...more];
    return { callId, reply: await this.peer.ask({ method: 'SUBSCRIBE', uri, callId, headers, ...parts }) };
  }
}

/** A presentity nobody else has. */
export function newPresentity(): string {
  return `sip:${fresh('p')}@localhost`;
}

/** The header line that names the publication of a 200. */
export function ifMatch(reply: WireMessage): string {
  return `SIP-If-Match: ${reply.header('SIP-ETag')}`;
}
