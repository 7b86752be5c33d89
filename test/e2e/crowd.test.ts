// Tests over real sockets that watchers who do not answer, however many, keep nobody else waiting.
import assert from 'node:assert/strict';
import test from 'node:test';
import { RawPeer } from '../support/raw-peer';
import { startRollcall } from '../support/rollcall';
import { fresh, pidf, requestText, type WireMessage } from '../support/wire';

const size = 600;

test('a NOTIFY of another presentity comes before a dead crowd has been told, and the crowd is told to the last', async () => {
  const server = await startRollcall();
  const publisher = await RawPeer.open('udp', server.at('udp'));
  // One socket for all who watch: what comes to it is in the order of leaving.
  const watchers = await RawPeer.open('udp', server.at('udp'));
  const [popular, other] = [`sip:${fresh('popular')}@localhost`, `sip:${fresh('other')}@localhost`];
  const subscribe = async (presentity: string, n: number) => {
    const callId = fresh('crowd');
    const from = `<sip:w${n}@localhost>;tag=${fresh('tag')}`;
    const headers = ['Event: presence', `Contact: ${watchers.contact(`w${n}`)}`, 'Expires: 300'];
    await watchers.ask({ method: 'SUBSCRIBE', uri: presentity, from, callId, headers });
    await watchers.notify(callId);
    return callId;
  };
  const publish = (presentity: string) => {
    const headers = ['Event: presence', 'Expires: 300', 'Content-Type: application/pidf+xml'];
    const body = pidf(presentity, 'open', 'news');
    return requestText({ via: publisher.via, method: 'PUBLISH', uri: presentity, headers, body });
  };
  try {
    const crowd = new Set<string>();
    for (let n = 0; n < size; n++) crowd.add(await subscribe(popular, n));
    const single = await subscribe(other, size);
    watchers.answer = ({ callId }) => (callId === single ? '200 OK' : undefined);
    const hasNews = ({ body }: WireMessage) => body.includes('news');

    publisher.send(publish(popular));
    publisher.send(publish(other));
    await watchers.next((message) => message.callId === single && hasNews(message));
    const before = new Set(watchers.unread(hasNews).map(({ callId }) => callId)).size;
    assert.ok(before < size / 2, `${before} of the crowd came first`);
    for (const callId of crowd) await watchers.next((message) => message.callId === callId && hasNews(message));
  } finally {
    watchers.close();
    publisher.close();
    await server.stop();
  }
});
