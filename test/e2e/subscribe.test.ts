// Tests handle_subscribe over real sockets, row by row of its table: answers, dialogs, and the NOTIFYs they cause.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { headerText } from '../../core/cli/sip-client';
import { RawPeer } from '../support/raw-peer';
import { startRollcall, type TestServer } from '../support/rollcall';
import { SipUa } from '../support/sip-ua';
import { fresh, pidf } from '../support/wire';

for (const transport of ['udp', 'tcp'] as const) {
  describe(`handle_subscribe over ${transport}`, () => {
    let server: TestServer;
    let ua: SipUa;
    let raw: RawPeer;

    before(async () => {
      server = await startRollcall({ modparam: [['presence', 'max_expires', 1800]] });
      ua = await SipUa.open(transport, server.at(transport), 'sip:bob@localhost');
      raw = await RawPeer.open(transport, server.at(transport));
    });
    after(async () => {
      ua.close();
      raw.close();
      await server.stop();
    });

    const newPresentity = () => `sip:${fresh('p')}@localhost`;
    const ask = (headers: string[], more: object = {}) =>
      raw.ask({ method: 'SUBSCRIBE', uri: newPresentity(), headers, ...more });

    test('an Event that is not registered is answered 489 with Allow-Events', async () => {
      for (const event of ['message-summary', 'presence.winfo.winfo', 'presencex']) {
        const reply = await ask([`Event: ${event}`, `Contact: ${raw.contact()}`]);
        assert.equal(reply.status, 489, event);
        assert.match(reply.header('Allow-Events') ?? '', /\bpresence\b/);
      }
    });

    test('a Contact that is missing or unusable is answered 400', async () => {
      for (const contact of [[], ['Contact: *'], ['Contact: <http://a.example/>'], ['Contact: <sip:']]) {
        const reply = await ask(['Event: presence', ...contact]);
        assert.equal(reply.status, 400, contact[0] ?? 'none');
        assert.match(reply.startLine, /Contact/);
      }
    });

    test('an Accept that does not admit the type of the package is answered 406', async () => {
      const contact = `Contact: ${raw.contact()}`;
      for (const accept of ['text/plain', 'application/xpidf+xml', 'application/watcherinfo+xml']) {
        assert.equal((await ask(['Event: presence', contact, `Accept: ${accept}`])).status, 406, accept);
      }
      for (const accept of ['*/*', 'application/*', 'application/xpidf+xml, application/pidf+xml;q=0.5']) {
        const reply = await ask(['Event: presence', contact, `Accept: ${accept}`]);
        assert.equal(reply.status, 202, accept);
      }
    });

    test('presence is answered 202 and presence.winfo 200, with Expires, Contact and a To tag', async () => {
      for (const [event, status] of [
        ['presence', 202],
        ['presence.winfo', 200],
      ] as const) {
        const { dialog, response } = await ua.subscribe(newPresentity(), { event, expires: 300 });
        assert.equal(response.status, status);
        assert.equal(response.headers.expires, '300');
        assert.match(String(dialog.remoteTag), /^10/, 'the tag begins with to_tag_pref');
        const { port } = server.at(transport);
        assert.match(String(dialog.remoteTarget), new RegExp(`^sip:[^;]*127\\.0\\.0\\.1:${port}`));
        if (transport === 'tcp') assert.match(String(dialog.remoteTarget), /transport=tcp/i);
      }
    });

    test('Expires: absent gives the default, too long is reduced, never longer than asked', async () => {
      const cases = [
        [null, 1800],
        [7200, 1800],
        [120, 120],
        [1, 1],
      ] as const;
      for (const [asked, given] of cases) {
        const { response } = await ua.subscribe(newPresentity(), { expires: asked });
        assert.equal(Number(response.headers.expires), given, String(asked));
      }
    });

    test('a request inside a dialog that is not there is answered 481: Call-ID, tags and Event have to match', async () => {
      const { dialog } = await ua.subscribe(newPresentity());
      await dialog.next();
      const request = (changes: object) =>
        raw.ask({
          method: 'SUBSCRIBE',
          uri: dialog.presentity,
          from: `<sip:bob@localhost>;tag=${dialog.fromTag}`,
          to: `<${dialog.presentity}>;tag=${dialog.remoteTag}`,
          callId: dialog.callId,
          cseq: 50,
          headers: ['Event: presence', `Contact: ${raw.contact()}`],
          ...changes,
        });
      const contact = `Contact: ${raw.contact()}`;
      const wrong = [
        { callId: fresh('other') },
        { from: '<sip:bob@localhost>;tag=other' },
        { to: `<${dialog.presentity}>;tag=other` },
        { headers: ['Event: presence;id=7', contact] },
        { headers: ['Event: presence.winfo', contact] },
      ];
      for (const changes of wrong) assert.equal((await request(changes)).status, 481, JSON.stringify(changes));
      assert.equal((await request({ cseq: 51 })).status, 202, 'and so it does when they do');
    });

    test('a CSeq that is not above the last one is answered 500', async () => {
      const { dialog } = await ua.subscribe(newPresentity());
      await dialog.next();
      for (const cseq of [1, 0]) {
        const reply = await raw.ask({
          method: 'SUBSCRIBE',
          uri: dialog.presentity,
          from: `<sip:bob@localhost>;tag=${dialog.fromTag}`,
          to: `<${dialog.presentity}>;tag=${dialog.remoteTag}`,
          callId: dialog.callId,
          cseq,
          headers: ['Event: presence', `Contact: ${raw.contact()}`],
        });
        assert.equal(reply.status, 500);
      }
    });

    test('CSeqs up to 2^31-1 are taken', async () => {
      const callId = fresh('big');
      const headers = ['Event: presence', `Contact: ${raw.contact()}`];
      assert.equal((await ask(headers, { callId, cseq: 2_147_483_647 })).status, 202);
    });

    test('a new subscription gets the state there is, and an Event id comes back in its NOTIFYs', async () => {
      const presentity = newPresentity();
      await ua.publish(presentity, { body: pidf(presentity, 'open', 'here') });
      const { dialog } = await ua.subscribe(presentity, { event: 'presence;id=a7', expires: 300 });
      const notify = await dialog.next();
      assert.match(notify.body, /here/);
      assert.equal(notify.contentType, 'application/pidf+xml');
      assert.equal(notify.event.replace(/\s/g, ''), 'presence;id=a7');
      assert.equal(notify.state, 'active');
      assert.match(notify.stateParams, /expires=(300|299)\b/);
    });

    test('a presentity that published nothing has a closed document', async () => {
      const presentity = newPresentity();
      const { dialog } = await ua.subscribe(presentity);
      const { body } = await dialog.next();
      assert.match(body, /<basic>closed<\/basic>/);
      assert.ok(body.includes(`entity="${presentity}"`));
    });

    test('a refresh keeps the dialog, takes a new target and notifies the current state', async () => {
      const presentity = newPresentity();
      const { dialog } = await ua.subscribe(presentity);
      const first = await dialog.next();
      const response = await dialog.send(120, {
        contact: [{ ...ua.contact()[0], uri: `${ua.contact()[0]?.uri};moved` }],
      });
      assert.equal(response.status, 202);
      assert.equal(response.headers.expires, '120');
      assert.equal(response.headers.to.params.tag, dialog.remoteTag);
      const second = await dialog.next();
      assert.equal(second.cseq, first.cseq + 1);
      assert.match(second.uri, /;moved$/, 'the new Contact is the remote target');
      assert.match(second.stateParams, /expires=(120|119)\b/);
    });

    test('Expires 0 in the dialog ends it with a last NOTIFY, and the dialog is gone', async () => {
      const { dialog } = await ua.subscribe(newPresentity());
      const first = await dialog.next();
      const response = await dialog.send(0);
      assert.equal(response.status, 202);
      assert.equal(response.headers.expires, '0');
      const last = await dialog.next();
      assert.equal(`${last.state};${last.stateParams}`, 'terminated;reason=timeout');
      assert.equal(last.cseq, first.cseq + 1);
      assert.equal((await dialog.send(60)).status, 481);
    });

    test('Expires 0 without a dialog fetches: one NOTIFY, terminated, with the state', async () => {
      const presentity = newPresentity();
      await ua.publish(presentity, { body: pidf(presentity, 'open', 'fetched') });
      const { dialog, response } = await ua.subscribe(presentity, { expires: 0 });
      assert.equal(response.status, 202);
      assert.equal(response.headers.expires, '0');
      const notify = await dialog.next();
      assert.equal(notify.state, 'terminated');
      assert.match(notify.body, /fetched/);
      assert.equal((await dialog.send(60)).status, 481);
      assert.equal(dialog.notifies.length, 1);
    });

    test('a subscription that is not refreshed ends by itself with terminated;reason=timeout', async () => {
      const { dialog } = await ua.subscribe(newPresentity(), { expires: 1 });
      await dialog.next();
      const last = await dialog.next();
      assert.equal(last.state, 'terminated');
      assert.match(last.stateParams, /reason=timeout/);
      assert.equal((await dialog.send(60)).status, 481);
    });

    if (transport === 'udp') {
      test('the same SUBSCRIBE twice is one subscription with one answer', async () => {
        const presentity = newPresentity();
        const branch = fresh('z9hG4bK');
        const headers = ['Event: presence', `Contact: ${raw.contact()}`];
        const parts = {
          method: 'SUBSCRIBE',
          uri: presentity,
          headers,
          branch,
          callId: fresh('again'),
          from: '<sip:b@c>;tag=1',
        };
        const first = await raw.ask(parts);
        await raw.notify(parts.callId);
        const second = await raw.ask(parts);
        assert.equal(second.text, first.text);
        assert.deepEqual(
          raw.unread((message) => message.callId === parts.callId),
          [],
        );
      });
    }

    test('a fetch and a subscription do not disturb each other', async () => {
      const presentity = newPresentity();
      const { dialog } = await ua.subscribe(presentity);
      const before = await dialog.next();
      const fetched = await ua.subscribe(presentity, { expires: 0 });
      await fetched.dialog.next();
      await ua.publish(presentity, { body: pidf(presentity, 'open') });
      assert.equal((await dialog.next()).cseq, before.cseq + 1);
    });
  });
}

test('subs_respond_200 answers 200 to every package', async () => {
  const server = await startRollcall({ modparam: [['presence', 'subs_respond_200', 1]] });
  const ua = await SipUa.open('udp', server.at('udp'), 'sip:bob@localhost');
  const { response } = await ua.subscribe('sip:alice@localhost');
  assert.equal(response.status, 200);
  ua.close();
  await server.stop();
});

test('min_expires: a shorter Expires is answered 423 with Min-Expires, 0 is not short', async () => {
  const server = await startRollcall({ modparam: [['presence', 'min_expires', 60]] });
  const ua = await SipUa.open('udp', server.at('udp'), 'sip:bob@localhost');
  const { dialog, response } = await ua.subscribe('sip:alice@localhost', { expires: 59 });
  assert.equal(response.status, 423);
  assert.equal(headerText(response, 'min-expires'), '60');
  assert.equal((await dialog.send(60)).status, 202);
  assert.equal((await dialog.send(0)).status, 202);
  const published = await ua.publish('sip:alice@localhost', { body: pidf('sip:alice@localhost', 'open'), expires: 30 });
  assert.equal(published.status, 423);
  assert.equal(headerText(published, 'min-expires'), '60');
  ua.close();
  await server.stop();
});

test('server_address, to_tag_pref and expires_offset go into the answers', async () => {
  const address = 'sip:presence.example.org:5062';
  const server = await startRollcall({
    modparam: [
      ['presence', 'server_address', address],
      ['presence', 'to_tag_pref', 'tag-'],
      ['presence', 'expires_offset', 10],
    ],
  });
  const ua = await SipUa.open('udp', server.at('udp'), 'sip:bob@localhost');
  const { dialog } = await ua.subscribe('sip:alice@localhost', { expires: 100 });
  assert.equal(dialog.remoteTarget, address);
  assert.match(dialog.remoteTag ?? '', /^tag-/);
  const { contact } = (await dialog.next()).request.headers;
  assert.equal(Array.isArray(contact) && contact[0]?.uri, address);
  const body = pidf('sip:alice@localhost', 'open');
  const published = await ua.publish('sip:alice@localhost', { body, expires: 100 });
  assert.equal(published.headers.expires, '90');
  assert.equal(Array.isArray(published.headers.contact) && published.headers.contact[0]?.uri, address);
  const brief = await ua.publish('sip:alice@localhost', { body, expires: 5 });
  assert.equal(brief.headers.expires, '1', 'never below 1 while it lives');
  ua.close();
  await server.stop();
});
