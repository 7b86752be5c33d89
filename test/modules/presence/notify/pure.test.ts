// Holds the parts of the NOTIFY engine that touch nothing: the failure policy, the bytes, what waits for one subscriber.
import assert from 'node:assert/strict';
import test from 'node:test';
import { parseMessage, type SipResponse } from '../../../../core/sip/message';
import { bytesOf } from '../../../../core/sip/transport/flow';
import { newChannel, rebind, tell } from '../../../../modules/presence/notify/channel';
import { contentOf, frameOf, noContent, notify, subscriptionState } from '../../../../modules/presence/notify/message';
import { judge } from '../../../../modules/presence/notify/outcome';
import { resource, start, startSeconds, subscription } from '../records';

function response(status: number, retryAfter?: string): SipResponse {
  const head = `SIP/2.0 ${status} X\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=a\r\nTo: <sip:b@h>;tag=b\r\nCall-ID: c\r\nCSeq: 1 NOTIFY\r\n`;
  const parsed = parseMessage(
    Buffer.from(`${head}${retryAfter === undefined ? '' : `Retry-After: ${retryAfter}\r\n`}\r\n`),
  );
  assert.equal(parsed.kind, 'response');
  return parsed.message as SipResponse;
}

test('an answer below 300 delivers, the codes of RFC 6665 and no answer at all end, others are tried again', () => {
  const kind = (status: number, retryAfter?: string) => judge({ response: response(status, retryAfter) }, 0).kind;
  for (const status of [200, 202, 204]) assert.equal(kind(status), 'delivered');
  for (const status of [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604])
    assert.equal(kind(status), 'gone', String(status));
  for (const status of [301, 302, 400, 401, 403, 407, 408, 413, 415, 486, 491, 500, 503, 600, 603])
    assert.equal(kind(status), 'later', String(status));
  assert.equal(judge({ failure: 'timeout' }, 0).kind, 'gone');
  assert.equal(judge({ failure: 'transport' }, 0).kind, 'gone');
});

test('Retry-After is honoured to the second, also with 480, where it says when the watcher is back', () => {
  const wait = (status: number, retryAfter: string) => {
    const verdict = judge({ response: response(status, retryAfter) }, 5);
    return verdict.kind === 'later' ? verdict.afterMs : verdict.kind;
  };
  assert.equal(wait(503, '7'), 7000);
  assert.equal(wait(500, '1200 (in a meeting);duration=60'), 1_200_000);
  assert.equal(wait(480, '30'), 30_000);
  assert.equal(wait(481, '30'), 'gone');
  assert.equal(wait(503, '0'), 1000);
  assert.equal(wait(503, '99999999999'), 86_400_000);
  for (const nonsense of ['', 'soon', '-5']) assert.equal(wait(503, nonsense), 160_000, nonsense);
});

test('back-off doubles from 5 s to 5 minutes and no further', () => {
  const wait = (failures: number) => {
    const verdict = judge({ response: response(500) }, failures);
    return verdict.kind === 'later' ? verdict.afterMs / 1000 : verdict.kind;
  };
  assert.deepEqual([0, 1, 2, 5, 6, 60].map(wait), [5, 10, 20, 160, 300, 300]);
});

test('a NOTIFY has the headers of its dialog, and is what a parser reads', () => {
  const each = subscription({ eventId: '42', routes: '<sip:p1;lr>, <sip:p2;lr>' });
  const sent = notify(
    frameOf(each, 'presence', 'Rollcall', { key: each.source }),
    'SIP/2.0/UDP h;branch=z9hG4bKn',
    7,
    subscriptionState(each, undefined, start),
    contentOf('application/pidf+xml', Buffer.from('<é/>')),
  );
  const bytes = bytesOf(sent);
  const parsed = parseMessage(bytes);
  assert.ok(parsed.kind === 'request');
  const { message } = parsed;
  assert.equal(message.uri, each.contact);
  assert.deepEqual(message.headers('Route'), ['<sip:p1;lr>, <sip:p2;lr>']);
  assert.deepEqual([message.fromTag, message.toTag, message.callId], ['ours', 'theirs', 'call-1']);
  assert.deepEqual([message.from.uri, message.to.uri], [each.localUri, each.remoteUri]);
  assert.equal(message.header('Event'), 'presence;id=42');
  assert.equal(message.header('Subscription-State'), 'active;expires=600');
  assert.equal(message.header('CSeq'), '7 NOTIFY');
  assert.equal(message.header('Max-Forwards'), '70');
  assert.equal(message.body.toString(), '<é/>');
  assert.equal(
    frameOf({ ...each, winfo: true }, 'presence', '', { key: each.source }).headers.includes(
      'Event: presence.winfo;id=42\r\n',
    ),
    true,
  );
});

test('through a strict router its URI is the Request-URI, and the remote target ends the route', () => {
  const { start: line, headers } = frameOf(subscription({ routes: '<sip:strict>,<sip:p2;lr>' }), 'presence', '', {
    key: '',
  });
  assert.equal(line, 'NOTIFY sip:strict SIP/2.0\r\nVia: ');
  assert.ok(headers.includes('Route: <sip:p2;lr>, <sip:bob@127.0.0.1:5070>\r\n'));
});

test('Subscription-State says what is left, never less than nothing, or why it ended', () => {
  const each = subscription({ status: 'pending', expires: startSeconds + 5 });
  assert.equal(subscriptionState(each, undefined, start + 200), 'pending;expires=4');
  assert.equal(subscriptionState(each, undefined, start + 60_000), 'pending;expires=0');
  assert.equal(subscriptionState(each, 'rejected', start), 'terminated;reason=rejected');
  assert.deepEqual([noContent.head, noContent.body.length], ['Content-Length: 0\r\n\r\n', 0]);
});

test('a new dialog begins at 1 whatever its turn has brought; a known one above all that committed state allows', () => {
  const of = resource();
  of.winfoFanouts = 4;
  const fresh = newChannel(of, subscription({ winfo: true }), true);
  assert.deepEqual([fresh.cseq, fresh.documents], [0, 0]);
  const known = newChannel(of, subscription({ winfo: true, localCseq: 10, fanoutsAt: 1, version: 6 }), false);
  assert.deepEqual([known.cseq, known.documents], [12, 8]);
  assert.equal(known.untold?.full, true, 'what its subscriber knows is not known');
  const waiting = newChannel(of, subscription({ winfo: true, status: 'pending', version: 0 }), false);
  assert.equal(waiting.documents, 0);
});

test('a channel that is bound to a resource read anew never goes back', () => {
  const read = (loadedVersion: number) => ({ ...resource(), version: loadedVersion, loadedVersion });
  const channel = newChannel(read(1), subscription(), true);
  channel.cseq = 9;
  rebind(channel, read(1), subscription({ localCseq: 30 }));
  assert.equal(channel.cseq, 9, 'nobody else has stored anything: its numbers go on');
  rebind(channel, read(2), subscription({ localCseq: 4 }));
  assert.equal(channel.cseq, 9);
  rebind(channel, read(3), subscription({ localCseq: 30 }));
  assert.equal(channel.cseq, 29);
});

test('what waits for a watcherinfo subscriber is the newest of each watcher; a crowd becomes one full document', () => {
  const channel = newChannel(resource(), subscription({ winfo: true }), true);
  const entry = (id: string, status: 'active' | 'terminated') =>
    ({ uri: 'sip:b@h', id, status, event: 'subscribe' }) as const;
  tell(channel, false, [entry('a', 'active')]);
  tell(channel, false, [entry('a', 'terminated'), entry('b', 'active')]);
  assert.deepEqual(
    [...(channel.untold?.entries.values() ?? [])].map(({ id, status }) => [id, status]),
    [
      ['a', 'terminated'],
      ['b', 'active'],
    ],
  );
  assert.equal(channel.untold?.full, false);
  for (let n = 0; n < 10_000; n++) tell(channel, false, [entry(`w${n}`, 'terminated')]);
  assert.equal(channel.untold?.full, true);
  assert.ok((channel.untold?.entries.size ?? 0) <= 256);
});
