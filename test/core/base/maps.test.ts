// Owns what the small and the brief map promise: what Map promises, whatever comes and goes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BriefMap } from '../../../core/base/brief-map';
import { Slots } from '../../../core/base/slots';
import { SmallMap } from '../../../core/base/small-map';

const steps = fc.array(
  fc.record({ act: fc.constantFrom('set', 'set', 'delete', 'get'), key: fc.nat(40).map(String), value: fc.nat() }),
  { maxLength: 300 },
);

describe('maps for what comes and goes', () => {
  for (const [name, make] of [
    ['BriefMap', () => new BriefMap<number>()],
    ['SmallMap', () => new SmallMap<number>()],
  ] as const) {
    it(`${name} answers as Map does, in any history`, () => {
      fc.assert(
        fc.property(steps, (history) => {
          const model = new Map<string, number>();
          const map = make();
          for (const { act, key, value } of history) {
            if (act === 'set') {
              model.set(key, value);
              map.set(key, value);
            } else if (act === 'delete') assert.equal(map.delete(key), model.delete(key));
            assert.equal(map.get(key), model.get(key));
            assert.equal(map.has(key), model.has(key));
            assert.equal(map.size, model.size);
          }
          assert.deepEqual([...map.keys()].sort(), [...model.keys()].sort());
          assert.deepEqual([...map.values()].sort(), [...model.values()].sort());
          const snapshot = map.snapshot().filter((value) => value !== undefined);
          assert.deepEqual(snapshot.sort(), [...model.values()].sort());
        }),
      );
    });
  }

  it('SmallMap keeps the order of coming while it holds a few', () => {
    const map = new SmallMap<number>();
    for (const key of ['b', 'c', 'a']) map.set(key, 0);
    map.delete('c');
    map.set('d', 1);
    assert.deepEqual(
      [...map],
      [
        ['b', 0],
        ['a', 0],
        ['d', 1],
      ],
    );
  });

  it('a number of Slots is used again when it is free, and never while it is not', () => {
    const slots = new Slots<string>();
    const a = slots.add('a');
    const b = slots.add('b');
    slots.remove(a);
    slots.remove(a);
    assert.equal(slots.add('c'), a);
    assert.notEqual(slots.add('d'), b);
    assert.deepEqual([...slots.values()].sort(), ['b', 'c', 'd']);
    assert.equal(slots.size, 3);
  });
});
