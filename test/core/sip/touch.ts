// Owns one walk over everything a message can be asked for, as the fuzz and the work tests do it.
import { SipError } from '../../../core/base/errors';
import type { Parsed, SipMessage } from '../../../core/sip/message';
import { buildReply } from '../../../core/sip/reply';
import { addressOfRecord, formatUri, parseUri } from '../../../core/sip/uri';

const getters = [
  'from',
  'to',
  'fromTag',
  'toTag',
  'callId',
  'cseq',
  'via',
  'vias',
  'event',
  'contacts',
  'contact',
  'expires',
  'maxForwards',
  'contentType',
  'accept',
  'routes',
  'recordRoutes',
  'requestUri',
] as const satisfies readonly (keyof SipMessage | 'requestUri')[];

/** Asks for everything, twice. Whatever is thrown that is no SipError goes on. */
export function touchAll(parsed: Parsed): void {
  if (parsed.kind === 'noise') return;
  const message = parsed.kind === 'bad' ? parsed.replyTo : parsed.message;
  if (message === undefined) return;
  for (let turn = 0; turn < 2; turn++) {
    for (const getter of getters) ignoreSipError(() => Reflect.get(message, getter));
  }
  for (const name of ['Subject', 'Authorization', 'X-Unknown', '__proto__', 'Supported']) {
    message.header(name);
    message.items(name);
  }
  for (const text of [message.header('Contact'), 'uri' in message ? message.uri : undefined]) {
    const uri = text === undefined ? undefined : parseUri(text);
    if (uri !== undefined) formatUri(uri) + addressOfRecord(uri);
  }
  if (!('uri' in message)) return;
  message.source = { address: '192.0.2.1', port: 5060 };
  buildReply(message, 400, 'Bad Request', { toTag: '10.x' });
}

function ignoreSipError(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof SipError)) throw error;
  }
}
