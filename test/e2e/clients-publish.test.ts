// Tests what real clients send and need when they publish, as captured from pjsua, baresip, linphone, libpurple and others.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ifMatch, newPresentity, Phone } from '../support/phone';
import { RawPeer } from '../support/raw-peer';
import { startRollcall, type TestServer } from '../support/rollcall';
import { fresh, pidf } from '../support/wire';

for (const transport of ['udp', 'tcp'] as const) {
  describe(`clients that publish over ${transport}`, () => {
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

    if (transport === 'udp') {
      test('a request without Content-Length is whole: linphone takes its presence back that way', async () => {
        const uri = newPresentity();
        const published = await phone.publish(uri, pidf(uri, 'open'));
        const removed = await phone.publish(uri, undefined, ['Expires: 0', ifMatch(published)], {
          without: ['Content-Length'],
        });
        assert.equal(removed.status, 200);
        const { reply } = await phone.watch(uri, [], { without: ['Content-Length'] });
        assert.equal(reply.status, 202);
      });
    }

    test('a PUBLISH without Expires gets Expires and SIP-ETag, and so does every other 200', async () => {
      const uri = newPresentity();
      let reply = await phone.publish(uri, pidf(uri, 'open'));
      for (const body of [undefined, pidf(uri, 'closed')]) {
        assert.equal(reply.status, 200);
        assert.equal(reply.header('Expires'), '3600');
        assert.ok((reply.header('SIP-ETag') ?? '').length > 0);
        reply = await phone.publish(uri, body, [ifMatch(reply)]);
      }
      const removed = await phone.publish(uri, undefined, [ifMatch(reply), 'Expires: 0']);
      assert.equal(removed.header('Expires'), '0');
    });

    test('short times are granted, not refused with 423', async () => {
      const uri = newPresentity();
      assert.equal((await phone.publish(uri, pidf(uri, 'open'), ['Expires: 60'])).header('Expires'), '60');
      assert.equal((await phone.watch(uri, ['Expires: 60'])).reply.header('Expires'), '60');
    });

    test('two programs with the same Call-ID, tags and branch on two sockets are two clients', async () => {
      // libpurple never seeds its generator: every process says the same.
      const other = await RawPeer.open(transport, server.at(transport));
      const same = { branch: 'z9hG4bK3A3F5C8D0', callId: fresh('purple'), cseq: 4 };
      const alice = newPresentity();
      const bob = newPresentity();
      const headers = ['Event: presence', 'Content-Type: application/pidf+xml'];
      const ask = (peer: RawPeer, uri: string) =>
        peer.ask({
          method: 'PUBLISH',
          uri,
          from: `<${uri}>;tag=1804289383`,
          headers,
          body: pidf(uri, 'open', uri),
          ...same,
        });
      const first = await ask(raw, alice);
      const second = await ask(other, bob);
      assert.equal(first.status, 200);
      assert.equal(second.status, 200);
      assert.notEqual(second.header('SIP-ETag'), first.header('SIP-ETag'));
      const { callId } = await phone.watch(bob);
      assert.match((await raw.notify(callId)).body, /<basic>open/, 'the second one was published');
      other.close();
    });

    test('a challenged request is repeated with the same branch and the next CSeq: it is a new request', async () => {
      const uri = newPresentity();
      const same = { branch: fresh('z9hG4bK'), callId: fresh('repeat'), from: `<${uri}>;tag=r` };
      const first = await phone.publish(uri, pidf(uri, 'open'), [], { ...same, cseq: 1 });
      const second = await phone.publish(uri, pidf(uri, 'closed'), [ifMatch(first)], { ...same, cseq: 2 });
      assert.equal(second.status, 200);
      assert.notEqual(second.header('SIP-ETag'), first.header('SIP-ETag'));
    });

    test('of two publications with one tuple id the newest wins', async () => {
      const uri = newPresentity();
      // libpurple signs off with a closed document and on again with a fresh publication of the same tuple.
      await phone.publish(uri, pidf(uri, 'closed', '', 'bs35r9f'), ['Expires: 600']);
      const on = await phone.publish(uri, pidf(uri, 'open', '', 'bs35r9f'), ['Expires: 600']);
      const first = await phone.watch(uri);
      const open = await raw.notify(first.callId);
      assert.match(/<basic>(\w+)/.exec(open.body)?.[1] ?? '', /open/, 'libpurple reads the first tuple only');
      await phone.publish(uri, pidf(uri, 'closed', '', 'bs35r9f'), [ifMatch(on), 'Expires: 600']);
      const closed = await raw.notify(first.callId);
      assert.doesNotMatch(closed.body, /open/);
    });

    test('baresip reads the body with its eyes: Content-Type bare, basic unprefixed, rpid prefixes kept', async () => {
      const uri = newPresentity();
      const body =
        `<?xml version="1.0" encoding="UTF-8"?>\r\n<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" ` +
        `xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${uri}"><dm:person id="p4159"><rpid:activities><rpid:away/></rpid:activities></dm:person>` +
        `<tuple id="t4109"><status><basic>open</basic></status><contact>${uri}</contact></tuple></presence>`;
      assert.equal((await phone.publish(uri, body)).status, 200);
      const { callId } = await phone.watch(uri);
      const notify = await raw.notify(callId);
      assert.equal(notify.header('Content-Type'), 'application/pidf+xml');
      assert.match(notify.body, /<basic>open<\/basic>/);
      assert.match(notify.body, /<rpid:away ?\/>/);
    });

    test('a document that comes prefixed goes out unprefixed in its PIDF elements', async () => {
      const uri = newPresentity();
      const body = `<p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" entity="${uri}"><p:tuple id="t"><p:status><p:basic>open</p:basic></p:status></p:tuple></p:presence>`;
      assert.equal((await phone.publish(uri, body)).status, 200);
      const { callId } = await phone.watch(uri);
      assert.match((await raw.notify(callId)).body, /<basic>open<\/basic>/);
    });

    test('linphone’s element of a foreign namespace inside status is kept', async () => {
      const uri = newPresentity();
      const body =
        `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:pidfonline="http://linphone.example/xsds/pidfonline.xsd"` +
        ` entity="${uri}"><tuple id="q1"><status><basic>open</basic><pidfonline:online/></status></tuple></presence>`;
      assert.equal((await phone.publish(uri, body)).status, 200);
      const { callId } = await phone.watch(uri);
      assert.match((await raw.notify(callId)).body, /<pidfonline:online ?\/>/);
    });

    test('a NOTIFY never carries a PIDF without a tuple', async () => {
      const uri = newPresentity();
      const empty = `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="${uri}"/>`;
      const published = await phone.publish(uri, empty);
      const { callId } = await phone.watch(uri);
      assert.match((await raw.notify(callId)).body, /<tuple\b[\s\S]*<basic>/);
      if (published.status === 200) assert.ok(published.header('SIP-ETag'));
    });

    test('unknown packages are answered 489 with Allow-Events in both methods', async () => {
      const uri = newPresentity();
      for (const method of ['SUBSCRIBE', 'PUBLISH']) {
        const headers = [
          'Event: message-summary',
          `Contact: ${raw.contact()}`,
          'Content-Type: application/simple-message-summary',
        ];
        const reply = await raw.ask({ method, uri, headers, body: 'x' });
        assert.equal(reply.status, 489);
        assert.match(reply.header('Allow-Events') ?? '', /presence/);
        assert.doesNotMatch(reply.header('Allow-Events') ?? '', /vnd-microsoft/);
      }
    });
  });
}
