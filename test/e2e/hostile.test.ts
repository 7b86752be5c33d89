// Tests that hostile messages neither stop a live server nor make it grow: after each the next OPTIONS is answered.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mutate, seeded } from '../support/mutate';
import { RawPeer } from '../support/raw-peer';
import { RollcallProcess } from '../support/rollcall';
import { fresh, pidf, requestText } from '../support/wire';

const uri = 'sip:alice@localhost';
const largest = 60_000;

/** The issue's own bound. */
const answerMs = 100;

/** What a header is filled with to find parsers whose work grows faster than the message. */
const headerProbes: [name: string, fill: string][] = [
  ['Contact', 'SIP/2.0/UDP h,'],
  ['Contact', '<sip:a@b>,'],
  ['Contact', '"'],
  ['Contact', '\\"'],
  ['From', 'SIP/2.0/UDP h,'],
  ['From', '<'],
  ['To', ';tag='],
  ['To', '"\\'],
  ['Via', 'SIP/2.0/UDP h,'],
  ['Via', ';a=b'],
  ['Authorization', 'a'],
  ['Authorization', 'Digest a="b",'],
  ['Accept', 'a/b;q=0.1,'],
  ['Accept', ','],
  ['Event', ';id=x'],
  ['Event', ' '],
  ['Record-Route', '<sip:h;lr>,'],
  ['Route', '<sip:h;lr>,'],
  ['Require', 'x,'],
  ['Supported', ' ,'],
  ['Subject', '\r\n '],
  ['Subject', ' \t'],
  ['X', '%41'],
  ['Call-ID', '@'],
  ['CSeq', '1'],
  ['Expires', '9'],
  ['SIP-If-Match', 'a,'],
  ['Content-Type', ';a=b'],
  ['Content-Length', '0'],
];

const nested = (depth: number, open: string, close: string) => `${open.repeat(depth)}x${close.repeat(depth)}`;
const presence = (inner: string) => `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="${uri}">${inner}</presence>`;
const tuple = '<tuple id="t"><status><basic>open</basic></status></tuple>';

const bodyProbes: [name: string, body: string][] = [
  [
    'entities that multiply',
    `<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa">${Array.from({ length: 9 }, (_, i) => `<!ENTITY ${'bcdefghij'[i]} "${`&${'abcdefghi'[i]};`.repeat(10)}">`).join('')}]>${presence('<note>&j;</note>')}`,
  ],
  ['an external entity', `<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>${presence('<note>&x;</note>')}`],
  ['9,000 elements deep', presence(nested(9_000, '<a>', '</a>'))],
  ['deep and never closed', presence('<a>'.repeat(18_000))],
  [
    '6,000 attributes',
    `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="${uri}" ${Array.from({ length: 6_000 }, (_, i) => `a${i}="1"`).join(' ')}/>`,
  ],
  [
    '2,000 namespaces',
    presence(`${Array.from({ length: 1_500 }, (_, i) => `<n${i}:x xmlns:n${i}="urn:${i}"/>`).join('')}${tuple}`),
  ],
  ['nested namespaces', presence(nested(900, '<x xmlns="urn:1" xmlns:y="urn:2">', '</x>'))],
  ['1,000 tuples with one id', presence(tuple.repeat(1_000))],
  ['one long text', presence(`<note>${'x'.repeat(59_000)}</note>${tuple}`)],
  [
    'names of Object.prototype',
    presence(
      '<__proto__ constructor="1" __proto__="2"/><tuple id="__proto__"><status><basic>open</basic></status></tuple>',
    ),
  ],
  ['unfinished comment', presence(`<!-- ${'-'.repeat(50_000)}`)],
  ['unfinished CDATA', presence(`<![CDATA[${']'.repeat(50_000)}`)],
  ['character references', presence(`<note>${'&#65;'.repeat(10_000)}</note>${tuple}`)],
  ['bytes that are no UTF-8', presence('<note>\xff\xfe\x80</note>')],
  ['UTF-16', `\xff\xfe${presence(tuple).split('').join('\0')}\0`],
];

describe('a live server under hostile messages', () => {
  let server: RollcallProcess;
  let peer: RawPeer;

  before(async () => {
    server = await RollcallProcess.start({
      modparam: [['presence', 'max_body', 65_535]],
      core: { log_level: 'fatal' },
    });
    peer = await RawPeer.open('udp', server.at());
  });
  after(async () => {
    peer.close();
    await server.stop();
  });

  /** Sends it three times; each time the OPTIONS behind it is answered, and once at least that takes less than 100 ms of CPU. */
  async function survives(text: () => string | Buffer): Promise<void> {
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round++) {
      const start = server.cpuMs();
      peer.send(text());
      assert.equal((await peer.ask({ method: 'OPTIONS', uri })).status, 200);
      least = Math.min(least, server.cpuMs() - start);
    }
    assert.ok(least < answerMs, `the next OPTIONS took ${least.toFixed(0)} ms`);
  }

  for (const method of ['OPTIONS', 'PUBLISH', 'SUBSCRIBE']) {
    test(`${method} with 60 kB in any one header`, async () => {
      for (const [name, fill] of headerProbes) {
        const value = fill.repeat(Math.floor(largest / fill.length));
        await survives(() =>
          requestText({
            method,
            uri,
            via: peer.via,
            without: [name],
            headers: [`${name}: ${value}`, 'Event: presence'],
          }),
        );
      }
    });
  }

  test('60 kB of header lines, of folds, of a start line, of nothing', async () => {
    for (const name of ['X: y', '__proto__: 1', 'v: SIP/2.0/UDP h', 'constructor: x', ':', 'Accept: */*']) {
      await survives(() =>
        requestText({
          method: 'OPTIONS',
          uri,
          via: peer.via,
          headers: Array(Math.floor(largest / (name.length + 2))).fill(name),
        }),
      );
    }
    for (const text of [
      `OPTIONS ${'a'.repeat(largest)} SIP/2.0\r\n\r\n`,
      ' '.repeat(largest),
      '\r\n'.repeat(largest / 2),
      '\0'.repeat(largest),
      'SIP/2.0 '.repeat(7_000),
    ])
      await survives(() => text);
  });

  test('headers named like what every object has are only headers', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__'];
    const headers = names.map((name) => `${name}: polluted`);
    const reply = await peer.ask({ method: 'OPTIONS', uri: 'sip:__proto__@constructor;__proto__=1', headers });
    assert.equal(reply.status, 200);
    const published = await peer.ask({
      method: 'PUBLISH',
      uri: 'sip:__proto__@localhost',
      headers: [...headers, 'Event: presence;__proto__=1', 'Content-Type: application/pidf+xml'],
      body: pidf('sip:__proto__@localhost', 'open'),
    });
    assert.equal(published.status, 200);
    assert.equal((await peer.ask({ method: 'PUBLISH', uri, headers: ['Event: __proto__'] })).status, 489);
    assert.equal((await peer.ask({ method: 'PUBLISH', uri, headers: ['Event: constructor'] })).status, 489);
  });

  for (const [name, body] of bodyProbes) {
    test(`a PUBLISH whose body is ${name}`, async () => {
      const headers = ['Event: presence', 'Content-Type: application/pidf+xml', 'Expires: 60'];
      const callIds: string[] = [];
      await survives(() => {
        const callId = fresh('body');
        callIds.push(callId);
        const target = `sip:${fresh('x')}@localhost`;
        const head = requestText({ method: 'PUBLISH', uri: target, via: peer.via, callId, headers });
        return Buffer.from(head.replace('Content-Length: 0', `Content-Length: ${body.length}`) + body, 'latin1');
      });
      for (const callId of callIds) {
        const reply = await peer.next((message) => message.callId === callId);
        assert.ok([200, 400, 413].includes(reply.status), reply.startLine);
      }
    });
  }

  test('5,000 damaged messages: each followed by an OPTIONS that is answered, and memory does not grow', async () => {
    const random = seeded(20261123);
    const templates = [
      () =>
        requestText({
          method: 'PUBLISH',
          uri: `sip:${fresh('m')}@localhost`,
          via: peer.via,
          headers: ['Event: presence', 'Expires: 30', 'Content-Type: application/pidf+xml'],
          body: pidf(uri, 'open', 'x'),
        }),
      () =>
        requestText({
          method: 'SUBSCRIBE',
          uri,
          via: peer.via,
          headers: [
            'Event: presence',
            'Expires: 30',
            `Contact: ${peer.contact()}`,
            'Accept: application/pidf+xml',
            'Record-Route: <sip:127.0.0.1:9;lr>',
          ],
        }),
      () =>
        requestText({
          method: 'SUBSCRIBE',
          uri,
          via: peer.via,
          to: '<sip:alice@localhost>;tag=10x',
          headers: ['Event: presence.winfo', `Contact: ${peer.contact()}`],
        }),
      () =>
        requestText({ method: 'OPTIONS', uri, via: peer.via, headers: ['Accept: */*', 'Route: <sip:127.0.0.1;lr>'] }),
      () =>
        `SIP/2.0 200 OK\r\nVia: ${peer.via};branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n`,
    ];
    const round = async (count: number) => {
      for (let sent = 0; sent < count; sent += 25) {
        for (let i = 0; i < 25; i++)
          peer.send(Buffer.from(mutate(templates[(sent + i) % templates.length]?.() ?? '', random), 'latin1'));
        assert.equal((await peer.ask({ method: 'OPTIONS', uri })).status, 200);
        peer.received.length = 0;
        peer.chunks.length = 0;
      }
    };
    await round(1_000);
    const before = server.residentBytes();
    await round(4_000);
    const grown = server.residentBytes() - before;
    assert.ok(grown < 64 * 1024 * 1024, `grown by ${Math.round(grown / 1024 / 1024)} MiB`);
  });

  test('afterwards the server serves as before', async () => {
    const callId = fresh('after');
    const presentity = `sip:${fresh('p')}@localhost`;
    const headers = ['Event: presence', `Contact: ${peer.contact()}`];
    assert.equal((await peer.ask({ method: 'SUBSCRIBE', uri: presentity, callId, headers })).status, 202);
    assert.match((await peer.notify(callId)).body, /closed/);
    assert.equal(await server.terminate(), 0);
    assert.doesNotMatch(server.log, /bug in Rollcall/);
  });
});
