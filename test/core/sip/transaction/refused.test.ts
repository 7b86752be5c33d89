// Owns what is promised of refusals: none is forgotten while its client may send again, and no other request is taken for it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { hashText } from '../../../../core/base/hash';
import { RefusedRequests } from '../../../../core/sip/transaction/refused';

test('of twenty thousand requests refused at once none is forgotten, and after 32 s all are', () => {
  const refused = new RefusedRequests();
  const hashes = Array.from({ length: 20_000 }, (_, n) => hashText(`z9hG4bK${n}\n127.0.0.1:5060`));
  for (const [n, hash] of hashes.entries()) refused.note(hash, 5000 + n / 20);
  assert.equal(hashes.filter((hash) => !refused.has(hash, 36_000)).length, 0);
  assert.equal(hashes.filter((hash) => refused.has(hash, 40_000)).length, 0);
});

test('a negative hash is known again', () => {
  const refused = new RefusedRequests();
  refused.note(-5, 0);
  assert.ok(refused.has(-5, 1000));
  assert.ok(!refused.has(-6, 1000));
});
