// Checks the answers themselves: their To tag, their added headers, and what is kept of them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { silentLogger } from '../../../core/base/logger';
import type { Random } from '../../../core/base/random';
import { type ReplyKit, TransactionRequest } from '../../../core/script/routed-request';
import type { SipRequest } from '../../../core/sip/message';
import { parseMessage } from '../../../core/sip/message';
import { flow, request } from './harness';

let tokens = 0;
const random: Random = { token: () => `token${++tokens}` };
const kit: ReplyKit = { random, secret: 'key', log: silentLogger };

interface Sent {
  readonly text: string;
  readonly keep: boolean;
}

function routed(message: SipRequest, shared = kit): { routed: TransactionRequest; sent: Sent[] } {
  const sent: Sent[] = [];
  const respond = (bytes: Buffer, _status: number, keep: boolean) => void sent.push({ text: bytes.toString(), keep });
  return { routed: new TransactionRequest({ request: message, flow, answered: false, respond }, shared), sent };
}

function toTag(sent: Sent | undefined): string | undefined {
  const parsed = parseMessage(Buffer.from(sent?.text ?? ''));
  return parsed.kind === 'response' ? parsed.message.toTag : undefined;
}

test('every answer but a 100 has a To tag, and all answers to a request the same', () => {
  const { routed: call, sent } = routed(request());
  call.reply(100, 'Trying');
  call.reply(180, 'Ringing');
  call.reply(200, 'OK');
  assert.equal(toTag(sent[0]), undefined);
  assert.match(toTag(sent[1]) ?? '', /^token\d+$/);
  assert.equal(toTag(sent[2]), toTag(sent[1]));
});

test('a tag that the request has stays, and one that the module gives is taken', () => {
  const inside = routed(request('SUBSCRIBE', { To: '<sip:alice@example.com>;tag=mine' }));
  inside.routed.reply(200, 'OK');
  assert.equal(toTag(inside.sent[0]), 'mine');
  const given = routed(request('SUBSCRIBE'));
  given.routed.reply(202, 'Accepted', { toTag: '10abc' });
  assert.equal(toTag(given.sent[0]), '10abc');
});

test('a stateless answer is not kept, and has the same tag when the request comes again (RFC 3261 §8.2.7)', () => {
  const message = request('OPTIONS');
  const tags = [1, 2].map(() => {
    const { routed: call, sent } = routed(message);
    call.reply(200, 'OK', { stateless: true });
    assert.equal(sent[0]?.keep, false);
    return toTag(sent[0]);
  });
  assert.equal(tags[0], tags[1]);
  assert.match(tags[0] ?? '', /^[\w.-]{16}$/);
  const other = routed(request('OPTIONS'));
  other.routed.reply(200, 'OK', { stateless: true });
  assert.notEqual(toTag(other.sent[0]), tags[0]);
  const otherServer = routed(message, { ...kit, secret: 'another' });
  otherServer.routed.reply(200, 'OK', { stateless: true });
  assert.notEqual(toTag(otherServer.sent[0]), tags[0]);
});

test('an answer is kept unless it is stateless, and the second one is refused', () => {
  const { routed: call, sent } = routed(request());
  assert.equal(call.answered, false);
  assert.equal(call.reply(200, 'OK'), true);
  assert.equal(call.answered, true);
  assert.equal(call.reply(500, 'Oops'), false);
  assert.deepEqual(
    sent.map(({ keep }) => keep),
    [true],
  );
});

test('collected headers stand before those of the answer itself', () => {
  const { routed: call, sent } = routed(request());
  call.replyHeaders += 'X-Script: 1\r\n';
  call.reply(200, 'OK', { headers: 'Expires: 60\r\n', body: Buffer.from('x'), contentType: 'text/plain' });
  assert.match(
    sent[0]?.text ?? '',
    /\r\nX-Script: 1\r\nExpires: 60\r\nContent-Type: text\/plain\r\nContent-Length: 1\r\n\r\nx$/,
  );
});
