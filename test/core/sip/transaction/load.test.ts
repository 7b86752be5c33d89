// Tests overload in the transaction layer: the look at the load, the 503 before the handler, what it says and when it rests.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultOverloadLimits } from '../../../../core/sip/transaction/overload';
import { FakeFlow, request, transactionHarness } from './harness';

/** What waits 800 ms at the rate that is taken when nothing is known: twice the bound. */
const full = 800 * 1536;

/** A server whose receive buffer holds `bytes`, and that has seen it twice. */
function loaded(bytes: number) {
  const h = transactionHarness();
  h.layer.overload.limits = defaultOverloadLimits;
  const flow = new FakeFlow();
  h.transports.waiting = bytes;
  h.receive(request(), flow);
  h.clock.advance(60);
  return { ...h, flow };
}

describe('a server with more requests than it can serve', () => {
  it('answers new ones 503 with Retry-After before anybody works on them', () => {
    const h = loaded(full);
    for (let i = 0; i < 100; i++) h.receive(request(), h.flow);
    assert.equal(h.flow.sent.length, 100);
    assert.equal(h.flow.last.status, 503);
    assert.match(h.flow.last.header('Retry-After') ?? '', /^([5-9]|1[0-5])$/);
    assert.ok(h.flow.last.tag('To'));
    assert.equal(h.handled.length, 1, 'the one that came before the look');
    assert.equal(h.layer.stats.working, 1);
  });

  it('lets in what carries something on, and the question whether it lives', () => {
    const h = loaded(full / 2);
    h.receive(request({ headers: ['SIP-If-Match: abc'] }), h.flow);
    h.receive(request({ method: 'SUBSCRIBE', to: '<sip:alice@example.com>;tag=ours' }), h.flow);
    h.receive(request({ method: 'OPTIONS' }), h.flow);
    assert.equal(h.handled.length, 4);
  });

  it('refuses those as well when nothing else comes, but not OPTIONS', () => {
    const h = loaded(full);
    for (let i = 0; i < 20; i++) {
      h.receive(request({ headers: ['SIP-If-Match: abc'] }), h.flow);
      h.clock.advance(20);
    }
    assert.equal(h.flow.last.status, 503);
    h.receive(request({ method: 'OPTIONS' }), h.flow);
    assert.equal(h.handled.at(-1)?.request.method, 'OPTIONS');
  });

  it('what was refused stays refused when it comes again, for as long as its client may send it again', () => {
    const h = loaded(full);
    const text = request();
    h.receive(text, h.flow);
    assert.equal(h.flow.last.status, 503);
    h.transports.waiting = 0;
    h.clock.advance(31_000);
    h.receive(text, h.flow);
    assert.equal(h.flow.last.status, 503);
    assert.equal(h.flow.sent.length, 2);
    assert.deepEqual(h.layer.overload.refused, { new: 1, known: 0 });
    h.receive(request(), h.flow);
    assert.equal(h.handled.length, 2, 'another one is judged by itself');
    h.clock.advance(3_000);
    h.receive(text, h.flow);
    assert.equal(h.handled.length, 3);
  });

  it('counts requests that are being worked on, whatever the kernel says', () => {
    const h = transactionHarness();
    h.layer.overload.limits = { ...h.layer.overload.limits, working: 4 };
    const flow = new FakeFlow();
    for (let i = 0; i < 20; i++) h.receive(request(), flow);
    assert.equal(h.handled.length, 4);
    assert.deepEqual(h.layer.overload.refused, { new: 16, known: 0 });
  });

  it('says once that it refuses, and once that it is over', () => {
    const h = loaded(full);
    for (let i = 0; i < 10; i++) {
      h.receive(request(), h.flow);
      h.clock.advance(50);
    }
    h.transports.waiting = 0;
    h.clock.advance(6000);
    assert.deepEqual(h.logged, ['more requests than can be served: some get 503', 'the overload is over']);
  });

  it('knows how much it can read from when much came, and learns that it is less only while something waits', () => {
    const h = loaded(0);
    /** Looks, each 20 ms after the last; so many messages are read in each. */
    const looks = (count: number, read: number) => {
      for (let n = 0; n < count; n++) {
        h.receive(request({ headers: ['SIP-If-Match: abc'] }), h.flow);
        h.transports.stats.received += read;
        h.clock.advance(20);
      }
    };
    looks(20, 400);
    looks(50, 20);
    h.transports.waiting = full;
    looks(2, 20);
    assert.deepEqual(h.layer.overload.refused, { new: 0, known: 0 }, 'it can be read in 40 ms');
    assert.ok(h.layer.overload.load.wait < 50);
    looks(30, 20);
    assert.ok(h.layer.overload.load.wait > 400);
    assert.ok(h.layer.overload.refused.known > 0);
  });

  it('rests when nothing comes', () => {
    const h = loaded(0);
    h.clock.advance(200);
    assert.equal(h.wheel.size, 1, 'the look at requests that nobody answers');
  });

  it('counts requests once, and their answers, by method and status', () => {
    const h = loaded(full);
    for (let i = 0; i < 10; i++) h.receive(request(), h.flow);
    h.receive(h.handled[0]?.request.head ?? '', h.flow);
    h.receive(request({ method: 'CANCEL' }), h.flow);
    for (let i = 0; i < 10; i++) h.receive(request({ method: 'INVENTED' }), h.flow);
    assert.deepEqual(
      [...h.layer.served.requests()],
      [
        { method: 'PUBLISH', count: 11 },
        { method: 'CANCEL', count: 1 },
        { method: 'other', count: 10 },
      ],
    );
    assert.deepEqual(
      [...h.layer.served.answers()],
      [
        { method: 'PUBLISH', status: 503, count: 10 },
        { method: 'CANCEL', status: 481, count: 1 },
        { method: 'other', status: 503, count: 10 },
      ],
    );
  });
});
