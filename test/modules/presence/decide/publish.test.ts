// Holds the decision about a PUBLISH to RFC 3903 and to the mission's table, without I/O.
import assert from 'node:assert/strict';
import test from 'node:test';
import { SipError } from '../../../../core/base/errors';
import { decidePublish } from '../../../../modules/presence/decide/publish';
import type { PublishRequest } from '../../../../modules/presence/request/publish';
import type { Resource } from '../../../../modules/presence/resource';
import { apply, publication, publish, resource, start, startSeconds, subscription, surroundings } from '../records';

const settings = { expiresOffset: 0, maxPublications: 4 };
const decide = (of: Resource, request: PublishRequest, now = start) =>
  decidePublish(of, request, settings, surroundings(now));

test('an initial PUBLISH is stored with a tag of its own and notified to all watchers', () => {
  const of = resource({ subscriptions: [subscription()] });
  const decision = apply(of, decide(of, publish()));
  assert.equal(decision.answer?.status, 200);
  assert.equal(decision.answer?.headers, 'Expires: 3600\r\nSIP-ETag: t1\r\nContact: <sip:127.0.0.1:5060>\r\n');
  assert.equal(of.publications.get('t1')?.expires, startSeconds + 3600);
  assert.deepEqual(decision.notices, [{ to: 'watchers', except: '' }]);
  assert.equal(of.fanouts, 1);
  assert.equal(of.dueAt, startSeconds + 3600);
});

test('without a watcher of the state no fan-out is counted, a watcherinfo subscriber is none', () => {
  const of = resource({ subscriptions: [subscription({ winfo: true })] });
  const decision = decide(of, publish());
  assert.deepEqual(decision.notices, []);
  assert.deepEqual(
    decision.changes.map(({ kind }) => kind),
    ['publish'],
  );
});

test('a record granted in the middle of a second ends no earlier than it was granted for', () => {
  const of = resource();
  apply(of, decide(of, publish({ expires: 60 }), start + 1));
  assert.equal(of.publications.get('t1')?.expires, startSeconds + 61);
});

test('a refresh moves the end, gives a new tag, keeps the document as it is and notifies nobody', () => {
  const before = publication({ etag: 'e1', sequence: 7 });
  const of = resource({ publications: [before], subscriptions: [subscription()] });
  const decision = apply(of, decide(of, publish({ ifMatch: 'e1', body: undefined, expires: 100 }), start + 5000));
  assert.equal(decision.answer?.status, 200);
  assert.deepEqual(decision.notices, []);
  assert.deepEqual([...of.publications.keys()], ['t1']);
  const after = of.publications.get('t1');
  assert.equal(after?.document, before.document);
  assert.equal(after?.expires, startSeconds + 105);
  assert.equal(after?.receivedTime, startSeconds + 5);
});

test('a modify replaces the document, which becomes the newest, and notifies', () => {
  const of = resource({
    publications: [publication({ etag: 'e1', sequence: 1 }), publication({ etag: 'e2', sequence: 5 })],
    subscriptions: [subscription()],
  });
  const decision = apply(of, decide(of, publish({ ifMatch: 'e1', body: Buffer.from('<b/>'), sender: 'sip:s@h' })));
  assert.deepEqual([...of.publications.keys()], ['e2', 't1']);
  assert.equal(of.publications.get('t1')?.document.sequence, 6);
  assert.deepEqual(decision.notices, [{ to: 'watchers', except: 'sip:s@h' }]);
});

test('Expires: 0 removes the publication, answers a new tag, and notifies what is left', () => {
  const of = resource({ publications: [publication()], subscriptions: [subscription()] });
  const decision = apply(of, decide(of, publish({ ifMatch: 'e1', body: undefined, expires: 0 })));
  assert.match(decision.answer?.headers ?? '', /^Expires: 0\r\nSIP-ETag: t1\r\n/);
  assert.equal(of.publications.size, 0);
  assert.equal(decision.notices.length, 1);
});

test('an initial PUBLISH that asks for no time is answered and leaves nothing', () => {
  const decision = decide(resource(), publish({ expires: 0 }));
  assert.equal(decision.answer?.status, 200);
  assert.deepEqual(decision.changes, []);
});

test('a tag that names no publication is 412, and comes before any fault of Expires or body', () => {
  const fault = new SipError(423, 'Interval Too Brief');
  for (const ifMatch of ['other', 'E1', '__proto__', 'a.1.2.3']) {
    const of = resource({ publications: [publication()] });
    assert.equal(decide(of, publish({ ifMatch, fault })).answer?.status, 412);
  }
});

test('a fault of Expires or body is answered with its headers when the tag is right', () => {
  const fault = new SipError(423, 'Interval Too Brief', 'Min-Expires: 60\r\n');
  const decision = decide(resource({ publications: [publication()] }), publish({ ifMatch: 'e1', fault }));
  assert.deepEqual(decision.answer, { status: 423, reason: 'Interval Too Brief', headers: 'Min-Expires: 60\r\n' });
  assert.deepEqual(decision.changes, []);
});

test('expires_offset is taken from the Expires of the answer, which stays 1 at least', () => {
  const answer = (expires: number) =>
    decidePublish(resource(), publish({ expires }), { ...settings, expiresOffset: 10 }, surroundings()).answer?.headers;
  assert.match(answer(60) ?? '', /^Expires: 50\r\n/);
  assert.match(answer(5) ?? '', /^Expires: 1\r\n/);
  assert.match(answer(0) ?? '', /^Expires: 0\r\n/);
});

test('a presentity has so many publications and no more; changing one of them is no more', () => {
  const of = resource({ publications: [1, 2, 3, 4].map((n) => publication({ etag: `e${n}`, sequence: n })) });
  assert.equal(decide(of, publish()).answer?.status, 403);
  assert.equal(decide(of, publish({ ifMatch: 'e2' })).answer?.status, 200);
});

test('of two requests with one tag the second is 412 once the first is decided', () => {
  const of = resource({ publications: [publication()] });
  assert.equal(apply(of, decide(of, publish({ ifMatch: 'e1' }))).answer?.status, 200);
  assert.equal(decide(of, publish({ ifMatch: 'e1' })).answer?.status, 412);
});
