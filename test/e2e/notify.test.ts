// Tests the NOTIFYs themselves over real sockets: their headers to the byte, their order, and what a bad answer to one does.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RawPeer } from '../support/raw-peer';
import { startRollcall, type TestServer } from '../support/rollcall';
import { etagOf, SipUa } from '../support/sip-ua';
import { fresh, pidf } from '../support/wire';

for (const transport of ['udp', 'tcp'] as const) {
  describe(`NOTIFY over ${transport}`, () => {
    let server: TestServer;
    let ua: SipUa;
    let raw: RawPeer;

    before(async () => {
      // Short timers, so that a watcher that does not answer is given up within the test.
      server = await startRollcall({ core: { sip_t1: 20, sip_t2: 80 } });
      ua = await SipUa.open(transport, server.at(transport), 'sip:bob@localhost');
      raw = await RawPeer.open(transport, server.at(transport));
    });
    after(async () => {
      ua.close();
      raw.close();
      await server.stop();
    });

    const newPresentity = () => `sip:${fresh('p')}@localhost`;

    async function subscribeRaw(presentity: string, more: readonly string[] = []) {
      const callId = fresh('notify');
      const fromTag = fresh('tag');
      const reply = await raw.ask({
        method: 'SUBSCRIBE',
        uri: presentity,
        from: `"Bob" <sip:bob@localhost>;tag=${fromTag}`,
        callId,
        headers: ['Event: presence', `Contact: ${raw.contact('bob')}`, 'Expires: 300', ...more],
      });
      assert.equal(reply.status, 202);
      return { callId, fromTag, toTag: reply.tag('To') };
    }

    test('Request-URI, dialog, Event, Subscription-State and body are those of the subscription', async () => {
      const presentity = newPresentity();
      const { callId, fromTag, toTag } = await subscribeRaw(presentity);
      const notify = await raw.notify(callId);
      assert.equal(notify.startLine, `NOTIFY ${raw.contact('bob').slice(1, -1)} SIP/2.0`);
      assert.equal(notify.tag('From'), toTag);
      assert.equal(notify.tag('To'), fromTag);
      assert.match(notify.header('CSeq') ?? '', /^\d+ NOTIFY$/);
      assert.equal(notify.header('Max-Forwards'), '70');
      assert.equal(notify.header('Event'), 'presence');
      assert.match(notify.header('Subscription-State') ?? '', /^active;expires=(300|299)$/);
      assert.equal(notify.header('Content-Type'), 'application/pidf+xml');
      assert.equal(Number(notify.header('Content-Length')), notify.body.length);
      assert.ok(notify.header('Contact') !== undefined);
      assert.match(notify.header('Via') ?? '', /;branch=z9hG4bK/);
    });

    test('the answer to the SUBSCRIBE comes first, and never in one segment with the NOTIFY', async () => {
      for (let i = 0; i < 20; i++) {
        const { callId } = await subscribeRaw(newPresentity());
        await raw.notify(callId);
        const ours = raw.chunks.filter((chunk) => chunk.includes(callId));
        assert.equal(ours.length, 2);
        assert.match(ours[0] ?? '', /^SIP\/2\.0 202 /);
        assert.match(ours[1] ?? '', /^NOTIFY /);
      }
    });

    test('Route is the Record-Route of the SUBSCRIBE, in order, and the CSeq rises by one each time', async () => {
      const presentity = newPresentity();
      const here = `<sip:127.0.0.1:${raw.local.port};lr${transport === 'tcp' ? ';transport=tcp' : ''}>`;
      const routes = [`Record-Route: ${here}, <sip:p2.example.com;lr>`, 'Record-Route: <sip:p3.example.com;lr;x=y>'];
      const { callId } = await subscribeRaw(presentity, routes);
      const first = await raw.notify(callId);
      assert.equal(first.headers('Route').join(', '), `${here}, <sip:p2.example.com;lr>, <sip:p3.example.com;lr;x=y>`);
      let cseq = first.cseq;
      let etag: string | undefined;
      for (const note of ['one', 'two', 'three']) {
        const options = { body: pidf(presentity, 'open', note), ...(etag === undefined ? {} : { etag }) };
        etag = etagOf(await ua.publish(presentity, options));
        const notify = await raw.notify(callId);
        assert.match(notify.body, new RegExp(note));
        assert.equal(notify.cseq, cseq + 1);
        cseq = notify.cseq;
      }
    });

    test('while a NOTIFY is not answered none follows; what changes meanwhile comes in one', async () => {
      const presentity = newPresentity();
      const watcher = await RawPeer.open(transport, server.at(transport));
      const callId = fresh('slow');
      await watcher.ask({
        method: 'SUBSCRIBE',
        uri: presentity,
        callId,
        headers: ['Event: presence', `Contact: ${watcher.contact()}`],
      });
      const first = await watcher.notify(callId);
      const held: string[] = [];
      watcher.answer = (request) => {
        held.push(request.text);
        return undefined;
      };
      const one = await ua.publish(presentity, { body: pidf(presentity, 'open', 'one') });
      const second = await watcher.notify(callId);
      const two = await ua.publish(presentity, { body: pidf(presentity, 'open', 'two'), etag: etagOf(one) });
      await ua.publish(presentity, { body: pidf(presentity, 'open', 'three'), etag: etagOf(two) });
      watcher.answer = () => '200 OK';
      watcher.send(answerTo(second.text));
      const third = await watcher.notify(callId);
      assert.match(third.body, /three/, 'the state when it is sent, not one NOTIFY a change');
      assert.ok(third.cseq > second.cseq && second.cseq === first.cseq + 1);
      assert.deepEqual(
        watcher.unread((message) => message.callId === callId),
        [],
      );
      watcher.close();
    });

    for (const [answer, ends] of [
      ['481 Subscription Does Not Exist', true],
      ['404 Not Found', true],
      ['405 Method Not Allowed', true],
      ['410 Gone', true],
      ['416 Unsupported URI Scheme', true],
      ['480 Temporarily Unavailable', true],
      ['485 Ambiguous', true],
      ['489 Bad Event', true],
      ['501 Not Implemented', true],
      ['604 Does Not Exist Anywhere', true],
      ['500 Server Internal Error', false],
      ['503 Service Unavailable', false],
    ] as const) {
      test(`a NOTIFY answered ${answer} ${ends ? 'ends' : 'keeps'} the subscription`, async () => {
        const presentity = newPresentity();
        const { dialog } = await ua.subscribe(presentity);
        await dialog.next();
        const [status, ...reason] = answer.split(' ');
        let refused = 0;
        ua.answer = (notify) => {
          if (notify.request.headers['call-id'] !== dialog.callId || refused > 0) return { status: 200, reason: 'OK' };
          refused += 1;
          return { status: Number(status), reason: reason.join(' ') };
        };
        await ua.publish(presentity, { body: pidf(presentity, 'open') });
        await dialog.next();
        // Same socket, so the server has our answer before it has this.
        assert.equal((await dialog.send(120)).status, ends ? 481 : 202);
      });
    }

    test('a NOTIFY answered 503 with Retry-After is sent again by itself, with the state of then', async () => {
      const presentity = newPresentity();
      const { dialog } = await ua.subscribe(presentity);
      await dialog.next();
      let refused = 0;
      ua.answer = (notify) => {
        const ours = notify.request.headers['call-id'] === dialog.callId && refused++ === 0;
        return ours ? { status: 503, reason: 'Busy', headers: { 'retry-after': '1' } } : { status: 200, reason: 'OK' };
      };
      const etag = etagOf(await ua.publish(presentity, { body: pidf(presentity, 'open', 'one') }));
      const first = await dialog.next();
      await ua.publish(presentity, { etag, body: pidf(presentity, 'open', 'two') });
      const again = await dialog.next();
      assert.match(again.body, /two/);
      assert.ok(again.cseq > first.cseq);
    });

    test('a watcher that does not answer at all loses its subscription, and winfo says why', async () => {
      const presentity = newPresentity();
      const { dialog: winfo } = await ua.subscribe(presentity, { event: 'presence.winfo' });
      await winfo.next();
      const { dialog } = await ua.subscribe(presentity);
      await dialog.next();
      assert.match((await winfo.next()).body, /status="active"/);
      ua.answer = (notify) =>
        notify.request.headers['call-id'] === dialog.callId ? undefined : { status: 200, reason: 'OK' };
      await ua.publish(presentity, { body: pidf(presentity, 'open') });
      await dialog.next();
      await winfo.until((notify) => !notify.body.includes('status="active"'));
      assert.equal((await dialog.send(120)).status, 481);
    });
  });
}

function answerTo(notify: string): string {
  const [, ...lines] = notify.slice(0, notify.indexOf('\r\n\r\n')).split('\r\n');
  const copied = lines.filter((line) => /^(Via|From|To|Call-ID|CSeq):/i.test(line));
  return `SIP/2.0 200 OK\r\n${copied.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`;
}
