// Owns damage to bodies as fast-check makes it: bytes dropped, put in and repeated, so that a failure shrinks to the smallest.
import fc from 'fast-check';

const change = fc.record({
  at: fc.nat(),
  drop: fc.nat(8),
  insert: fc.uint8Array({ maxLength: 4 }),
  copy: fc.nat(200),
});

/** One of the originals with one to `most` places broken. */
export function broken(originals: readonly Buffer[], most = 6): fc.Arbitrary<Buffer> {
  return fc.tuple(fc.nat(), fc.array(change, { minLength: 1, maxLength: most })).map(([which, changes]) => {
    let body = originals[which % originals.length] ?? Buffer.alloc(0);
    for (const { at, drop, insert, copy } of changes) {
      const place = at % (body.length + 1);
      const again = copy < 20 ? body.subarray(place, place + copy) : Buffer.alloc(0);
      body = Buffer.concat([body.subarray(0, place), insert, again, body.subarray(place + drop)]);
    }
    return body;
  });
}
