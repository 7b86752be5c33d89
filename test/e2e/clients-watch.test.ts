// Tests what real clients send and need when they watch, as captured from pjsua, linphone, libpurple, JsSIP and others.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { newPresentity, Phone } from '../support/phone';
import { RawPeer } from '../support/raw-peer';
import { startRollcall, type TestServer } from '../support/rollcall';
import { fresh, pidf, requestText } from '../support/wire';

for (const transport of ['udp', 'tcp'] as const) {
  describe(`clients that watch over ${transport}`, () => {
    let server: TestServer;
    let phone: Phone;
    let raw: RawPeer;

    before(async () => {
      server = await startRollcall();
      phone = await Phone.open(transport, server);
      raw = phone.peer;
    });
    after(async () => {
      raw.close();
      await server.stop();
    });

    test('a watcher that never registered is notified on its connection or at its source address', async () => {
      // JsSIP and sip.js: an .invalid host; linphone over TCP: a port nobody listens on; behind NAT: a private address.
      const contact = transport === 'tcp' ? '<sip:x@y.invalid;transport=tcp>' : raw.contact();
      const { callId, reply } = await phone.watch(newPresentity(), [`Contact: ${contact}`]);
      assert.equal(reply.status, 202);
      const notify = await raw.notify(callId);
      assert.equal(notify.uri, contact.slice(1, -1));
    });

    test('responses go to the source when the Via says something else and has no rport', async () => {
      const uri = newPresentity();
      const callId = fresh('norport');
      const via = `SIP/2.0/${transport.toUpperCase()} 192.0.2.7:5060`;
      raw.send(requestText({ method: 'OPTIONS', uri, via, callId }).replace(';rport', ''));
      const reply = await raw.next((m) => m.callId === callId);
      assert.match(reply.header('Via') ?? '', /;received=127\.0\.0\.1/);
    });

    test('name-addr without brackets: the tag is a header parameter', async () => {
      const uri = newPresentity();
      const from = `sip:bob@localhost;tag=${fresh('f')}`;
      const { callId, reply } = await phone.watch(uri, [], { from, to: uri });
      assert.equal(reply.status, 202);
      assert.equal(reply.header('From'), from);
      assert.ok(reply.tag('To') !== undefined);
      const notify = await raw.notify(callId);
      assert.equal(notify.tag('To'), /tag=(.*)/.exec(from)?.[1]);
    });

    test('a From and a Contact without user', async () => {
      const { port } = raw.local;
      const contact = `Contact: <sip:127.0.0.1:${port};ob${transport === 'tcp' ? ';transport=tcp' : ''}>`;
      const { callId, reply } = await phone.watch(newPresentity(), [contact], { from: '<sip:127.0.0.1>;tag=nouser' });
      assert.equal(reply.status, 202);
      assert.match((await raw.notify(callId)).uri, new RegExp(`^sip:127\\.0\\.0\\.1:${port};ob`));
    });

    test('header parameters in Contact, quoted commas in them', async () => {
      const more = [
        `Contact: "Bob, \\"B\\"" ${raw.contact('bob')};expires=300;+sip.instance="<urn:uuid:0-1>";methods="MESSAGE, SUBSCRIBE, NOTIFY"`,
      ];
      const { callId, reply } = await phone.watch(newPresentity(), more);
      assert.equal(reply.status, 202);
      assert.equal((await raw.notify(callId)).uri, raw.contact('bob').slice(1, -1));
    });

    test('repeated and compact headers, and two blanks before a number', async () => {
      const uri = newPresentity();
      const { callId, reply } = await phone.watch(uri, [
        'Accept: text/plain',
        'Accept: application/xpidf+xml',
        'Accept: application/pidf+xml',
        'k: replaces, 100rel',
        'Supported: timer',
        'Allow: SUBSCRIBE',
        'Allow: NOTIFY',
        'Expires:  300',
      ]);
      assert.equal(reply.status, 202);
      assert.equal(reply.header('Expires'), '300');
      assert.equal((await raw.notify(callId)).header('Content-Type'), 'application/pidf+xml');
      const compact =
        `PUBLISH ${uri} SIP/2.0\r\nv: ${raw.via};branch=${fresh('z9hG4bK')}\r\nf: <${uri}>;tag=1\r\nt: <${uri}>\r\n` +
        `i: ${fresh('c')}\r\nCSeq: 1 PUBLISH\r\no: presence\r\nc: application/pidf+xml\r\nl:  ${pidf(uri, 'open').length}\r\n\r\n${pidf(uri, 'open')}`;
      raw.send(compact);
      assert.equal((await raw.next((m) => m.status > 0 && m.header('CSeq') === '1 PUBLISH')).status, 200);
    });

    test('no Accept, and Accept with xpidf beside pidf, both get application/pidf+xml', async () => {
      for (const more of [
        [],
        ['Accept: application/pidf+xml, application/xpidf+xml'],
        ['Accept: application/xpidf+xml,application/pidf+xml'],
      ]) {
        const { callId, reply } = await phone.watch(newPresentity(), more);
        assert.equal(reply.status, 202);
        assert.equal((await raw.notify(callId)).header('Content-Type'), 'application/pidf+xml');
      }
    });

    test('a dialog is found by Call-ID and tags whatever the Request-URI, and its CSeq may jump', async () => {
      const uri = newPresentity();
      const from = `<sip:bob@localhost>;tag=${fresh('f')}`;
      const { callId, reply } = await phone.watch(uri, [], { from, cseq: 5 });
      await raw.notify(callId);
      const inDialog = { callId, from, to: `<${uri}>;tag=${reply.tag('To')}` };
      const headers = ['Event: presence', `Contact: ${raw.contact()}`, 'Expires: 200'];
      for (const [target, cseq] of [
        [uri, 19],
        [`sip:someone.else@${'localhost'}`, 1_001_098_391],
      ] as const) {
        const again = await raw.ask({ method: 'SUBSCRIBE', uri: target, headers, cseq, ...inDialog });
        assert.equal(again.status, 202);
        await raw.notify(callId);
      }
      const end = ['Event: presence', `Contact: ${raw.contact()}`, 'Expires: 0'];
      const last = await raw.ask({ method: 'SUBSCRIBE', uri, headers: end, cseq: 1_001_098_400, ...inDialog });
      assert.equal(last.status, 202);
      assert.equal((await raw.notify(callId)).state, 'terminated');
    });

    test('the answer to a SUBSCRIBE has Contact, To tag and Expires, and comes before the NOTIFY with the same Event', async () => {
      const { callId, reply } = await phone.watch(newPresentity(), ['Expires: 90']);
      const notify = await raw.notify(callId);
      assert.ok(reply.header('Contact')?.startsWith('<sip:'));
      assert.ok(reply.tag('To'));
      assert.equal(reply.header('Expires'), '90');
      assert.ok(raw.received.indexOf(reply) < raw.received.indexOf(notify));
      assert.equal(notify.header('Event'), 'presence');
      assert.match(notify.header('Subscription-State') ?? '', /^active;/);
    });

    test('the last NOTIFY may be answered 481 or not at all', async () => {
      const uri = newPresentity();
      const from = `<sip:bob@localhost>;tag=${fresh('f')}`;
      const { callId, reply } = await phone.watch(uri, [], { from });
      await raw.notify(callId);
      raw.answer = (request) => (request.state === 'terminated' ? '481 Gone' : '200 OK');
      const headers = ['Event: presence', `Contact: ${raw.contact()}`, 'Expires: 0'];
      const to = `<${uri}>;tag=${reply.tag('To')}`;
      await raw.ask({ method: 'SUBSCRIBE', uri, callId, from, to, cseq: 2, headers });
      assert.equal((await raw.notify(callId)).header('Subscription-State'), 'terminated;reason=timeout');
      raw.answer = () => '200 OK';
      assert.equal((await phone.watch(uri)).reply.status, 202);
    });

    test('Event: presence;id=… is taken and given back', async () => {
      const { callId, reply } = await phone.watch(newPresentity(), [], {
        headers: ['Event: presence ; id=x1', `Contact: ${raw.contact()}`],
      });
      assert.equal(reply.status, 202);
      assert.equal((await raw.notify(callId)).header('Event')?.replaceAll(' ', ''), 'presence;id=x1');
    });

    test('one phone gone wild cannot take the server with it: too many subscriptions are refused', async () => {
      // baresip 1.0.0 sent 93,000 SUBSCRIBEs in 50 s.
      const uri = newPresentity();
      const replies = await Promise.all(
        Array.from({ length: 60 }, () => phone.watch(uri, [], { from: `<sip:mad@localhost>;tag=${fresh('m')}` })),
      );
      const statuses = new Set(replies.map(({ reply }) => reply.status));
      assert.deepEqual([...statuses].sort(), [202, 403]);
      assert.equal(replies.filter(({ reply }) => reply.status === 202).length, 32, 'max_subscriptions');
    });

    test('a NOTIFY answer may echo every header of the NOTIFY', async () => {
      const uri = newPresentity();
      const peer = await RawPeer.open(transport, server.at(transport));
      peer.answer = () => undefined;
      const callId = fresh('echo');
      await peer.ask({ method: 'SUBSCRIBE', uri, callId, headers: ['Event: presence', `Contact: ${peer.contact()}`] });
      const notify = await peer.notify(callId);
      peer.send(
        notify.text
          .replace(/^NOTIFY .*\r\n/, 'SIP/2.0 200 OK\r\n')
          .replace(/\r\n\r\n[\s\S]*$/, '\r\n\r\n')
          .replace(/Content-Length: *\d+/, 'Content-Length: 0'),
      );
      peer.answer = () => '200 OK';
      await phone.publish(uri, pidf(uri, 'open'));
      assert.equal((await peer.notify(callId)).cseq, notify.cseq + 1);
      peer.close();
    });
  });
}
