// Holds how long a commit of which nobody knows whether it was stored is doubted, and what follows when it was.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Duties } from '../../../../modules/presence/nodes/duty';
import { emptyResource, owed, type Resource, resourceKey } from '../../../../modules/presence/resource';

const key = resourceKey('alice', 'localhost', 'presence');

function read(version: number): Resource {
  return Object.assign(emptyResource(key), { version, owed: version === 5 ? owed.nothing : owed.state });
}

test('who looks at once may look too early: a commit that is there only at the second look is told all the same', () => {
  const duties = new Duties(undefined);
  duties.doubt(key, 5);
  duties.account(read(5), duties.of(read(5)));
  for (const doubt of duties.state.doubtful.values()) doubt.looks++;
  assert.equal(duties.of(read(6)), 'orphaned');
  duties.account(read(6), 'orphaned');
  assert.equal(duties.state.doubtful.size, 0);
});

test('what was not there at two looks is doubted no longer', () => {
  const duties = new Duties(undefined);
  duties.doubt(key, 5);
  duties.account(read(5), 'ours');
  for (const doubt of duties.state.doubtful.values()) doubt.looks++;
  duties.account(read(5), 'ours');
  assert.equal(duties.state.doubtful.size, 0);
});
