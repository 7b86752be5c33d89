// Owns the seeded fuzz of stream connections: whatever the cuts and the damage, nothing is lost, nothing is left behind.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connected, message, until } from './harness';

/** The same numbers in every run: at least 0, below `below`. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a stream', () => {
  it('gives every message once, in order, through 300 messages, keep-alives between them, and random cuts', async (t) => {
    const { h, peer } = await connected(t);
    const draw = numbers(1);
    let text = '';
    for (let i = 0; i < 300; i++) {
      text += '\r\n'.repeat(draw(4) === 0 ? draw(5) : 0);
      text += message(peer.via, { cseq: i + 1, body: 'b'.repeat(draw(3) === 0 ? 0 : draw(2000)) });
    }
    for (let at = 0; at < text.length; ) {
      const size = 1 + draw(draw(2) === 0 ? 40 : 5000);
      peer.send(text.slice(at, at + size));
      at += size;
      if (draw(3) === 0) await turn();
    }
    await h.arrival(299);
    const cseqs = h.arrivals.map(({ received }) => (received.kind === 'request' ? received.message.cseq.number : -1));
    assert.deepEqual(
      cseqs,
      Array.from({ length: 300 }, (_, i) => i + 1),
    );
  });

  it('with damaged bytes ends or goes on, and leaves neither connection nor timer nor a deaf server', async (t) => {
    const { h, point, peer } = await connected(t, { maxHeadBytes: 4000, maxBodyBytes: 4000 });
    const draw = numbers(2);
    for (let round = 0; round < 150; round++) {
      const damaged = await h.peer(point);
      const bytes = Buffer.from(message(damaged.via, { body: 'body' }).repeat(2), 'latin1');
      for (let i = 0; i <= draw(8); i++) {
        const at = draw(bytes.length);
        switch (draw(3)) {
          case 0:
            bytes[at] = draw(256);
            break;
          case 1:
            bytes.copy(bytes, at, draw(bytes.length));
            break;
          default:
            bytes.fill(draw(2) === 0 ? 0x0d : 0x39, at, Math.min(bytes.length, at + draw(20)));
        }
      }
      const cut = draw(bytes.length);
      damaged.send(bytes.subarray(0, cut));
      if (draw(2) === 0) await turn();
      damaged.send(bytes.subarray(cut));
      if (draw(2) === 0) await turn();
      damaged.close();
    }
    const before = h.arrivals.length;
    peer.send(message(peer.via));
    await until(() => h.arrivals.slice(before).some(({ flow }) => flow.remote.port === peer.local.port), 'the message');
    await until(() => {
      h.clock.advance(100);
      return h.transports.stats.connections === 1;
    }, 'the end of the damaged connections');
    assert.equal(h.wheel.size, 1, 'the idle timer of the connection that is left');
  });
});
