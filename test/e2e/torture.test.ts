// Tests a live server with the messages of RFC 4475 and RFC 5118: each is answered as test/torture/expected.json says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RawPeer } from '../support/raw-peer';
import { startRollcall, type TestServer } from '../support/rollcall';
import { root, source } from '../support/tree';
import { fresh, WireMessage } from '../support/wire';

interface Case {
  file: string;
  section: string;
  title: string;
  /** a status, or `none` */
  answer: string;
}

const cases = JSON.parse(source('test/torture/expected.json')) as Case[];

describe('the torture messages against a live server', () => {
  let server: TestServer;
  before(async () => {
    server = await startRollcall({ core: { log_level: 'fatal', tcp_message_timeout: 1 } });
  });
  after(() => server.stop());

  for (const { file, section, title, answer } of cases) {
    const bytes = () => readFileSync(join(root, 'test/torture', file));

    test(`over udp, ${section} ${title}: ${answer === 'none' ? 'no answer' : answer}`, async () => {
      const peer = await RawPeer.open('udp', server.at('udp'));
      peer.send(bytes());
      const callId = fresh('behind');
      await peer.ask({ method: 'OPTIONS', uri: 'sip:alice@localhost', callId });
      const answers = peer.received.filter((message) => message.callId !== callId);
      if (answer === 'none') assert.deepEqual(answers, []);
      else {
        const first = answers[0] ?? (await peer.next((message) => message.callId !== callId));
        assert.equal(String(first.status), answer, first.startLine);
        const sent = new WireMessage(bytes().toString('latin1'));
        assert.equal(first.header('Content-Length'), '0');
        if (sent.callId !== undefined && !/\r\n[ \t]/.test(sent.head)) assert.equal(first.callId, sent.callId);
      }
      peer.close();
    });

    test(`over tcp, ${section} ${title}: answered, or the connection is closed, and the server lives on`, async () => {
      const peer = await RawPeer.open('tcp', server.at('tcp'));
      peer.send(bytes());
      const callId = fresh('behind');
      const options = peer.ask({ method: 'OPTIONS', uri: 'sip:alice@localhost', callId });
      await Promise.race([options, peer.closed]);
      peer.close();
      const other = await RawPeer.open('tcp', server.at('tcp'));
      assert.equal((await other.ask({ method: 'OPTIONS', uri: 'sip:alice@localhost' })).status, 200);
      other.close();
    });
  }
});
