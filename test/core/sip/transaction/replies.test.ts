// Owns what the store of replies promises: the right bytes, for their time, within its bounds.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { hashText } from '../../../../core/base/hash';
import { TimerWheel } from '../../../../core/base/wheel';
import { ReplyStore } from '../../../../core/sip/transaction/replies';
import { ManualClock } from '../../../support/clock';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

function store(bounds: { maxReplies?: number; maxBytes?: number } = {}) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  clock.onTick(() => wheel.advance());
  const replies = new ReplyStore(wheel, { lifetime: 32_000, maxReplies: 1e6, maxBytes: 1e9, ...bounds });
  return { clock, wheel, replies };
}

const keyOf = (text: string) => ({ text, hash: hashText(text) });
const reply = (i: number) => Buffer.from(`reply ${i} ${'x'.repeat(i % 700)}`);

describe('stored replies', () => {
  it('are found by their key, each with its own bytes', () => {
    const { replies } = store();
    for (let i = 0; i < 5000; i++) replies.add(keyOf(`key ${i}`), reply(i));
    for (let i = 0; i < 5000; i++) assert.deepEqual(replies.find(keyOf(`key ${i}`)), reply(i));
    assert.equal(replies.find(keyOf('key 5000')), undefined);
    assert.equal(replies.has(keyOf('key 4999')), true);
    assert.equal(replies.size, 5000);
  });

  it('are copies: a buffer used again does not change them', () => {
    const { replies } = store();
    const bytes = Buffer.from('first');
    replies.add(keyOf('key'), bytes);
    bytes.write('other');
    assert.equal(replies.find(keyOf('key'))?.toString(), 'first');
  });

  it('stay as they were handed out when their place is used again', () => {
    const { replies } = store({ maxBytes: 100_000 });
    replies.add(keyOf('first'), Buffer.from('first'));
    const found = replies.find(keyOf('first'));
    for (let i = 0; i < 5000; i++) replies.add(keyOf(`key ${i}`), reply(i));
    assert.equal(replies.has(keyOf('first')), false);
    assert.equal(found?.toString(), 'first');
  });

  it('use their memory again', () => {
    const { clock, replies } = store();
    const bytes = Buffer.alloc(600);
    const outside = () => {
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const minute = () => {
      for (let i = 0; i < 60; i++) {
        for (let n = 0; n < 100; n++) replies.add(keyOf(`key ${n}`), bytes);
        clock.advance(1000, 10);
      }
    };
    minute();
    const before = outside();
    minute();
    // Nothing is collected in between: what was let go would count.
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20);
  });

  it('may be larger than a segment', () => {
    const { replies } = store();
    const large = Buffer.alloc(200_000, 65);
    replies.add(keyOf('large'), large);
    replies.add(keyOf('small'), reply(3));
    assert.deepEqual(replies.find(keyOf('large')), large);
    assert.deepEqual(replies.find(keyOf('small')), reply(3));
  });

  it('stay 32 s and at most a second longer, with one timer for a second of them', () => {
    const { clock, wheel, replies } = store();
    replies.add(keyOf('a'), reply(1));
    clock.advance(900);
    for (let i = 0; i < 100; i++) replies.add(keyOf(`b${i}`), reply(0));
    assert.equal(wheel.size, 1);
    clock.advance(31_990, 10);
    assert.ok(replies.has(keyOf('b0')));
    clock.advance(1100, 10);
    assert.equal(replies.size, 0);
    assert.equal(replies.bytes, 0);
    assert.equal(wheel.size, 0);
  });

  it('go oldest first when there are too many or too much, and the latest is always kept', () => {
    for (const bounds of [{ maxReplies: 1000 }, { maxBytes: 400_000 }]) {
      const { replies, wheel } = store(bounds);
      for (let i = 0; i < 20_000; i++) {
        replies.add(keyOf(`key ${i}`), reply(i));
        assert.ok(replies.has(keyOf(`key ${i}`)));
        assert.ok(replies.size <= (bounds.maxReplies ?? 1e6));
        assert.ok(replies.bytes <= (bounds.maxBytes ?? 1e9));
      }
      assert.equal(replies.has(keyOf('key 0')), false);
      assert.ok(wheel.size < 100);
    }
  });

  it('leave the heap as it was, however many there have been since the start', () => {
    const { replies } = store({ maxBytes: 4e6 });
    const bytes = reply(0);
    let added = 0;
    const heapAfter = (count: number) => {
      while (added < count) replies.add(keyOf(`key ${added++}`), bytes);
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = heapAfter(100_000);
    const grown = heapAfter(1_000_000) - before;
    assert.ok(grown < 2 ** 20, `grown by ${grown} bytes`);
  });
});
