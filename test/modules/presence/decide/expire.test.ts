// Holds what happens when records end by time or permissions change, and what watcherinfo says of it, without I/O.
import assert from 'node:assert/strict';
import test from 'node:test';
import { reauthorise, tellEverybody } from '../../../../modules/presence/decide/authorise';
import { decideExpiry } from '../../../../modules/presence/decide/expire';
import {
  allWatchers,
  endedEntry,
  tellWatcherinfo,
  watcherEntry,
} from '../../../../modules/presence/decide/watcherinfo';
import { nextExpiry } from '../../../../modules/presence/resource';
import {
  apply,
  granted,
  pending,
  publication,
  resource,
  start,
  startSeconds,
  subscription,
  surroundings,
  watcher,
} from '../records';

const soon = startSeconds + 10;

test('nothing is due before the second of its end, and everything that is due ends in it', () => {
  const of = resource({
    publications: [publication({ etag: 'e1', expires: soon }), publication({ etag: 'e2', expires: soon + 1 })],
    subscriptions: [subscription({ callId: 'a', expires: soon }), subscription({ callId: 'b' })],
  });
  assert.deepEqual(decideExpiry(of, 3600, surroundings(soon * 1000 - 1)).changes, []);
  const decision = apply(of, decideExpiry(of, 3600, surroundings(soon * 1000)));
  assert.deepEqual([...of.publications.keys()], ['e2']);
  assert.deepEqual(
    [...of.subscriptions.values()].map(({ callId }) => callId),
    ['b'],
  );
  assert.deepEqual(
    decision.notices.map((notice) => (notice.to === 'dialog' ? notice.ends : notice.to)),
    ['watchers', 'timeout'],
  );
  assert.equal(of.fanouts, 1);
  assert.equal(nextExpiry(of), soon + 1);
});

test('many publications that end together make one fan-out, none without a watcher', () => {
  const publications = [1, 2, 3].map((n) => publication({ etag: `e${n}`, expires: soon }));
  const watched = resource({ publications, subscriptions: [subscription()] });
  assert.equal(apply(watched, decideExpiry(watched, 3600, surroundings(soon * 1000))).notices.length, 1);
  const alone = resource({ publications });
  assert.equal(apply(alone, decideExpiry(alone, 3600, surroundings(soon * 1000))).notices.length, 0);
  assert.equal(alone.publications.size, 0);
});

test('a watcher whose subscription runs out is told to watcherinfo like one who left; a watcherinfo subscriber is not', () => {
  const of = resource({
    subscriptions: [
      subscription({ callId: 'a', expires: soon, watcherId: 'wa' }),
      subscription({ callId: 'w', winfo: true }),
      subscription({ callId: 'x', winfo: true, expires: soon, watcherId: 'wx' }),
    ],
  });
  const { notices } = apply(of, decideExpiry(of, 3600, surroundings(soon * 1000)));
  const winfo = notices.filter(({ to }) => to === 'watcherinfo');
  assert.equal(winfo.length, 1);
  assert.ok(winfo[0]?.to === 'watcherinfo' && winfo[0].state === 'full');
  assert.deepEqual(
    winfo[0].watchers.map(({ id, status, event }) => [id, status, event]),
    [['wa', 'terminated', 'timeout']],
  );
});

test('a watcher entry has the id of its subscription, how long it lasts and how long it has been', () => {
  const each = subscription({ subscribedAt: startSeconds - 30, expires: startSeconds + 20, displayName: 'Zoë' });
  assert.deepEqual(watcherEntry(each, start + 500), {
    uri: 'sip:bob@example.com',
    id: 'w1',
    status: 'active',
    event: 'subscribe',
    durationSubscribed: 30,
    expiration: 19,
    displayName: 'Zoë',
  });
  assert.equal(watcherEntry(each, start + 60_000).expiration, 0);
  assert.equal(watcherEntry({ ...each, subscribedAt: startSeconds + 9 }, start).durationSubscribed, 0);
  assert.equal(watcherEntry({ ...each, reason: 'approved' }, start).event, 'approved');
  assert.equal('expiration' in endedEntry(each, 'timeout', start), false);
});

test('the full state names watchers, not watcherinfo subscribers; without these nothing is told', () => {
  const of = resource({ subscriptions: [subscription({ callId: 'a' }), subscription({ callId: 'w', winfo: true })] });
  assert.equal(allWatchers(of, start).length, 1);
  const changes: never[] = [];
  tellWatcherinfo(resource({ subscriptions: [subscription()] }), 'full', () => [], changes, changes);
  assert.deepEqual(changes, []);
});

test('permission given approves, permission taken back deactivates; the watcher is told, and watcherinfo in part', () => {
  const of = resource({
    subscriptions: [
      subscription({ callId: 'a', status: 'pending', watcherId: 'wa', version: 0 }),
      subscription({ callId: 'b', watcher: 'sip:carol@example.com', watcherId: 'wb' }),
      subscription({ callId: 'w', winfo: true, watcher: 'sip:alice@example.com' }),
    ],
  });
  of.watchers.set('sip:bob@example.com', watcher({ status: 'pending' }));
  const turned = reauthorise((_, who) => (who === 'sip:carol@example.com' ? pending : granted));
  const decision = apply(of, turned(of, surroundings()));
  assert.deepEqual(
    decision.notices.map(({ to }) => to),
    ['dialog', 'dialog', 'watcherinfo'],
  );
  const winfo = decision.notices[2];
  assert.ok(winfo?.to === 'watcherinfo' && winfo.state === 'partial');
  assert.deepEqual(
    winfo.watchers.map(({ id, status, event }) => [id, status, event]),
    [
      ['wa', 'active', 'approved'],
      ['wb', 'terminated', 'deactivated'],
    ],
  );
  assert.deepEqual(
    [...of.watchers.values()].map(({ watcher, status }) => [watcher, status]),
    [['sip:bob@example.com', 'active']],
  );
  assert.deepEqual(allWatchers(of, start)[0]?.event, 'approved');
  assert.deepEqual(turned(of, surroundings()).changes, []);
});

test('telling everybody reaches active watchers by one fan-out and those who wait one by one', () => {
  const of = resource({
    subscriptions: [
      subscription({ callId: 'a' }),
      subscription({ callId: 'b', status: 'pending' }),
      subscription({ callId: 'w', winfo: true }),
    ],
  });
  const decision = apply(of, tellEverybody(of, surroundings()));
  assert.deepEqual(
    decision.notices.map(({ to }) => to),
    ['dialog', 'watchers', 'watcherinfo'],
  );
  assert.deepEqual([of.fanouts, of.winfoFanouts], [1, 1]);
  assert.deepEqual(tellEverybody(resource({ publications: [publication()] }), surroundings()).changes, []);
});
