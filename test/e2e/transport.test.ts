// Tests what the SIP core owes every client over real sockets: framing, keep-alives, responses, and the refusals of RFC 3261.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RawPeer } from '../support/raw-peer';
import { startRollcall, type TestServer } from '../support/rollcall';
import { fresh, requestText, WireMessage } from '../support/wire';

const uri = 'sip:alice@localhost';

for (const transport of ['udp', 'tcp'] as const) {
  describe(`the SIP core over ${transport}`, () => {
    let server: TestServer;
    let raw: RawPeer;

    before(async () => {
      server = await startRollcall();
      raw = await RawPeer.open(transport, server.at(transport));
    });
    after(async () => {
      raw.close();
      await server.stop();
    });

    const options = (more: object = {}) => raw.ask({ method: 'OPTIONS', uri, ...more });

    test('a response copies Via, From, To, Call-ID and CSeq, and adds received, rport and a To tag', async () => {
      const via = `SIP/2.0/${transport.toUpperCase()} phone.invalid:5099`;
      const callId = fresh('copy');
      const from = '"A, \\"quoted\\" ; name" <sip:a@b.example;p=q>;x="y;z";tag=f1';
      const reply = await raw.ask({ method: 'OPTIONS', uri, via, callId, from, to: '<sip:alice@localhost>', cseq: 77 });
      assert.equal(reply.status, 200);
      assert.equal(reply.header('From'), from);
      assert.equal(reply.header('CSeq'), '77 OPTIONS');
      assert.equal(reply.header('Call-ID'), callId);
      assert.match(reply.header('Via') ?? '', /^SIP\/2\.0\/(UDP|TCP) phone\.invalid:5099;/);
      assert.match(reply.header('Via') ?? '', /;received=127\.0\.0\.1/);
      assert.match(reply.header('Via') ?? '', new RegExp(`;rport=${raw.local.port}`));
      assert.ok(reply.tag('To') !== undefined);
      assert.equal(reply.header('Content-Length'), '0');
    });

    test('several Via lines come back in order, only the first changed', async () => {
      const text = requestText({ method: 'OPTIONS', uri, via: raw.via, callId: fresh('vias') }).replace(
        'Max-Forwards:',
        'Via: SIP/2.0/UDP one.example;branch=z9hG4bK1, SIP/2.0/UDP two.example\r\nv: SIP/2.0/TCP three.example\r\nMax-Forwards:',
      );
      raw.send(text);
      const reply = await raw.next((m) => m.status === 200 && m.callId === new WireMessage(text).callId);
      const vias = [...reply.head.matchAll(/^(?:Via|v): (.*)$/gim)].map((match) => match[1]?.trim()).join(', ');
      assert.match(vias, /one\.example;branch=z9hG4bK1, ?SIP\/2\.0\/UDP two\.example, ?SIP\/2\.0\/TCP three\.example$/);
    });

    test('keep-alives are no messages: CRLF, double CRLF, NUL and an empty datagram', async () => {
      for (const bytes of ['\r\n', '\r\n\r\n', transport === 'udp' ? '\0' : '\r\n', transport === 'udp' ? '' : '\r\n'])
        raw.send(bytes);
      assert.equal((await options()).status, 200);
      if (transport === 'tcp')
        assert.ok(
          raw.chunks.some((chunk) => chunk.startsWith('\r\n')),
          'RFC 5626 pong',
        );
    });

    test('Max-Forwards 0 is answered 483, and a method without a route 405 with Allow', async () => {
      const none = await options({ without: ['Max-Forwards'], headers: ['Max-Forwards: 0'] });
      assert.equal(none.status, 483);
      const unknown = await raw.ask({ method: 'DANCE', uri });
      assert.equal(unknown.status, 405);
      assert.match(unknown.header('Allow') ?? '', /\bPUBLISH\b/);
      assert.match(unknown.header('Allow') ?? '', /\bSUBSCRIBE\b/);
    });

    test('an extension that is required and unknown is answered 420 with Unsupported', async () => {
      const reply = await options({ headers: ['Require: nonsense, recipient-list-subscribe'] });
      assert.equal(reply.status, 420);
      assert.match(reply.header('Unsupported') ?? '', /nonsense, ?recipient-list-subscribe/);
    });

    test('another version of SIP is answered 505', async () => {
      const text = requestText({ method: 'OPTIONS', uri, via: raw.via, callId: fresh('v3') });
      raw.send(text.replace(' SIP/2.0\r\n', ' SIP/3.0\r\n'));
      const reply = await raw.next((m) => m.callId === new WireMessage(text).callId);
      assert.equal(reply.status, 505);
    });

    test('a retransmission is answered with the same bytes', async () => {
      const parts = { branch: fresh('z9hG4bK'), callId: fresh('again'), from: '<sip:a@b>;tag=x' };
      const first = await options(parts);
      const second = await options(parts);
      assert.equal(second.text, first.text);
    });

    test('a CANCEL that matches nothing is answered 481, an ACK never', async () => {
      assert.equal((await raw.ask({ method: 'CANCEL', uri })).status, 481);
      const callId = fresh('ack');
      raw.send(requestText({ method: 'ACK', uri, via: raw.via, callId }));
      assert.equal((await options()).status, 200);
      assert.deepEqual(
        raw.unread((m) => m.callId === callId),
        [],
      );
    });

    test('a response to nothing is dropped', async () => {
      raw.send(
        `SIP/2.0 200 OK\r\nVia: ${raw.via};branch=z9hG4bKnone\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n` +
          'Call-ID: nothing\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n',
      );
      assert.equal((await options()).status, 200);
    });
  });
}

test('a datagram shorter than its Content-Length is answered 400, what lies behind it is not read', async () => {
  const server = await startRollcall();
  const peer = await RawPeer.open('udp', server.at('udp'));
  const options = (length: string) =>
    peer.ask({
      method: 'OPTIONS',
      uri,
      without: ['Content-Length'],
      headers: [`Content-Length: ${length}`],
      body: 'abc',
    });
  assert.equal((await options('4')).status, 400);
  assert.equal((await options('3')).status, 200);
  assert.equal((await options('1')).status, 200);
  peer.close();
  await server.stop();
});

describe('streams', () => {
  let server: TestServer;
  before(async () => {
    server = await startRollcall();
  });
  after(() => server.stop());

  const message = (peer: RawPeer, callId: string) => requestText({ method: 'OPTIONS', uri, via: peer.via, callId });

  test('many messages in one segment are answered one by one', async () => {
    const peer = await RawPeer.open('tcp', server.at('tcp'));
    const ids = Array.from({ length: 20 }, () => fresh('many'));
    peer.send(ids.map((id) => message(peer, id)).join('\r\n'));
    for (const id of ids) assert.equal((await peer.next((m) => m.callId === id)).status, 200);
    peer.close();
  });

  test('one message in many segments, cut anywhere, is one message', async () => {
    const peer = await RawPeer.open('tcp', server.at('tcp'));
    for (const step of [1, 7, 64]) {
      const id = fresh('cut');
      const text = message(peer, id);
      for (let at = 0; at < text.length; at += step) {
        peer.send(text.slice(at, at + step));
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal((await peer.next((m) => m.callId === id)).status, 200);
    }
    peer.close();
  });

  test('a stream that is no SIP is closed or read on, never waited for, and the others live on', async () => {
    const other = await RawPeer.open('tcp', server.at('tcp'));
    for (const noise of [
      `GET / HTTP/1.1\r\nHost: x\r\n\r\n`,
      'x'.repeat(200_000),
      'OPTIONS sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n',
    ]) {
      const peer = await RawPeer.open('tcp', server.at('tcp'));
      peer.send(noise);
      const id = fresh('behind');
      peer.send(message(peer, id));
      await Promise.race([peer.closed, peer.next((m) => m.callId === id)]);
      peer.close();
    }
    const id = fresh('alive');
    other.send(message(other, id));
    assert.equal((await other.next((m) => m.callId === id)).status, 200);
    other.close();
  });
});

test('IPv6: requests are answered and watchers notified on ::1', async () => {
  const server = await startRollcall({ listen: ['udp:[::1]:0', 'tcp:[::1]:0'] });
  for (const transport of ['udp', 'tcp'] as const) {
    const peer = await RawPeer.open(transport, server.at(transport));
    const callId = fresh('six');
    const headers = ['Event: presence', `Contact: ${peer.contact()}`];
    const reply = await peer.ask({ method: 'SUBSCRIBE', uri, callId, headers });
    assert.equal(reply.status, 202);
    assert.match(reply.header('Contact') ?? '', /\[::1\]/);
    const notify = await peer.notify(callId);
    assert.match(notify.header('Via') ?? '', /\[::1\]:\d+;/);
    peer.close();
  }
  await server.stop();
});
