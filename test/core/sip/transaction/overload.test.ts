// Tests the decision about overload without I/O: who is refused, how many, for how long, and when it is over.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SipRequest } from '../../../../core/sip/message';
import { parseMessage } from '../../../../core/sip/message';
import {
  defaultOverloadLimits,
  type Importance,
  importanceOf,
  type Load,
  Overload,
  refusedShare,
} from '../../../../core/sip/transaction/overload';
import { requestText } from '../../../support/wire';

function request(method: string, parts: { to?: string; headers?: string[] } = {}): SipRequest {
  const text = requestText({ method, uri: 'sip:a@example.com', via: 'SIP/2.0/UDP 192.0.2.1', ...parts });
  const parsed = parseMessage(Buffer.from(text));
  assert.ok(parsed.kind === 'request');
  return parsed.message;
}

const initial = request('PUBLISH');
const refresh = request('PUBLISH', { headers: ['SIP-If-Match: abc'] });
const inDialog = request('SUBSCRIBE', { to: '<sip:a@example.com>;tag=1' });
const options = request('OPTIONS');

/** How many of a thousand such requests are refused. */
function refusals(overload: Overload, message: SipRequest, working: number): number {
  let refused = 0;
  for (let i = 0; i < 1000; i++) if (overload.refuses(message, working) !== undefined) refused++;
  return refused;
}

const calm = { delay: 0, wait: 0, full: 0 };

/** Two looks in a row that see the same. */
function seen(look: Partial<Load>, limits = defaultOverloadLimits): Overload {
  const overload = new Overload(limits);
  for (const now of [0, 20]) overload.look({ ...calm, ...look, now });
  return overload;
}

/**
 * A server that spends a second of work on `capacity` such requests, or on five times as many refusals, for `seconds`; what it has
 * no time for waits. @returns the longest wait in the second half, and the requests served a second then
 */
function flooded(
  message: SipRequest,
  offered: number,
  capacity: number,
  seconds: number,
): { longest: number; served: number } {
  const overload = new Overload();
  const look = 20;
  const cost = 1000 / capacity;
  let waiting = 0;
  let spare = 0;
  let longest = 0;
  let served = 0;
  for (let now = 0; now < seconds * 1000; now += look) {
    waiting += (offered * look) / 1000;
    let read = 0;
    for (spare = Math.min(look, spare) + look; waiting >= 1 && spare > 0; waiting--, read++) {
      const refused = overload.refuses(message, 0) !== undefined;
      spare -= refused ? cost / 5 : cost;
      if (!refused && now >= seconds * 500) served++;
    }
    const wait = read === 0 ? 0 : (waiting / read) * look;
    overload.look({ delay: 0, wait, full: 0, now });
    if (now >= seconds * 500) longest = Math.max(longest, wait);
  }
  return { longest, served: served / (seconds / 2) };
}

describe('overload', () => {
  it('tells what begins something from what carries something on, and from the question whether the server lives', () => {
    const expected: [SipRequest, Importance][] = [
      [initial, 'new'],
      [request('SUBSCRIBE'), 'new'],
      [request('REGISTER'), 'new'],
      [refresh, 'known'],
      [inDialog, 'known'],
      [options, 'always'],
    ];
    for (const [message, importance] of expected) assert.equal(importanceOf(message), importance);
  });

  it('for what is worked on refuses new requests from half the bound on, all at the bound, known ones only above it', () => {
    const shares = [0, 0.5, 0.75, 1, 1.5, 2, 9].map((load) => [refusedShare(load, 'new'), refusedShare(load, 'known')]);
    assert.deepEqual(shares, [
      [0, 0],
      [0, 0],
      [0.5, 0],
      [1, 0],
      [1, 0.5],
      [1, 1],
      [1, 1],
    ]);
    assert.equal(refusedShare(9, 'always'), 0);
  });

  it('lets everything in while there is little to do', () => {
    assert.equal(refusals(new Overload(), initial, 1000), 0);
  });

  it('refuses exactly the share that the work asks for', () => {
    assert.equal(refusals(new Overload(), initial, 1500), 500);
    assert.equal(refusals(new Overload(), initial, 2000), 1000);
    assert.equal(refusals(new Overload(), refresh, 2000), 0);
    assert.equal(refusals(new Overload(), inDialog, 3000), 500);
    assert.equal(refusals(new Overload(), options, 30_000), 0);
  });

  it('goes by what waits and by the event loop when two looks in a row see it', () => {
    const overload = new Overload();
    const look = (part: Partial<Load>, now: number) => overload.look({ ...calm, ...part, now });
    look({ delay: 5000 }, 0);
    assert.equal(refusals(overload, initial, 0), 0, 'one long turn');
    look({ wait: 5000 }, 20);
    assert.equal(refusals(overload, initial, 0), 0, 'one burst');
    look({ wait: 400, delay: 400 }, 40);
    assert.ok(refusals(overload, initial, 0) > 200);
    look({}, 60);
    assert.equal(refusals(overload, initial, 0), 0);
  });

  it('waits for a burst to pass, as long as nobody waits until he sends again', () => {
    const overload = new Overload();
    const bound = defaultOverloadLimits.delay;
    const look = (wait: number, now: number) => overload.look({ ...calm, wait, now });
    for (let now = 0; now <= 300; now += 20) look(0.95 * bound, now);
    assert.equal(refusals(overload, initial, 0), 0, 'a burst of 300 ms');
    look(0.4 * bound, 320);
    for (let now = 340; now <= 620; now += 20) look(0.95 * bound, now);
    assert.equal(refusals(overload, initial, 0), 0, 'another one');
    for (const now of [640, 660]) look(0.95 * bound, now);
    assert.ok(refusals(overload, initial, 0) > 400, 'what lasts is more than can be done');
    look(0.4 * bound, 680);
    for (const now of [700, 720]) look(0.6 * bound, now);
    assert.ok(refusals(overload, initial, 0) > 80, 'and nobody is patient while it lasts');
  });

  it('refuses from half the bound on, OPTIONS never', () => {
    for (const part of ['delay', 'wait'] as const) {
      const shares = [0.5, 1, 1.25, 2].map((late) => {
        const overload = seen({ [part]: late * defaultOverloadLimits.delay });
        return [initial, options].map((message) => Math.round(refusals(overload, message, 0) / 100));
      });
      assert.deepEqual(shares, [
        [0, 0],
        [5, 0],
        [8, 0],
        [10, 0],
      ]);
    }
  });

  it('refuses new ones first, and of what carries something on as much as those do not make up', () => {
    for (const [begins, ofNew, ofKnown] of [
      [1, 0.55, 0],
      [0.8, 0.55 / 0.8, 0],
      [0.5, 1, 0.1],
      [0.2, 1, 0.35 / 0.8],
      [0, 1, 0.55],
    ] as const) {
      const { delay } = defaultOverloadLimits;
      const overload = seen({ wait: delay });
      // Where it should be: what is refused stays as it is, and what comes is learned.
      for (let now = 40; now < 400; now += 20) {
        overload.look({ ...calm, wait: delay / 2, now });
        for (let i = 0; i < 100; i++)
          overload.refuses(i < begins * 100 ? initial : i % 2 === 0 ? refresh : inDialog, 0);
      }
      for (const now of [400, 420]) overload.look({ ...calm, wait: delay, now });
      for (const [message, share] of [
        [initial, ofNew],
        [refresh, ofKnown],
      ] as const) {
        const refused = refusals(overload, message, 0) / 1000;
        assert.ok(Math.abs(refused - share) < 0.02, `${begins} new: ${refused} refused instead of ${share}`);
      }
    }
  });

  it('keeps half of the receive buffer free, however fast it is read', () => {
    assert.equal(refusals(seen({ full: 0.5 }), initial, 0), 0);
    assert.ok(refusals(seen({ full: 1 }), initial, 0) >= 500);
    assert.equal(refusals(seen({ full: 1 }), refresh, 0), 0);
  });

  for (const times of [1.2, 3, 4]) {
    it(`finds the part to be refused at ${times} times what can be served: nothing waits long, and little capacity is lost`, () => {
      for (const message of [initial, refresh]) {
        const { longest, served } = flooded(message, times * 2000, 2000, 60);
        assert.ok(longest < defaultOverloadLimits.delay, `${longest} ms`);
        // What is left when each of the others costs a fifth: x + (times - x) / 5 = 1.
        const ideal = (2000 * (1 - times / 5)) / 0.8;
        assert.ok(served > 0.9 * ideal, `${served} a second, ${ideal} at best`);
      }
    });
  }

  it('a load that can be served is served', () => {
    assert.equal(flooded(initial, 1900, 2000, 10).served, 1900);
  });

  it('a bound of 0 is none', () => {
    const overload = seen({ delay: 9000, wait: 9000, full: 1 }, { working: 0, delay: 0, retryAfter: 10 });
    assert.equal(refusals(overload, initial, 19_999), 0);
  });

  it('tells clients different times to wait, spread evenly around the one that is set', () => {
    const overload = new Overload();
    const waits = Array.from({ length: 1000 }, () => overload.retryAfter());
    assert.deepEqual([Math.min(...waits), Math.max(...waits)], [5, 15]);
    for (let wait = 6; wait < 15; wait++) {
      const count = waits.filter((one) => one === wait).length;
      assert.ok(count > 90 && count < 110, `${count} clients are told ${wait} s`);
    }
  });

  it('limits can be changed while it runs', () => {
    const overload = new Overload();
    overload.limits = { ...defaultOverloadLimits, working: 10, retryAfter: 1 };
    assert.equal(refusals(overload, initial, 10), 1000);
    assert.ok(overload.retryAfter() >= 1);
  });

  it('says when it begins and, five seconds after the last refusal, that it is over and how many were refused', () => {
    const overload = new Overload();
    const look = (now: number) => overload.look({ ...calm, now });
    assert.equal(look(0), undefined);
    refusals(overload, initial, 2000);
    assert.deepEqual(look(50), { kind: 'begun' });
    refusals(overload, initial, 2000);
    assert.equal(look(100), undefined);
    assert.equal(overload.pressed, true);
    assert.equal(look(5099), undefined);
    assert.deepEqual(look(5100), { kind: 'over', refused: 2000 });
    assert.equal(overload.pressed, false);
    assert.equal(look(5150), undefined);
    assert.deepEqual(overload.refused, { new: 2000, known: 0 });
  });
});
