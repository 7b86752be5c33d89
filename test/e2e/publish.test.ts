// Tests handle_publish over real sockets, row by row of its table: answers, and what watchers are told.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { headerText } from '../../core/cli/sip-client';
import { RawPeer } from '../support/raw-peer';
import { startRollcall, type TestServer } from '../support/rollcall';
import { etagOf, SipUa } from '../support/sip-ua';
import { fresh, pidf } from '../support/wire';

for (const transport of ['udp', 'tcp'] as const) {
  describe(`handle_publish over ${transport}`, () => {
    let server: TestServer;
    let ua: SipUa;
    let raw: RawPeer;

    before(async () => {
      server = await startRollcall({
        modparam: [
          ['presence', 'max_expires', 7200],
          ['presence', 'max_body', 4096],
        ],
      });
      ua = await SipUa.open(transport, server.at(transport), 'sip:alice@localhost');
      raw = await RawPeer.open(transport, server.at(transport));
    });
    after(async () => {
      ua.close();
      raw.close();
      await server.stop();
    });

    const newPresentity = () => `sip:${fresh('p')}@localhost`;

    test('an Event that is missing or not registered is answered 489 with Allow-Events', async () => {
      const body = pidf('sip:a@localhost', 'open');
      const type = 'Content-Type: application/pidf+xml';
      for (const headers of [['Event: weather', type], [type]]) {
        const reply = await raw.ask({ method: 'PUBLISH', uri: newPresentity(), headers, body });
        assert.equal(reply.status, 489);
        assert.match(reply.header('Allow-Events') ?? '', /\bpresence\b/);
        assert.match(reply.header('Allow-Events') ?? '', /\bpresence\.winfo\b/);
      }
    });

    test('two Event headers are not one Event', async () => {
      const headers = ['Event: presence', 'Event: presence', 'Content-Type: application/pidf+xml'];
      const reply = await raw.ask({ method: 'PUBLISH', uri: newPresentity(), headers, body: pidf('sip:a@b', 'open') });
      assert.ok(reply.status === 400 || reply.status === 489, reply.startLine);
    });

    test('a missing or broken mandatory header is answered 400 with a reason that says which', async () => {
      const body = pidf('sip:a@localhost', 'open');
      const headers = ['Event: presence', 'Content-Type: application/pidf+xml'];
      const from = await raw.ask({ method: 'PUBLISH', uri: newPresentity(), headers, body, from: '<sip:a@b' });
      assert.equal(from.status, 400);
      assert.match(from.startLine, /From/);
      const expires = await raw.ask({
        method: 'PUBLISH',
        uri: newPresentity(),
        headers: [...headers, 'Expires: soon'],
        body,
      });
      assert.equal(expires.status, 400);
      assert.match(expires.startLine, /Expires/);
    });

    test('a Request-URI without a user names the host itself: pjsua’s local account publishes to it', async () => {
      const host = `${fresh('h')}.localhost`;
      const headers = ['Event: presence', 'Content-Type: application/pidf+xml'];
      const body = pidf(`sip:${host}`, 'open', 'no user');
      assert.equal((await raw.ask({ method: 'PUBLISH', uri: `sip:${host}`, headers, body })).status, 200);
      const { dialog } = await ua.subscribe(`sip:${host}`);
      assert.match((await dialog.next()).body, /no user/);
    });

    test('the presentity is user@host: scheme, port and parameters of the Request-URI do not matter', async () => {
      const presentity = newPresentity();
      const first = await ua.publish(presentity, { body: pidf(presentity, 'open', 'one') });
      const other = `${presentity.replace('sip:', 'sips:')}:5099;transport=tcp`;
      const modified = await ua.publish(other, { body: pidf(presentity, 'open', 'two'), etag: etagOf(first) });
      assert.equal(modified.status, 200);
      const { dialog } = await ua.subscribe(`${presentity};x=y`);
      assert.match((await dialog.next()).body, /two/);
      const upper = await ua.publish(presentity.replace('localhost', 'LOCALHOST'), { etag: etagOf(modified) });
      assert.equal(upper.status, 200, 'hosts are compared without case');
    });

    test('two values in SIP-If-Match are answered 400', async () => {
      const presentity = newPresentity();
      const reply = await ua.publish(presentity, {
        body: pidf(presentity, 'open'),
        headers: { 'sip-if-match': 'a, b' },
      });
      assert.equal(reply.status, 400);
      const lines = ['Event: presence', 'SIP-If-Match: a', 'SIP-If-Match: b'];
      const twice = await raw.ask({ method: 'PUBLISH', uri: presentity, headers: lines });
      assert.equal(twice.status, 400);
    });

    test('an entity-tag that is unknown, foreign, expired or of another presentity is answered 412', async () => {
      const presentity = newPresentity();
      const published = await ua.publish(presentity, { body: pidf(presentity, 'open') });
      const elsewhere = newPresentity();
      for (const etag of ['a.1164278400.42.1.0', '"quoted"', 'x'.repeat(300), fresh('none')]) {
        assert.equal((await ua.publish(presentity, { etag })).status, 412, etag.slice(0, 20));
        assert.equal((await ua.publish(presentity, { etag, expires: 0 })).status, 412);
        assert.equal((await ua.publish(presentity, { etag, body: pidf(presentity, 'open') })).status, 412);
      }
      assert.equal((await ua.publish(elsewhere, { etag: etagOf(published) })).status, 412);
    });

    test('Expires: the default is 3600, a longer one than max_expires is reduced', async () => {
      const presentity = newPresentity();
      const absent = await ua.publish(presentity, { body: pidf(presentity, 'open') });
      assert.equal(absent.headers.expires, '3600');
      const long = await ua.publish(presentity, { etag: etagOf(absent), expires: 999_999 });
      assert.equal(long.headers.expires, '7200');
      const huge = await ua.publish(presentity, { etag: etagOf(long), headers: { expires: '4294967295' } });
      assert.equal(huge.headers.expires, '7200');
      const short = await ua.publish(presentity, { etag: etagOf(huge), expires: 61 });
      assert.equal(short.headers.expires, '61');
    });

    test('a PUBLISH with neither body nor SIP-If-Match is answered 400', async () => {
      assert.equal((await ua.publish(newPresentity())).status, 400);
      assert.equal((await ua.publish(newPresentity(), { expires: 0 })).status, 400);
    });

    test('a Content-Type that is not the package’s is answered 415 with Accept', async () => {
      const presentity = newPresentity();
      for (const contentType of ['text/plain', 'application/xpidf+xml', 'application/dialog-info+xml']) {
        const reply = await ua.publish(presentity, { body: pidf(presentity, 'open'), contentType });
        assert.equal(reply.status, 415);
        assert.match(headerText(reply, 'accept') ?? '', /application\/pidf\+xml/);
      }
      const none = await raw.ask({
        method: 'PUBLISH',
        uri: presentity,
        headers: ['Event: presence'],
        body: pidf(presentity, 'open'),
      });
      assert.equal(none.status, 415);
    });

    test('a body that is not well-formed, or not a PIDF, is answered 400, one that is too large 413', async () => {
      const presentity = newPresentity();
      const document = pidf(presentity, 'open');
      const wrong = [
        document.slice(0, -5),
        'hello',
        document.replace('<presence xmlns="urn:ietf:params:xml:ns:pidf"', '<presence xmlns="urn:x"'),
        '<root xmlns="urn:ietf:params:xml:ns:pidf"/>',
        `<!DOCTYPE x [<!ENTITY a "a">]>${document.replace(/^<\?xml.*\?>\n/, '')}`,
      ];
      for (const body of wrong) assert.equal((await ua.publish(presentity, { body })).status, 400, body.slice(0, 40));
      const large = await ua.publish(presentity, { body: pidf(presentity, 'open', 'x'.repeat(5000)) });
      assert.equal(large.status, 413);
      const { dialog } = await ua.subscribe(presentity);
      assert.match((await dialog.next()).body, /<basic>closed<\/basic>/, 'nothing of these was stored');
    });

    test('each success gives a new entity-tag that cannot be guessed, and the old one is gone', async () => {
      const presentity = newPresentity();
      const tags = new Set<string>();
      let last = etagOf(await ua.publish(presentity, { body: pidf(presentity, 'open') }));
      tags.add(last);
      for (const body of [undefined, pidf(presentity, 'closed'), undefined]) {
        const reply = await ua.publish(presentity, { etag: last, ...(body === undefined ? {} : { body }) });
        assert.equal(reply.status, 200);
        assert.equal((await ua.publish(presentity, { etag: last })).status, 412);
        last = etagOf(reply);
        tags.add(last);
      }
      assert.equal(tags.size, 4);
      for (const tag of tags) assert.match(tag, /^[\w.!%*+`'~-]{12,}$/);
    });

    test('initial, modify and remove tell the watchers, a refresh does not', async () => {
      const presentity = newPresentity();
      const { dialog } = await ua.subscribe(presentity);
      const empty = await dialog.next();
      assert.match(empty.body, /<basic>closed<\/basic>/);

      const initial = await ua.publish(presentity, { body: pidf(presentity, 'open', 'one') });
      const one = await dialog.next();
      assert.match(one.body, /one/);
      const refreshed = await ua.publish(presentity, { etag: etagOf(initial) });
      assert.equal(refreshed.status, 200);
      const modified = await ua.publish(presentity, { etag: etagOf(refreshed), body: pidf(presentity, 'open', 'two') });
      const two = await dialog.next();
      assert.match(two.body, /two/);
      assert.doesNotMatch(two.body, /one/);
      assert.equal(two.cseq, one.cseq + 1, 'the refresh made no NOTIFY');
      const removed = await ua.publish(presentity, { etag: etagOf(modified), expires: 0 });
      assert.equal(removed.status, 200);
      const last = await dialog.next();
      assert.match(last.body, /<basic>closed<\/basic>/);
      assert.equal(last.cseq, two.cseq + 1);
    });

    test('what is left after a removal is what the watchers get, and a refresh keeps its place', async () => {
      const presentity = newPresentity();
      const desk = await ua.publish(presentity, { body: pidf(presentity, 'open', 'desk', 'desk') });
      const phone = await ua.publish(presentity, { body: pidf(presentity, 'open', 'phone', 'phone') });
      const { dialog } = await ua.subscribe(presentity);
      const both = await dialog.next();
      assert.match(both.body, /desk/);
      assert.match(both.body, /phone/);
      const refreshed = await ua.publish(presentity, { etag: etagOf(desk) });
      await dialog.send(600);
      assert.equal((await dialog.next()).body, both.body, 'the same bytes after a refresh');
      await ua.publish(presentity, { etag: etagOf(phone), expires: 0 });
      const left = await dialog.next();
      assert.match(left.body, /desk/);
      assert.doesNotMatch(left.body, /phone/);
      assert.equal((await ua.publish(presentity, { etag: etagOf(refreshed), expires: 0 })).status, 200);
    });

    test('a publication that is not refreshed ends by itself, as if it had been removed', async () => {
      const presentity = newPresentity();
      const { dialog } = await ua.subscribe(presentity);
      await dialog.next();
      const published = await ua.publish(presentity, { body: pidf(presentity, 'open', 'brief'), expires: 1 });
      assert.equal(published.headers.expires, '1');
      assert.match((await dialog.next()).body, /brief/);
      assert.match((await dialog.next()).body, /<basic>closed<\/basic>/);
      assert.equal((await ua.publish(presentity, { etag: etagOf(published) })).status, 412);
    });

    test('of two concurrent requests with one entity-tag one wins, the other gets 412', async () => {
      const presentity = newPresentity();
      const etag = etagOf(await ua.publish(presentity, { body: pidf(presentity, 'open') }));
      const replies = await Promise.all(
        ['one', 'two'].map((note) => ua.publish(presentity, { etag, body: pidf(presentity, 'open', note) })),
      );
      assert.deepEqual(replies.map((reply) => reply.status).sort(), [200, 412]);
    });
  });
}
