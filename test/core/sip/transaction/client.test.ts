// Owns what client transactions promise: timers E, F and K, the match of responses, and one outcome each.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClientOutcome } from '../../../../core/sip/transaction/layer';
import { responseText } from '../../../support/wire';
import { FakeFlow, type TransactionHarness, transactionHarness } from './harness';

function notify(h: TransactionHarness, flow: FakeFlow) {
  const outcomes: ClientOutcome[] = [];
  const call = h.layer.request({
    flow,
    method: 'NOTIFY',
    render: (via) =>
      Buffer.from(
        `NOTIFY sip:bob@192.0.2.7 SIP/2.0\r\nVia: ${via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n` +
          `Call-ID: x\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n`,
      ),
    onFinal: (outcome) => outcomes.push(outcome),
  });
  const sent = flow.last;
  const respond = (status: number, change: (text: string) => string = (text) => text) =>
    h.receive(change(responseText(sent, status, 'Reason')), flow);
  return { outcomes, call, respond, sent };
}

/** Times, ms from the start, at which something was sent in `ms` from now. */
function sendTimes(h: TransactionHarness, flow: FakeFlow, ms: number): number[] {
  const start = h.clock.now();
  const times: number[] = [];
  for (let seen = flow.sent.length; h.clock.now() < start + ms; ) {
    h.clock.advance(10);
    for (; seen < flow.sent.length; seen++) times.push(h.clock.now() - start);
  }
  return times;
}

const near = (times: number[], expected: number[]) => {
  assert.equal(times.length, expected.length, `sent at ${times}`);
  for (const [i, time] of times.entries()) assert.ok(Math.abs(time - (expected[i] ?? 0)) <= 100, `sent at ${times}`);
};

describe('client transactions', () => {
  it('write a Via with transport, sent-by, an unguessable branch with the magic cookie, and rport', () => {
    const h = transactionHarness();
    const udp = notify(h, new FakeFlow());
    assert.equal(udp.sent.header('Via'), `SIP/2.0/UDP 127.0.0.1:5060;branch=${udp.call.branch};rport`);
    assert.match(udp.call.branch, /^z9hG4bKtoken\d+[0-9a-v]{5}$/);
    const tcp = notify(h, new FakeFlow('tcp'));
    assert.match(tcp.sent.header('Via') ?? '', /^SIP\/2\.0\/TCP /);
    assert.notEqual(tcp.call.branch, udp.call.branch);
  });

  it('retransmit on udp after T1, doubling up to T2, the same bytes, and time out after 64*T1', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const { outcomes } = notify(h, flow);
    near(sendTimes(h, flow, 31_900), [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert.equal(new Set(flow.texts).size, 1);
    assert.deepEqual(outcomes, []);
    h.clock.advance(200);
    assert.deepEqual(outcomes, [{ failure: 'timeout' }]);
    assert.equal(h.layer.stats.pending, 0);
    assert.deepEqual(sendTimes(h, flow, 10_000), []);
  });

  it('never retransmit on a stream, and time out there too', () => {
    const h = transactionHarness();
    const flow = new FakeFlow('tcp');
    const { outcomes } = notify(h, flow);
    assert.deepEqual(sendTimes(h, flow, 31_900), []);
    h.clock.advance(200);
    assert.deepEqual(outcomes, [{ failure: 'timeout' }]);
  });

  it('retransmit every T2 after a provisional response, and still time out', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const { outcomes, respond } = notify(h, flow);
    respond(100);
    assert.deepEqual(outcomes, []);
    near(sendTimes(h, flow, 31_900), [500, 4500, 8500, 12_500, 16_500, 20_500, 24_500, 28_500]);
    h.clock.advance(200);
    assert.deepEqual(outcomes, [{ failure: 'timeout' }]);
  });

  it('end with the first final response, and send no more', () => {
    for (const status of [200, 302, 481, 500, 603]) {
      const h = transactionHarness();
      const flow = new FakeFlow();
      const { outcomes, respond } = notify(h, flow);
      respond(status);
      respond(status);
      assert.equal(outcomes.length, 1);
      assert.equal(outcomes[0]?.response?.status, status);
      assert.deepEqual(sendTimes(h, flow, 40_000), []);
      assert.equal(h.wheel.size, 0);
    }
  });

  it('absorb retransmissions of a final response however late, and nothing that is not theirs', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const seen: boolean[] = [];
    h.layer.onResponse((_response, _flow, matched) => seen.push(matched));
    const { respond } = notify(h, flow);
    respond(200);
    h.clock.advance(60_000, 1000);
    respond(200);
    assert.deepEqual(seen, [true]);
    respond(200, (text) => text.replace('z9hG4bKtoken', 'z9hG4bKforged'));
    assert.deepEqual(seen, [true, false]);
    assert.equal(h.layer.stats.strayResponses, 1);
  });

  it('show every response to the response handler before the outcome', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const order: string[] = [];
    h.layer.onResponse((response, _flow, matched) => order.push(`${response.status} ${matched}`));
    const { outcomes, respond } = notify(h, flow);
    respond(180);
    respond(200);
    assert.deepEqual(order, ['180 true', '200 true']);
    assert.equal(outcomes.length, 1);
  });

  it('take an outcome although the response handler throws', () => {
    const h = transactionHarness();
    h.layer.onResponse(() => {
      throw new Error('boom');
    });
    const { outcomes, respond } = notify(h, new FakeFlow());
    respond(200);
    assert.equal(outcomes.length, 1);
    assert.deepEqual(h.logged, ['handling a response failed']);
  });

  it('match by branch and CSeq method: anything else is stray', () => {
    const h = transactionHarness();
    const { outcomes, respond, call } = notify(h, new FakeFlow());
    respond(200, (text) => text.replace(call.branch, 'z9hG4bKother'));
    respond(200, (text) => text.replace(`;branch=${call.branch}`, ''));
    respond(200, (text) => text.replace('CSeq: 1 NOTIFY', 'CSeq: 1 PUBLISH'));
    respond(200, (text) => text.replace('CSeq: 1 NOTIFY', 'CSeq: 1 NOTIF'));
    assert.deepEqual(outcomes, []);
    assert.equal(h.layer.stats.strayResponses, 4);
    respond(200);
    assert.equal(outcomes.length, 1);
  });

  it('drop a response whose top Via is not ours, before anybody sees it', () => {
    const h = transactionHarness();
    let seen = 0;
    h.layer.onResponse(() => seen++);
    const { outcomes, respond } = notify(h, new FakeFlow());
    respond(200, (text) => text.replace('127.0.0.1:5060', '192.0.2.99:5060'));
    respond(200, (text) => text.replace('127.0.0.1:5060', '127.0.0.1:5061'));
    assert.deepEqual(outcomes, []);
    assert.equal(seen, 0);
  });

  it('fail at once on a transport error, never inside request', async () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    flow.failure = new Error('EMSGSIZE');
    const { outcomes } = notify(h, flow);
    assert.deepEqual(outcomes, []);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(outcomes, [{ failure: 'transport' }]);
    h.clock.advance(20_000);
    assert.equal(outcomes.length, 1);
    assert.equal(h.wheel.size, 0);
  });

  it('fail at once when their connection closes, and only those on it', () => {
    const h = transactionHarness();
    const flow = new FakeFlow('tcp');
    const first = notify(h, flow);
    const second = notify(h, flow);
    const other = notify(h, new FakeFlow('tcp'));
    first.respond(200);
    for (const handler of h.transports.closed) handler(flow);
    assert.equal(first.outcomes.length, 1);
    assert.deepEqual(second.outcomes, [{ failure: 'transport' }]);
    assert.deepEqual(other.outcomes, []);
  });

  it('let who is told of a closed connection try again on it, each once', () => {
    const h = transactionHarness();
    const flow = new FakeFlow('tcp');
    let tries = 0;
    const again = () => {
      tries++;
      h.layer.request({
        flow,
        method: 'NOTIFY',
        render: (via) => Buffer.from(`NOTIFY x SIP/2.0\r\nVia: ${via}\r\n`),
        onFinal: again,
      });
    };
    again();
    again();
    for (const handler of h.transports.closed) handler(flow);
    assert.equal(tries, 4);
  });

  it('forget a cancelled request: nothing sent, nothing called', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const { outcomes, call, respond } = notify(h, flow);
    call.cancel();
    call.cancel();
    respond(200);
    assert.deepEqual(sendTimes(h, flow, 40_000), []);
    assert.deepEqual(outcomes, []);
    assert.equal(h.layer.stats.pending, 0);
    assert.equal(h.wheel.size, 0);
  });

  it('give an error of render to the caller and begin nothing', () => {
    const h = transactionHarness();
    const render = () => {
      throw new Error('no body');
    };
    assert.throws(
      () => h.layer.request({ flow: new FakeFlow(), method: 'NOTIFY', render, onFinal: () => assert.fail() }),
      /no body/,
    );
    assert.equal(h.layer.stats.pending, 0);
    assert.equal(h.wheel.size, 0);
  });

  it('log an outcome whose taking throws', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const call = h.layer.request({
      flow,
      method: 'NOTIFY',
      render: (via) => Buffer.from(`NOTIFY sip:b@c SIP/2.0\r\nVia: ${via}\r\n\r\n`),
      onFinal: () => {
        throw new Error('boom');
      },
    });
    assert.ok(call.branch);
    h.clock.advance(33_000, 100);
    assert.deepEqual(h.logged, ['taking the outcome of a request failed']);
  });

  it('hold one timer each at most, 10,000 at a time', () => {
    const h = transactionHarness();
    const flow = new FakeFlow();
    const calls = [];
    for (let i = 0; i < 10_000; i++) calls.push(notify(h, flow));
    assert.equal(h.wheel.size, 10_000);
    h.clock.advance(1600);
    assert.equal(h.wheel.size, 10_000);
    assert.equal(flow.sent.length, 30_000);
    for (const call of calls) call.respond(200);
    assert.equal(h.wheel.size, 0);
    assert.ok(calls.every((call) => call.outcomes.length === 1));
  });
});
