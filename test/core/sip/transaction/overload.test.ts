// Tests the decision about overload without I/O: who is refused, how many, for how long, and when it is over.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SipRequest } from '../../../../core/sip/message';
import { parseMessage } from '../../../../core/sip/message';
import {
  defaultOverloadLimits,
  type Importance,
  importanceOf,
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

/** With so much unread, as a part of the bound. */
function flooded(backlog: number): Overload {
  const overload = new Overload();
  overload.look({ delay: 0, backlog, now: 0 });
  overload.look({ delay: 0, backlog, now: 20 });
  return overload;
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

  it('refuses new requests from half the bound on, all of them at the bound, known ones only above it', () => {
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

  it('goes by the receive buffer and the event loop when two looks in a row see it', () => {
    const overload = new Overload();
    overload.look({ delay: 5000, backlog: 0, now: 0 });
    assert.equal(refusals(overload, initial, 0), 0, 'one long turn');
    overload.look({ delay: 0, backlog: 5, now: 50 });
    assert.equal(refusals(overload, initial, 0), 0, 'one burst');
    overload.look({ delay: 190, backlog: 0.75, now: 100 });
    assert.equal(refusals(overload, initial, 0), 500);
    overload.look({ delay: 190, backlog: 0, now: 150 });
    assert.equal(refusals(overload, initial, 0), 520);
    overload.look({ delay: 0, backlog: 0, now: 200 });
    assert.equal(refusals(overload, initial, 0), 0);
  });

  it('serves a part of what it reads, however much comes, as long as what is worked on is within its bound', () => {
    const overload = flooded(9);
    assert.equal(refusals(overload, initial, 0), 600);
    assert.equal(refusals(overload, refresh, 0), 300);
    assert.equal(refusals(overload, options, 0), 0);
    assert.equal(refusals(overload, initial, 2000), 1000);
  });

  it('a bound of 0 is none', () => {
    const overload = new Overload({ working: 0, delay: 0, backlog: 0, retryAfter: 10 });
    overload.look({ delay: 9000, backlog: 0, now: 0 });
    overload.look({ delay: 9000, backlog: 0, now: 50 });
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
    const look = (now: number) => overload.look({ delay: 0, backlog: 0, now });
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
