// Tests what a routing script can do around presence, over real sockets: AVPs, the sender, replies, events, errors.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawPeer } from '../support/raw-peer';
import { startRollcall } from '../support/rollcall';
import type { ServerSpec } from '../support/scratch';
import { SipUa } from '../support/sip-ua';
import { fresh, pidf } from '../support/wire';

const imports = `
import { handle_publish, handle_subscribe, pres_auth_status, pres_has_subscribers, pres_refresh_watchers } from 'presence';
import { avp, set_avp, type Event, type Reply, type Request } from 'rollcall';
import { sl_send_reply } from 'sl';
import { append_to_reply, has_totag, is_method } from 'textops';
`;

async function withScript(script: string, use: (peer: RawPeer, ua: SipUa) => Promise<void>, spec: ServerSpec = {}) {
  const server = await startRollcall({ script: imports + script, ...spec, core: { log_level: 'fatal', ...spec.core } });
  const peer = await RawPeer.open('udp', server.at('udp'));
  const ua = await SipUa.open('udp', server.at('udp'), 'sip:bob@localhost');
  try {
    await use(peer, ua);
  } finally {
    peer.close();
    ua.close();
    await server.stop();
  }
}

const subscribe = (peer: RawPeer, uri: string, callId = fresh('script'), from = '<sip:bob@localhost>;tag=b') =>
  peer.ask({ method: 'SUBSCRIBE', uri, callId, from, headers: ['Event: presence', `Contact: ${peer.contact()}`] });

const publish = (peer: RawPeer, uri: string, note = '') =>
  peer.ask({
    method: 'PUBLISH',
    uri,
    headers: ['Event: presence', 'Content-Type: application/pidf+xml'],
    body: pidf(uri, 'open', note),
  });

test('the To tag is the one in the AVP that totag_avpid names, and stands there afterwards', async () => {
  const script = `export async function request_route(req: Request) {
    if (req.ruriUser === 'chosen') set_avp(req, 31, 'my-own-tag');
    await handle_subscribe(req);
    console.log(avp(req, 31));
  }`;
  await withScript(
    script,
    async (peer) => {
      assert.equal((await subscribe(peer, 'sip:chosen@localhost')).tag('To'), 'my-own-tag');
      assert.match((await subscribe(peer, 'sip:made@localhost')).tag('To') ?? '', /^10.+/);
    },
    { modparam: [['presence', 'totag_avpid', 31]] },
  );
});

test('what handle_publish and handle_subscribe resolve to says whether the answer was a 2xx', async () => {
  const script = `export async function request_route(req: Request) {
    if (is_method(req, 'OPTIONS')) return sl_send_reply(req, 200, String(seen));
    seen += String(is_method(req, 'PUBLISH') ? await handle_publish(req) : await handle_subscribe(req)) + ' ';
  }
  let seen = '';`;
  await withScript(script, async (peer) => {
    await publish(peer, 'sip:alice@localhost');
    await peer.ask({ method: 'PUBLISH', uri: 'sip:alice@localhost', headers: ['Event: presence'] });
    await subscribe(peer, 'sip:alice@localhost');
    await peer.ask({ method: 'SUBSCRIBE', uri: 'sip:alice@localhost', headers: ['Event: none'] });
    const { startLine } = await peer.ask({ method: 'OPTIONS', uri: 'sip:alice@localhost' });
    assert.equal(startLine, 'SIP/2.0 200 true false true false ');
  });
});

test('the sender named to handle_publish is not notified of his own change', async () => {
  const script = `export async function request_route(req: Request) {
    return is_method(req, 'PUBLISH') ? handle_publish(req, 'sip:bob@localhost') : handle_subscribe(req);
  }`;
  await withScript(script, async (peer) => {
    const uri = 'sip:alice@localhost';
    const bob = fresh('bob');
    const carol = fresh('carol');
    await subscribe(peer, uri, bob);
    await subscribe(peer, uri, carol, '<sip:carol@localhost>;tag=c');
    await peer.notify(bob);
    await peer.notify(carol);
    await publish(peer, uri, 'news');
    assert.match((await peer.notify(carol)).body, /news/);
    assert.equal((await peer.ask({ method: 'NONE', uri })).status, 489);
    assert.deepEqual(
      peer.unread((m) => m.callId === bob),
      [],
    );
  });
});

test('the watcher named to handle_subscribe is the one winfo shows', async () => {
  const script = `export async function request_route(req: Request) {
    return handle_subscribe(req, req.event === 'presence' ? 'sip:known@example.com' : undefined);
  }`;
  await withScript(script, async (peer, ua) => {
    await subscribe(peer, 'sip:alice@localhost');
    const { dialog } = await ua.subscribe('sip:alice@localhost', { event: 'presence.winfo' });
    const { body } = await dialog.next();
    assert.match(body, />sip:known@example\.com</);
    assert.doesNotMatch(body, /sip:bob@/);
  });
});

test('pres_has_subscribers and pres_auth_status tell, pres_refresh_watchers sends everybody the state again', async () => {
  const script = `export async function request_route(req: Request) {
    if (is_method(req, 'SUBSCRIBE')) return handle_subscribe(req);
    if (is_method(req, 'PUBLISH')) return handle_publish(req);
    if (is_method(req, 'REFRESH')) await pres_refresh_watchers(req.ruri, 'presence', 1);
    const has = await pres_has_subscribers(req.ruri, 'presence');
    const may = await pres_auth_status('sip:bob@localhost', req.ruri);
    return sl_send_reply(req, 200, has + ' ' + may);
  }`;
  await withScript(script, async (peer) => {
    const uri = 'sip:alice@localhost';
    assert.equal((await peer.ask({ method: 'OPTIONS', uri })).startLine, 'SIP/2.0 200 false 1');
    const callId = fresh('refresh');
    await subscribe(peer, uri, callId);
    const first = await peer.notify(callId);
    assert.equal((await peer.ask({ method: 'OPTIONS', uri })).startLine, 'SIP/2.0 200 true 1');
    await peer.ask({ method: 'REFRESH', uri });
    const second = await peer.notify(callId);
    assert.equal(second.cseq, first.cseq + 1);
    assert.equal(second.body, first.body);
  });
});

test('reply_route sees the answer to a NOTIFY, and event_route the notify-reply', async () => {
  const script = `
  let seen = '';
  export async function request_route(req: Request) {
    if (is_method(req, 'OPTIONS')) return sl_send_reply(req, 200, seen);
    return handle_subscribe(req);
  }
  export function reply_route(reply: Reply) { seen += 'reply ' + reply.status + ' ' + reply.method + '; '; }
  export const event_route = {
    'presence:notify-reply': async (event: Event) => { seen += 'event ' + event.response?.status + '; '; },
  };`;
  await withScript(script, async (peer) => {
    const uri = 'sip:alice@localhost';
    const callId = fresh('reply');
    peer.answer = () => '202 Fine';
    await subscribe(peer, uri, callId);
    await peer.notify(callId);
    const { startLine } = await peer.ask({ method: 'OPTIONS', uri });
    assert.match(startLine, /reply 202 NOTIFY/);
    assert.match(startLine, /event 202/);
  });
});

test('a script that throws, loops or answers nothing is answered 500; a second answer is not sent', async () => {
  const script = `export async function request_route(req: Request) {
    switch (req.method) {
      case 'THROW': throw new Error('on purpose');
      case 'LOOP': for (;;) { /* for ever */ }
      case 'AWAIT': await Promise.reject(new Error('later'));
      case 'SILENT': return;
      case 'TWICE': sl_send_reply(req, 200, 'first'); return sl_send_reply(req, 404, 'second');
      default: append_to_reply(req, 'X-Own: yes\\r\\n'); return sl_send_reply(req, has_totag(req) ? 481 : 200, 'OK');
    }
  }`;
  await withScript(script, async (peer) => {
    const uri = 'sip:alice@localhost';
    for (const method of ['THROW', 'LOOP', 'AWAIT', 'SILENT']) {
      assert.equal((await peer.ask({ method, uri })).status, 500, method);
    }
    const callId = fresh('twice');
    assert.equal((await peer.ask({ method: 'TWICE', uri, callId })).status, 200);
    const plain = await peer.ask({ method: 'OPTIONS', uri });
    assert.equal(plain.header('X-Own'), 'yes');
    assert.equal((await peer.ask({ method: 'OPTIONS', uri, to: '<sip:a@b>;tag=1' })).status, 481);
    assert.deepEqual(
      peer.unread((m) => m.callId === callId),
      [],
    );
  });
});

test('pike refuses the flood of one source and lets it in again', async () => {
  const script = `import { pike_check_req } from 'pike';
  export async function request_route(req: Request) {
    return pike_check_req(req) ? sl_send_reply(req, 200, 'OK') : sl_send_reply(req, 503, 'Too Many');
  }`;
  const modparam = [
    ['pike', 'reqs_density_per_unit', 10],
    ['pike', 'sampling_time_unit', 1],
  ] as const;
  await withScript(
    script,
    async (peer) => {
      const ask = () => peer.ask({ method: 'OPTIONS', uri: 'sip:alice@localhost' });
      const statuses = (await Promise.all(Array.from({ length: 40 }, ask))).map((reply) => reply.status);
      assert.ok(statuses.includes(200) && statuses.includes(503), statuses.join(' '));
      let { status } = await ask();
      for (let tries = 0; tries < 40 && status !== 200; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 250));
        ({ status } = await ask());
      }
      assert.equal(status, 200);
    },
    { modparam },
  );
});
