// Owns what a client sees of server transactions: once to the handler, the same reply to the same request, bounds.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answer, FakeFlow, request, transactionHarness } from './harness';

const branch = 'z9hG4bKone';

describe('server transactions', () => {
  it('hand a request to the handler once and absorb its retransmissions while it works', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const text = request({ branch });
    for (let i = 0; i < 3; i++) h.receive(text, flow);
    assert.equal(h.handled.length, 1);
    assert.deepEqual(flow.sent, []);
    assert.equal(h.layer.stats.retransmissions, 2);
  });

  it('answer a retransmission with the same bytes until timer J has run, 32 s on udp', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const text = request({ branch });
    h.receive(text, flow);
    answer(h.handled[0]);
    h.clock.advance(31_900, 1000);
    h.receive(text, flow);
    assert.equal(h.handled.length, 1);
    assert.equal(flow.sent.length, 2);
    assert.deepEqual(flow.sent[1], flow.sent[0]);
    h.clock.advance(1200, 100);
    assert.equal(h.layer.stats.kept, 0);
    h.receive(text, flow);
    assert.equal(h.handled.length, 2);
  });

  it('keep nothing on streams, where nobody retransmits', () => {
    const h = transactionHarness();
    const flow = new FakeFlow('tcp');
    const text = request({ branch });
    h.receive(text, flow);
    answer(h.handled[0]);
    assert.equal(h.layer.stats.kept, 0);
    h.receive(text, flow);
    assert.equal(h.handled.length, 2);
  });

  it('keep nothing of a stateless reply: the retransmission is a new request', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const text = request({ branch });
    h.receive(text, flow);
    answer(h.handled[0], 401, false);
    h.receive(text, flow);
    assert.equal(h.handled.length, 2);
    assert.equal(h.layer.stats.kept, 0);
  });

  it('repeat the last provisional reply while working', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const text = request({ branch });
    h.receive(text, flow);
    answer(h.handled[0], 100);
    assert.equal(h.handled[0]?.answered, false);
    h.receive(text, flow);
    assert.equal(flow.sent.length, 2);
    assert.deepEqual(flow.sent[1], flow.sent[0]);
    answer(h.handled[0], 200);
    assert.equal(h.handled[0]?.answered, true);
    h.receive(text, flow);
    assert.equal(new Set(flow.texts).size, 2);
    assert.match(flow.texts[3] ?? '', /^SIP\/2.0 200 /);
  });

  it('log and drop a second final reply', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    h.receive(request(), flow);
    answer(h.handled[0], 200);
    answer(h.handled[0], 500);
    assert.equal(flow.sent.length, 1);
    assert.deepEqual(h.logged, ['a second final reply was dropped']);
  });

  it('tell requests apart by branch, sent-by host and port, method, CSeq number and source address', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const via = (host: string) => `SIP/2.0/UDP ${host}`;
    const same = { branch, cseq: 7, via: via('10.0.0.1:5070') };
    h.receive(request(same), flow);
    answer(h.handled[0]);
    const others = [
      request({ ...same, branch: `${branch}x` }),
      request({ ...same, via: via('10.0.0.2:5070') }),
      request({ ...same, via: via('10.0.0.1:5071') }),
      request({ ...same, via: via('10.0.0.1') }),
      request({ ...same, method: 'SUBSCRIBE' }),
      // libpurple repeats a challenged request so
      request({ ...same, cseq: 8 }),
    ];
    for (const [i, other] of others.entries()) {
      h.receive(other, flow);
      assert.equal(h.handled.length, i + 2);
    }
    // Two libpurple processes make the same branches in the same order.
    h.receive(request(same), new FakeFlow('udp', { address: '192.0.2.8', port: 4321 }));
    assert.equal(h.handled.length, others.length + 2);
    h.receive(request(same), flow);
    assert.equal(h.handled.length, others.length + 2);
  });

  it('match RFC 2543 requests, without the magic cookie, by Request-URI, tags, Call-ID, CSeq and Via', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const same = { branch: '1', callId: 'a', cseq: 1 };
    h.receive(request(same), flow);
    h.receive(request(same), flow);
    assert.equal(h.handled.length, 1);
    const others = [
      request({ ...same, callId: 'b' }),
      request({ ...same, cseq: 2 }),
      request({ ...same, uri: 'sip:bob@example.com' }),
      request({ ...same, from: '<sip:alice@example.com>;tag=g' }),
      request({ ...same, to: '<sip:alice@example.com>;tag=g' }),
      request({ ...same, branch: '2' }),
    ];
    for (const [i, other] of others.entries()) {
      h.receive(other, flow);
      assert.equal(h.handled.length, i + 2);
    }
  });

  it('match requests whose branch is very long, at a bounded price', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const long = `z9hG4bK${'x'.repeat(20_000)}`;
    h.receive(request({ branch: `${long}a` }), flow);
    h.receive(request({ branch: `${long}b` }), flow);
    h.receive(request({ branch: `${long}a` }), flow);
    assert.equal(h.handled.length, 2);
  });

  it('never answer an ACK nor hand it to the handler', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    h.receive(request({ method: 'INVITE', branch }), flow);
    answer(h.handled[0], 405);
    h.receive(request({ method: 'ACK', branch }), flow);
    h.receive(request({ method: 'ACK', headers: ['Require: nonsense'] }), flow);
    h.receive(request({ method: 'ACK', headers: ['Content-Length: 77'], without: ['x'] }), flow);
    assert.equal(h.handled.length, 1);
    assert.equal(flow.sent.length, 1);
  });

  it('answer a CANCEL 481 without a transaction, and 200 with one, which goes on untouched', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    h.receive(request({ method: 'CANCEL', branch }), flow);
    assert.equal(flow.last.status, 481);
    for (const [i, method] of ['INVITE', 'PUBLISH'].entries()) {
      const parts = { branch: `${branch}${i}`, cseq: i + 1 };
      h.receive(request({ ...parts, method }), flow);
      h.receive(request({ ...parts, method: 'CANCEL' }), flow);
      assert.equal(flow.last.startLine, 'SIP/2.0 200 OK');
      answer(h.handled.at(-1));
      h.receive(request({ ...parts, method: 'CANCEL' }), flow);
      assert.equal(flow.last.startLine, 'SIP/2.0 200 OK', 'a completed one counts as well');
    }
    assert.equal(h.handled.length, 2);
  });

  it('answer a bad message with its status and reason, and with the same To tag each time', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const bad = request({ branch }).replace('CSeq: 1 PUBLISH', 'CSeq: one PUBLISH');
    h.receive(bad, flow);
    h.receive(bad, flow);
    assert.equal(flow.last.startLine, 'SIP/2.0 400 Bad CSeq');
    assert.match(flow.last.tag('To') ?? '', /^[0-9a-f]{16}$/);
    assert.match(flow.last.header('Via') ?? '', /;received=192\.0\.2\.7;rport=4321/);
    assert.deepEqual(flow.sent[0], flow.sent[1]);
    assert.equal(h.handled.length, 0);
  });

  it('answer another SIP version 505', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    h.receive(request().replace('SIP/2.0\r\n', 'SIP/7.0\r\n'), flow);
    assert.equal(flow.last.status, 505);
  });

  it('never answer a bad response', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    h.receive('SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx\r\n\r\n', flow);
    h.receive('SIP/3.0 200 OK\r\n\r\n', flow);
    h.receive('nonsense', flow);
    assert.deepEqual(flow.sent, []);
  });

  it('answer 420 with Unsupported to what Require names and nobody supports', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const remove = h.layer.options.add('EventList');
    const text = request({ headers: ['Require: eventlist, recipient-list-subscribe', 'Require: foo'] });
    h.receive(text, flow);
    assert.equal(flow.last.startLine, 'SIP/2.0 420 Bad Extension');
    assert.equal(flow.last.header('Unsupported'), 'recipient-list-subscribe, foo');
    assert.equal(h.handled.length, 0);
    h.receive(request({ headers: ['Require: eventlist'] }), flow);
    assert.equal(h.handled.length, 1);
    remove();
    remove();
    h.receive(request({ headers: ['Require: eventlist'] }), flow);
    assert.equal(flow.last.header('Unsupported'), 'eventlist');
  });

  it('do not ask what a CANCEL requires', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    h.receive(request({ method: 'CANCEL', headers: ['Require: foo'] }), flow);
    assert.equal(flow.last.status, 481);
  });

  it('answer 500 when the handler throws, and log it', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    h.layer.onRequest(() => {
      throw new Error('boom');
    });
    const text = request();
    h.receive(text, flow);
    assert.equal(flow.last.status, 500);
    h.receive(text, flow);
    assert.deepEqual(flow.sent[0], flow.sent[1]);
    assert.deepEqual(h.logged, ['handling a request failed']);
  });

  it('answer 503 when too many requests are being worked on', () => {
    const h = transactionHarness({ maxWorking: 2 });
    const flow = new FakeFlow();
    for (let i = 0; i < 3; i++) h.receive(request(), flow);
    assert.equal(h.handled.length, 2);
    assert.equal(flow.last.status, 503);
    assert.match(flow.last.header('Retry-After') ?? '', /^([5-9]|1[0-5])$/);
    answer(h.handled[0]);
    h.receive(request(), flow);
    assert.equal(h.handled.length, 3);
  });

  it('give up a request that nobody answers once its client has', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const text = request({ branch });
    h.receive(text, flow);
    h.clock.advance(64_100, 100);
    assert.equal(h.layer.stats.working, 0);
    assert.deepEqual(h.logged, ['requests were never answered']);
    h.receive(text, flow);
    answer(h.handled[0]);
    assert.equal(h.layer.stats.working, 1, 'a late answer does not end the transaction that took its place');
    h.clock.advance(200);
    assert.equal(h.wheel.size, 1);
  });

  it('send a reply to the port of the sent-by when the connection has gone', async () => {
    const h = transactionHarness();
    const flow = new FakeFlow('tcp', { address: '192.0.2.7', port: 40_000 });
    h.receive(request({ via: 'SIP/2.0/TCP phone.example.com:5075' }), flow);
    h.receive(request({ via: 'SIP/2.0/TCP phone.example.com' }), flow);
    flow.failure = new Error('gone');
    answer(h.handled[0]);
    answer(h.handled[1]);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      h.transports.opened.map((opened) => [opened.key, opened.last.status]),
      [
        ['tcp:127.0.0.1:5060>192.0.2.7:5075', 200],
        ['tcp:127.0.0.1:5060>192.0.2.7:5060', 200],
      ],
    );
  });
});
