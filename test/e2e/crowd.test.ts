// Tests over real sockets that watchers who do not answer, however many, keep nobody else waiting.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { RawPeer } from '../support/raw-peer';
import { startRollcall } from '../support/rollcall';
import { fresh, pidf, requestText, type WireMessage } from '../support/wire';

/** So few on a socket that its receive buffer holds what they are sent at once, however late it is read. */
const each = 50;
const sockets = 12;
const size = each * sockets;

test('a NOTIFY of another presentity comes before a dead crowd has been told, and the crowd is told to the last', async () => {
  const server = await startRollcall();
  const open = () => RawPeer.open('udp', server.at('udp'));
  const [publisher, friend] = [await open(), await open()];
  const strangers: RawPeer[] = [];
  for (let n = 0; n < sockets; n++) strangers.push(await open());
  const [popular, other] = [`sip:${fresh('popular')}@localhost`, `sip:${fresh('other')}@localhost`];
  const subscribe = async (watcher: RawPeer, presentity: string, user: string) => {
    const callId = fresh('crowd');
    const from = `<sip:${user}@localhost>;tag=${fresh('tag')}`;
    const headers = ['Event: presence', `Contact: ${watcher.contact(user)}`, 'Expires: 300'];
    await watcher.ask({ method: 'SUBSCRIBE', uri: presentity, from, callId, headers });
    await watcher.notify(callId);
    return callId;
  };
  const publish = (presentity: string) => {
    const headers = ['Event: presence', 'Expires: 300', 'Content-Type: application/pidf+xml'];
    const body = pidf(presentity, 'open', 'news');
    return requestText({ via: publisher.via, method: 'PUBLISH', uri: presentity, headers, body });
  };
  try {
    const callIds: string[] = [];
    for (const [i, stranger] of strangers.entries()) {
      for (let n = 0; n < each; n++) callIds.push(await subscribe(stranger, popular, `w${i}-${n}`));
    }
    const single = await subscribe(friend, other, 'friend');
    const told = new Set<string>();
    const noted = (status: string | undefined) => (message: WireMessage) => {
      if (message.body.includes('news')) told.add(message.callId ?? '');
      return status;
    };
    friend.answer = noted('200 OK');
    for (const stranger of strangers) stranger.answer = noted(undefined);
    publisher.send(publish(popular));
    publisher.send(publish(other));
    while (![single, ...callIds].every((callId) => told.has(callId))) await setTimeout(20);
    const before = [...told].indexOf(single);
    assert.ok(before < size / 2, `${before} of the crowd came first`);
  } finally {
    for (const peer of [publisher, friend, ...strangers]) peer.close();
    await server.stop();
  }
});
