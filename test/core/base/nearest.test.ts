// Tests "did you mean": near words are offered, far ones are not.
import assert from 'node:assert/strict';
import test from 'node:test';
import { didYouMean, nearest } from '../../../core/base/nearest';

const words = ['force_active', 'max_expires', 'db_url', 'udp', 'tcp'];

test('a slip of the fingers finds its word', () => {
  assert.equal(nearest('force_activ', words), 'force_active');
  assert.equal(nearest('max_expire', words), 'max_expires');
  assert.equal(nearest('MAX_EXPIRES', words), 'max_expires');
  assert.equal(nearest('dburl', words), 'db_url');
  assert.equal(nearest('udb', words), 'udp');
});

test('a word that is like none of them finds nothing', () => {
  assert.equal(nearest('loadmodule', words), undefined);
  assert.equal(nearest('x', words), undefined);
  assert.equal(didYouMean('x', words), '');
  assert.equal(didYouMean('udpp', words), ' (did you mean "udp"?)');
});
