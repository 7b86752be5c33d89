// Owns `trace`: what comes, what is decided, what is stored and what leaves, for one presentity or one peer, as it happens.
import type { CommandCall } from '../control/command';
import { decodeUtf8 } from '../sip/text';
import { hostPort } from '../sip/transport/flow';
import type { Running } from './running';

/**
 * Tells every message, decision and commit that has to do with `target` until the caller leaves: one that names it anywhere
 * (`sip:user@host`, a Call-ID), or that goes to or comes from it (an address, an address with its port). Without a target, all.
 */
export function trace({ sip, host, clock }: Running, target: string | undefined, call: CommandCall): Promise<void> {
  const wanted = target?.replace(/^sips?:/i, '');
  const time = () => new Date(clock.now()).toISOString().slice(11, 23);
  const unwatch = sip.transports.watch((sent, protocol, remote, makeText) => {
    const peer = hostPort(remote);
    let text: string | undefined;
    if (wanted !== undefined && wanted !== peer && wanted !== remote.address) {
      text = makeText();
      if (!text.includes(wanted)) return;
    }
    text = decodeUtf8(text ?? makeText())
      .replaceAll('\r\n', '\n')
      .trimEnd();
    call.notify(`${time()} ${sent ? 'to' : 'from'} ${protocol}:${peer}\n${text}\n`);
  });
  const leave = host.trail.follow((text, peers) => {
    if (wanted !== undefined && !peers.includes(wanted) && !text.includes(wanted)) return;
    call.notify(`${time()} ${text}\n`);
  });
  return new Promise((resolve) => {
    const end = () => {
      unwatch();
      leave();
      resolve();
    };
    if (call.gone.aborted) end();
    else call.gone.addEventListener('abort', end, { once: true });
  });
}
