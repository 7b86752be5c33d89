// Holds the decision about a SUBSCRIBE to RFC 6665, RFC 3261 §12 and the mission's table, without I/O.
import assert from 'node:assert/strict';
import test from 'node:test';
import { SipError } from '../../../../core/base/errors';
import { dropSubscription, notifyAgain } from '../../../../modules/presence/decide/dialog';
import { decideSubscribe, type SubscribeSettings } from '../../../../modules/presence/decide/subscribe';
import type { SubscribeRequest } from '../../../../modules/presence/request/subscribe';
import { cseqCeiling, type Resource } from '../../../../modules/presence/resource';
import {
  apply,
  granted,
  pending,
  resource,
  start,
  startSeconds,
  subscribe,
  subscription,
  surroundings,
} from '../records';

const settings: SubscribeSettings = { maxSubscriptions: 2, waitingTime: 3600, authorise: () => granted };
/** Without a rules document. */
const strict: SubscribeSettings = { ...settings, authorise: (_, __, winfo) => (winfo ? granted : pending) };
const decide = (of: Resource, request: SubscribeRequest, how = settings, now = start) =>
  decideSubscribe(of, request, how, surroundings(now));
const inDialog = (more: Partial<SubscribeRequest> = {}) => subscribe({ inDialog: true, cseq: 2, ...more });

test('a new subscription is stored, answered with tag, Expires and Contact, and told its state', () => {
  const of = resource();
  const decision = apply(of, decide(of, subscribe({ recordRoutes: 'Record-Route: <sip:p;lr>\r\n' })));
  assert.deepEqual(decision.answer, {
    status: 202,
    reason: 'Accepted',
    headers: 'Expires: 600\r\nContact: <sip:127.0.0.1:5060>\r\nRecord-Route: <sip:p;lr>\r\n',
    toTag: 'ours',
  });
  const [stored] = of.subscriptions.values();
  assert.equal(stored?.expires, startSeconds + 600);
  assert.equal(stored?.localCseq, 1);
  assert.deepEqual(decision.notices, [{ to: 'dialog', subscription: stored }]);
});

test('watcherinfo subscribers are told in part of a new watcher: only he is named', () => {
  const of = resource({
    subscriptions: [subscription({ callId: 'w', winfo: true, watcher: 'sip:alice@example.com' })],
  });
  const decision = apply(of, decide(of, subscribe({ displayName: 'Bob' })));
  const notice = decision.notices.find(({ to }) => to === 'watcherinfo');
  assert.ok(notice?.to === 'watcherinfo' && notice.state === 'partial');
  assert.deepEqual(notice.watchers, [
    {
      uri: 'sip:bob@example.com',
      id: 't1',
      status: 'active',
      event: 'subscribe',
      durationSubscribed: 0,
      expiration: 600,
      displayName: 'Bob',
    },
  ]);
  assert.equal(of.winfoFanouts, 1);
});

test('a watcherinfo subscription is no watcher: nobody is told of it', () => {
  const of = resource({ subscriptions: [subscription({ callId: 'w', winfo: true })] });
  const decision = decide(of, subscribe({ winfo: true, callId: 'w2' }));
  assert.deepEqual(
    decision.notices.map(({ to }) => to),
    ['dialog'],
  );
});

test('a fetch gets one NOTIFY that ends it, and leaves nothing', () => {
  const decision = decide(resource(), subscribe({ expires: 0 }));
  assert.equal(decision.answer?.status, 202);
  assert.deepEqual(decision.changes, []);
  assert.ok(decision.notices[0]?.to === 'dialog' && decision.notices[0].ends === 'timeout');
});

test('a watcher has so many subscriptions of a kind and no more; a fetch is none', () => {
  const of = resource({ subscriptions: [subscription({ callId: 'a' }), subscription({ callId: 'b' })] });
  assert.equal(decide(of, subscribe()).answer?.status, 403);
  assert.equal(decide(of, subscribe({ winfo: true })).answer?.status, 202);
  assert.equal(decide(of, subscribe({ expires: 0 })).answer?.status, 202);
  assert.equal(decide(of, subscribe({ watcher: 'sip:carol@example.com' })).answer?.status, 202);
});

test('without permission a subscription is pending, and its watcher is noted; one’s own watcherinfo is active', () => {
  const of = resource();
  apply(of, decide(of, subscribe(), strict));
  apply(of, decide(of, subscribe({ callId: 'w', winfo: true, watcher: 'sip:alice@example.com' }), strict));
  assert.deepEqual(
    [...of.subscriptions.values()].map(({ status }) => status),
    ['pending', 'active'],
  );
  assert.deepEqual([...of.watchers.keys()], ['sip:bob@example.com']);
});

test('a request in a dialog matches by Call-ID, both tags, and the Event with its id', () => {
  const of = resource({ subscriptions: [subscription({ eventId: '7' })] });
  const status = (more: Partial<SubscribeRequest>) => decide(of, inDialog({ eventId: '7', ...more })).answer?.status;
  assert.equal(status({}), 202);
  for (const wrong of [
    { callId: 'x' },
    { fromTag: 'x' },
    { toTag: 'x' },
    { eventId: undefined },
    { eventId: '8' },
    { winfo: true },
  ]) {
    assert.equal(status(wrong), 481, JSON.stringify(wrong));
  }
});

test('a CSeq that is not higher is 500; a fault is answered only when dialog and CSeq are right', () => {
  const of = resource({ subscriptions: [subscription({ remoteCseq: 5 })] });
  const fault = new SipError(423, 'Interval Too Brief', 'Min-Expires: 60\r\n');
  assert.equal(decide(of, inDialog({ cseq: 5, fault })).answer?.status, 500);
  assert.equal(decide(of, inDialog({ cseq: 4, fault })).answer?.status, 500);
  assert.equal(decide(of, inDialog({ cseq: 6, fault })).answer?.status, 423);
  assert.equal(decide(of, inDialog({ cseq: 6, fault, callId: 'x' })).answer?.status, 481);
  assert.equal(decide(of, subscribe({ fault })).answer?.status, 423);
});

test('a refresh updates expiry, remote target and CSeq, keeps the rest, and is told the state', () => {
  const before = subscription({
    status: 'pending',
    view: 'closed',
    routes: '<sip:p;lr>',
    contentType: 'application/other',
  });
  const of = resource({ subscriptions: [before] });
  const target = { contact: 'sip:bob@127.0.0.1:9', source: 'udp:127.0.0.1:5060>127.0.0.1:9' };
  const decision = apply(of, decide(of, inDialog({ ...target, cseq: 9, expires: 60, routes: '<sip:q;lr>' }), strict));
  const after = of.subscriptions.get(before.id);
  assert.deepEqual(after, { ...before, ...target, remoteCseq: 9, expires: startSeconds + 60, localCseq: 2 });
  assert.deepEqual(decision.notices, [{ to: 'dialog', subscription: after }]);
});

test('a refresh of a subscription that is permitted by now makes it active, and the watcherinfo says approved', () => {
  const of = resource({
    subscriptions: [subscription({ status: 'pending', version: 0 }), subscription({ callId: 'w', winfo: true })],
  });
  const decision = apply(of, decide(of, inDialog()));
  const [notice] = decision.notices.filter(({ to }) => to === 'watcherinfo');
  assert.ok(notice?.to === 'watcherinfo');
  assert.equal(notice.watchers[0]?.status, 'active');
  assert.equal(notice.watchers[0]?.event, 'approved');
});

test('Expires: 0 in a dialog ends it at the place it was sent from, and watcherinfo gets the full state', () => {
  const of = resource({ subscriptions: [subscription(), subscription({ callId: 'w', winfo: true })] });
  const decision = apply(of, decide(of, inDialog({ expires: 0, contact: 'sip:bob@127.0.0.1:9' })));
  assert.match(decision.answer?.headers ?? '', /^Expires: 0\r\n/);
  assert.equal(of.subscriptions.size, 1);
  const [last, winfo] = decision.notices;
  assert.ok(last?.to === 'dialog' && last.ends === 'timeout');
  assert.equal(last.subscription.contact, 'sip:bob@127.0.0.1:9');
  assert.ok(winfo?.to === 'watcherinfo' && winfo.state === 'full');
  assert.deepEqual(
    winfo.watchers.map(({ status, event }) => [status, event]),
    [['terminated', 'timeout']],
  );
});

test('a watcher without permission waits when the last of his subscriptions has ended', () => {
  const of = resource();
  apply(of, decide(of, subscribe({ callId: 'a' }), strict));
  apply(of, decide(of, subscribe({ callId: 'b' }), strict));
  apply(of, decide(of, inDialog({ callId: 'a', expires: 0 }), strict));
  const status = () => [...of.watchers.values()].map((watcher) => [watcher.status, watcher.expires]);
  assert.deepEqual(status(), [['pending', Number.POSITIVE_INFINITY]]);
  apply(of, decide(of, inDialog({ callId: 'b', expires: 0 }), strict));
  assert.deepEqual(status(), [['waiting', startSeconds + 3600]]);
});

test('every own event of a dialog raises its ceiling by one, every fan-out too', () => {
  const of = resource({ subscriptions: [subscription()] });
  const ceiling = () => [...of.subscriptions.values()].map((each) => cseqCeiling(of, each));
  of.fanouts = 3;
  assert.deepEqual(ceiling(), [4]);
  apply(of, decide(of, inDialog()));
  assert.deepEqual(ceiling(), [5]);
  apply(of, notifyAgain(of, 'call-1 ours theirs'));
  assert.deepEqual(ceiling(), [6]);
  of.fanouts++;
  assert.deepEqual(ceiling(), [7]);
  of.winfoFanouts++;
  assert.deepEqual(ceiling(), [7]);
});

test('a dialog that a script lets begin twice with one tag goes on in its CSeqs, and counts once', () => {
  const of = resource();
  apply(of, decide(of, subscribe()));
  apply(of, decide(of, subscribe({ watcher: 'sip:carol@example.com' })));
  assert.deepEqual(
    [...of.subscriptions.values()].map(({ localCseq }) => localCseq),
    [2],
  );
  assert.deepEqual(
    [...of.subscriptions.values()].map(({ watcher }) => watcher),
    ['sip:carol@example.com'],
  );
});

test('a subscription that could not be notified is dropped unless its watcher has moved since', () => {
  const failed = subscription();
  const moved = resource({ subscriptions: [{ ...failed, contact: 'sip:bob@127.0.0.1:9', remoteCseq: 2 }] });
  assert.deepEqual(dropSubscription(moved, failed, 3600, surroundings()).changes, []);
  const still = resource({ subscriptions: [{ ...failed, remoteCseq: 2 }] });
  assert.equal(dropSubscription(still, failed, 3600, surroundings()).changes[0]?.kind, 'unsubscribe');
  assert.deepEqual(dropSubscription(resource(), failed, 3600, surroundings()).changes, []);
});
