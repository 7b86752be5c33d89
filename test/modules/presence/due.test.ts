// Holds the stored moment by which what ends is found: never too late, and seldom written.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { ResourceChange } from '../../../modules/presence/changes';
import { applyChanges } from '../../../modules/presence/changes';
import { noteDue } from '../../../modules/presence/due';
import { nextExpiry, type Resource } from '../../../modules/presence/resource';
import { publication, resource, startSeconds, subscription } from './records';

/** Makes changes and what is noted for them, as the door does; tells what was noted, in seconds after the start. */
function turn(of: Resource, changes: ResourceChange[], now: number): number[] {
  applyChanges(of, changes);
  const { changes: noted } = noteDue(of, changes, startSeconds + now);
  applyChanges(of, noted);
  of.version++;
  assert.ok(of.dueNoted <= nextExpiry(of), 'never later than the first end');
  return noted.map((change) => (change.kind === 'due' ? change.at - startSeconds : Number.NaN));
}

/** A PUBLISH of the one publication, granted `granted` seconds at `now`. */
function publishAt(of: Resource, now: number, granted: number): number[] {
  const [replaces] = of.publications.values();
  const next = publication({ etag: `e${of.version}`, expires: startSeconds + now + granted });
  return turn(of, [{ kind: 'publish', publication: next, replaces }], now);
}

test('it is noted with the first record, and again with one that ends sooner', () => {
  const of = resource();
  assert.deepEqual(publishAt(of, 0, 3600), [3600]);
  const watching = subscription({ expires: startSeconds + 600 });
  assert.deepEqual(turn(of, [{ kind: 'subscribe', subscription: watching, replaces: undefined }], 0), [600]);
});

test('refreshes leave it alone until it has become much too early', () => {
  const of = resource();
  publishAt(of, 0, 3600);
  for (let now = 1; now <= 1800; now += 20) assert.deepEqual(publishAt(of, now, 3600), []);
  assert.deepEqual(publishAt(of, 1810, 3600), [5410]);
});

test('it stays as early as it is when another record does end then', () => {
  const of = resource();
  publishAt(of, 0, 3600);
  turn(
    of,
    [{ kind: 'subscribe', subscription: subscription({ expires: startSeconds + 600 }), replaces: undefined }],
    0,
  );
  assert.deepEqual(publishAt(of, 500, 3600), []);
});

test('when it has passed it is moved, by a look alone', () => {
  const of = resource();
  publishAt(of, 0, 100);
  const [replaces] = of.publications.values();
  const refreshed = publication({ etag: 'r', expires: startSeconds + 115 });
  assert.deepEqual(turn(of, [{ kind: 'publish', publication: refreshed, replaces }], 20), []);
  assert.deepEqual(turn(of, [], 99), []);
  assert.deepEqual(turn(of, [], 100), [115]);
});

test('a resource that was found without a row of its own gets one; an empty one gets none', () => {
  const found = resource({ publications: [publication()] });
  found.dueAt = nextExpiry(found);
  assert.deepEqual(turn(found, [], 0), [3600]);
  assert.deepEqual(turn(resource(), [], 0), []);
});

test('among many records the first end is not looked for with each change', () => {
  const of = resource();
  publishAt(of, 0, 3600);
  for (let n = 0; n < 50; n++) {
    const watching = subscription({ callId: `c${n}`, expires: startSeconds + 3600 });
    turn(of, [{ kind: 'subscribe', subscription: watching, replaces: undefined }], 0);
  }
  assert.deepEqual(publishAt(of, 3500, 3600), []);
});
