// Tests what is remembered for a while: texts in common, and what was worked out about objects.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecentMemo } from '../../../core/base/recent-memo';
import { sameAs, share } from '../../../core/base/share';

describe('what is remembered for a while', () => {
  it('a memo answers what was set last, and forgets what nobody asked for while two generations came', () => {
    const memo = new RecentMemo<object, number>(2);
    const [kept, lost] = [{}, {}];
    memo.set(kept, 1);
    memo.set(lost, 2);
    for (let i = 0; i < 6; i++) {
      assert.equal(memo.get(kept), 1);
      memo.set({}, i);
    }
    assert.equal(memo.get(lost), undefined);
    memo.set(kept, 3);
    assert.equal(memo.get(kept), 3);
    memo.delete(kept);
    assert.equal(memo.get(kept), undefined);
  });

  it('a shared text is the text, whatever came between', () => {
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5000; i++) assert.equal(share(`agent ${i}`), `agent ${i}`);
    }
    assert.equal(share(''), '');
    assert.equal(sameAs('kept', 'other'), 'other');
    assert.equal(sameAs('kept', ['ke', 'pt'].join('')), 'kept');
  });
});
