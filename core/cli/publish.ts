// Owns `rollcall publish`: puts a presence document up, keeps it fresh, and takes it down at Ctrl-C.
import { parseArgs } from 'node:util';
import type * as sip from 'sip';
import { systemClock } from '../base/clock';
import { RollcallError } from '../base/errors';
import { systemRandom } from '../base/random';
import {
  contactOf,
  granted,
  pause,
  readSeconds,
  readTarget,
  readUri,
  refreshAfter,
  sharedOptions,
  type Terminal,
} from './client-target';
import { writePidf } from './pidf';
import { headerText, SipClient } from './sip-client';

export const publishUsage = `rollcall publish URI [options]     publish presence, refresh it until Ctrl-C, then remove it

  --status open|closed   reachable or not (open)
  --note TEXT            a line for people
  --activity NAME        away, busy, on-the-phone, meeting, … (RFC 4480)
  --expires SECONDS      how long the server keeps it without a refresh (3600)
  --once                 publish and leave at once; it stays until it expires
  --from URI             who publishes, when not the presentity
  --server HOST:PORT     the server to ask (the URI's host when it is numeric, else 127.0.0.1:5060)
  --transport udp|tcp    (udp)`;

const retrySeconds = 10;

/** RFC 3903: one publication from its initial PUBLISH to its removal. */
class Publication {
  #etag: string | undefined;
  #cseq = 1;
  readonly #random = systemRandom(16);
  readonly #callId = `${this.#random.token()}@rollcall`;
  readonly #tag = this.#random.token();

  constructor(
    readonly client: SipClient,
    readonly uri: string,
    readonly from: string,
    readonly body: string,
  ) {}

  /** Puts the document up, or says again that it holds. @throws RollcallError when nobody answers */
  async send(expires: number): Promise<{ response: sip.Response; seconds: number }> {
    let asked = expires;
    for (;;) {
      const initial = this.#etag === undefined;
      const response = await this.#request(asked, initial ? this.body : undefined);
      const least = Number(headerText(response, 'min-expires'));
      if (response.status === 423 && least > asked) asked = least;
      else if (response.status === 412 && !initial) this.#etag = undefined;
      else return { response, seconds: granted(response, asked) };
    }
  }

  /** Takes it down. `undefined` when there is nothing to take down. */
  async remove(): Promise<sip.Response | undefined> {
    return this.#etag === undefined ? undefined : this.#request(0, undefined);
  }

  async #request(expires: number, body: string | undefined): Promise<sip.Response> {
    const response = await this.client.request({
      method: 'PUBLISH',
      uri: this.uri,
      headers: {
        from: { uri: this.from, params: { tag: this.#tag } },
        to: { uri: this.uri, params: {} },
        'call-id': this.#callId,
        cseq: { seq: this.#cseq++, method: 'PUBLISH' },
        contact: await contactOf(this.client, this.from),
        event: 'presence',
        expires: String(expires),
        ...(this.#etag === undefined ? {} : { 'sip-if-match': this.#etag }),
        ...(body === undefined ? {} : { 'content-type': 'application/pidf+xml' }),
      },
      body,
    });
    if (response.status < 300) this.#etag = headerText(response, 'sip-etag');
    return response;
  }
}

/** Runs the command; the result is the exit code. */
export async function publish(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...sharedOptions,
      status: { type: 'string', default: 'open' },
      note: { type: 'string' },
      activity: { type: 'string' },
      from: { type: 'string' },
      once: { type: 'boolean', default: false },
    },
  });
  const target = await readTarget(positionals, values);
  const expires = readSeconds(values.expires, 3600);
  const { status } = values;
  if (status !== 'open' && status !== 'closed') throw new RollcallError(`--status is open or closed, not '${status}'`);
  const body = writePidf({
    entity: target.uri,
    id: `t${systemRandom(1).token()}`,
    status,
    note: values.note,
    activity: values.activity,
    contact: target.uri,
    timestamp: new Date(systemClock.now()),
  });
  const client = await SipClient.open(target);
  try {
    const from = values.from === undefined ? target.uri : readUri(values.from).uri;
    return await keepPublished(new Publication(client, target.uri, from, body), expires, values.once, terminal);
  } finally {
    client.close();
  }
}

async function keepPublished(
  publication: Publication,
  expires: number,
  once: boolean,
  terminal: Terminal,
): Promise<number> {
  // Asked for before the first PUBLISH leaves: from then on Ctrl-C has something to take back.
  const interrupted = once ? undefined : terminal.interrupted;
  const first = await publication.send(expires);
  terminal.out(describe(first.response, first.seconds));
  if (first.response.status >= 300) return 1;
  if (interrupted === undefined || expires === 0) return 0;
  terminal.out('Refreshing it until Ctrl-C.');
  let wait = refreshAfter(first.seconds);
  while (await pause(wait, interrupted)) {
    try {
      const { response, seconds } = await publication.send(expires);
      terminal.out(describe(response, seconds));
      wait = response.status < 300 ? refreshAfter(seconds) : retryAfter(response) * 1000;
    } catch (error) {
      terminal.err(error instanceof Error ? error.message : String(error));
      wait = retrySeconds * 1000;
    }
  }
  const last = await publication.remove();
  if (last === undefined || last.status === 412) terminal.out('It had ended already.');
  else terminal.out(last.status < 300 ? 'Removed.' : `Not removed: ${last.status} ${last.reason}`);
  return last === undefined || last.status < 300 || last.status === 412 ? 0 : 1;
}

/** s */
function retryAfter(response: sip.Response): number {
  const seconds = Number.parseInt(headerText(response, 'retry-after') ?? '', 10);
  return Number.isNaN(seconds) ? retrySeconds : seconds;
}

function describe(response: sip.Response, seconds: number): string {
  const line = `${response.status} ${response.reason}`;
  if (response.status >= 300) return line;
  return `${line}: kept for ${seconds} s under the entity-tag ${headerText(response, 'sip-etag') ?? '(none given)'}`;
}
