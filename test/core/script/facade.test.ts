// Checks what a script sees: requests, replies, events, AVPs, its other routes, and nothing of the server it runs in.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { RoutedRequest } from '../../../core/module/request';
import { Fixture, flow, fn, RunningScript, req, request, response, settle } from './harness';

/** Runs a route that notes the values of expressions, and returns what was noted. */
async function noted(t: test.TestContext, expressions: readonly string[], message = request()): Promise<string[]> {
  const script = await RunningScript.open(
    t,
    `import { answer, note } from 'm';
    import { avp, set_avp } from 'rollcall';
    export async function request_route(req) {
      ${expressions.map((expression) => `note(String(${expression}));`).join('\n')}
      return answer(req);
    }`,
  );
  assert.equal(await script.status(message), 200, script.errors.join());
  return script.fixture.noted;
}

test('the properties of a request', async (t) => {
  const message = request(
    'PUBLISH',
    { Event: 'Presence;id=7', 'Content-Type': 'Application/PIDF+xml', f: undefined, 'Content-Length': '2' },
    'ab',
  );
  const names = ['method', 'ruri', 'ruriUser', 'ruriHost', 'from', 'fromUser', 'fromHost', 'fromTag', 'toTag', 'cseq'];
  const more = ['event', 'contentType', 'body', 'source', 'sourcePort', 'protocol'];
  assert.deepEqual(
    await noted(
      t,
      [...names, ...more].map((name) => `req.${name}`),
      message,
    ),
    [
      'PUBLISH',
      'sip:alice@example.com',
      'alice',
      'example.com',
      'sip:alice@example.com',
      'alice',
      'example.com',
      'f1',
      'undefined',
      '1',
      'presence',
      'application/pidf+xml',
      'ab',
      '192.0.2.1',
      '5070',
      'udp',
    ],
  );
});

test('headers by any name, one or all, as people read them', async (t) => {
  const message = request('PUBLISH', { 'X-Name': 'Zoë', Subject: 'one' });
  message.appendHeader('X-Name', 'two');
  const expressions = [
    "req.header('x-name')",
    "req.headers('X-NAME').join()",
    "req.header('s')",
    "req.header('__proto__')",
  ];
  assert.deepEqual(await noted(t, expressions, message), ['Zoë', 'Zoë,two', 'one', 'undefined']);
});

test('AVPs by number or name, unset ones are undefined', async (t) => {
  const expressions = [
    'avp(req, 25)',
    "set_avp(req, 25, 'tag')",
    'avp(req, 25)',
    "avp(req, '25')",
    'set_avp(req, 7, 3)',
    'typeof avp(req, 7)',
  ];
  assert.deepEqual(await noted(t, expressions), ['undefined', 'undefined', 'tag', 'tag', 'undefined', 'number']);
});

test('modules read and set the AVPs that scripts see, and get text as header text', async (t) => {
  const fixture = new Fixture();
  let given = '';
  fixture.functions.set('p', {
    tag: fn(
      [req, { name: 'text', type: 'string' }],
      (routed: RoutedRequest, text: string) => {
        given = text;
        routed.avps.set('25', 'from-module');
        return text;
      },
      { returns: 'string' },
    ),
  });
  const script = await RunningScript.open(
    t,
    `import { answer, note } from 'm'; import { tag } from 'p'; import { avp } from 'rollcall';
    export function request_route(req) { note(tag(req, 'Zoë')); note(avp(req, 25)); return answer(req); }`,
    fixture,
  );
  assert.equal(await script.status(request()), 200);
  assert.equal(given, 'ZoÃ«');
  assert.deepEqual(fixture.noted, ['Zoë', 'from-module']);
});

test('a property is read anew after a function may have changed the request', async (t) => {
  const fixture = new Fixture();
  fixture.functions.set('p', {
    drop: fn([req], ({ message }: RoutedRequest) => message.removeHeader('Event') > 0),
  });
  const script = await RunningScript.open(
    t,
    `import { answer, note } from 'm'; import { drop } from 'p';
    export function request_route(req) { note(String(req.event)); drop(req); note(String(req.event)); return answer(req); }`,
    fixture,
  );
  assert.equal(await script.status(request('PUBLISH', { Event: 'presence' })), 200);
  assert.deepEqual(fixture.noted, ['presence', 'undefined']);
});

test('route() calls another exported function by its name', async (t) => {
  const script = await RunningScript.open(
    t,
    `import { answer } from 'm'; import { route } from 'rollcall';
    export async function request_route(req) { return route(req, req.method === 'PUBLISH' ? 'publish' : 'nowhere'); }
    export async function publish(req) { return answer(req, 202); }`,
  );
  assert.equal(await script.status(request('PUBLISH')), 202);
  assert.equal(await script.status(request('OPTIONS')), 500);
  assert.match(script.errors[0] ?? '', /route: the script exports no function "nowhere"/);
});

test('a request that is left out is that of the route, after an await too', async (t) => {
  const script = await RunningScript.open(
    t,
    `import { answer, current, wait } from 'm';
    async function helper(name: string) { await wait(name); current('helper ' + name); }
    export async function request_route(req) {
      current('at first');
      await Promise.all([helper(req.callId), null].map(async (p) => { await p; current('in a callback'); }));
      current(req, 'given');
      return answer(req);
    }`,
  );
  script.start(request('PUBLISH', { 'Call-ID': 'a' }));
  script.start(request('PUBLISH', { 'Call-ID': 'b' }));
  await settle();
  script.fixture.waiting.get('a')?.resolve('');
  script.fixture.waiting.get('b')?.resolve('');
  await settle();
  const { noted: lines } = script.fixture;
  for (const id of ['a', 'b']) {
    const expected = [
      `at first: ${id}`,
      `in a callback: ${id}`,
      `helper ${id}: ${id}`,
      `in a callback: ${id}`,
      `given: ${id}`,
    ];
    assert.deepEqual(
      lines.filter((line) => line.endsWith(`: ${id}`)),
      expected,
    );
  }
  assert.equal(lines.length, 10);
});

test('reply_route sees every reply, and is not needed', async (t) => {
  const script = await RunningScript.open(
    t,
    `import { note } from 'm';
    export function request_route(req) {}
    export function reply_route(reply) {
      note([reply.status, reply.reason, reply.method, reply.callId, reply.header('retry-after')].join());
      if (reply.status === 500) throw new Error('what now');
    }`,
  );
  assert.equal(script.runner.hasReplyRoute, true);
  script.runner.runReply(response(481, 'Gone'), flow);
  script.runner.runReply(response(500, 'Oops'), flow);
  await settle();
  assert.deepEqual(script.fixture.noted, ['481,Gone,NOTIFY,notify-1,9', '500,Oops,NOTIFY,notify-1,9']);
  assert.match(script.errors[0] ?? '', /^main\.ts:5:\d+: what now$/);
  assert.equal(script.runner.inFlight, 0);
});

test('an event route gets the values of its module, the request and the response', async (t) => {
  const script = await RunningScript.open(
    t,
    `import { note, current, answer } from 'm';
    export function request_route(req) {}
    export const event_route = {
      'presence:notify-reply': async (event) => {
        note([event.name, event.fields.watcher, event.request?.method, event.response?.status].join());
        current('no request to answer');
        await answer(event.request);
      },
    };`,
  );
  assert.equal(script.runner.hasEventRoute('presence:notify-reply'), true);
  assert.equal(script.runner.hasEventRoute('presence:other'), false);
  const fields = { watcher: 'sip:bob@example.com', __proto__: 'x' };
  const input = { request: request('NOTIFY'), response: response(200, 'OK'), fields };
  script.runner.runEvent('presence:notify-reply', input);
  script.runner.runEvent('presence:other', input);
  script.runner.runEvent('presence:notify-reply', { fields });
  await settle();
  const line = 'presence:notify-reply,sip:bob@example.com';
  assert.deepEqual(script.fixture.noted, [
    `${line},NOTIFY,200`,
    'no request to answer: none',
    `${line},,`,
    'no request to answer: none',
  ]);
  assert.match(script.errors[0] ?? '', /answer: req must be the request of the route, not an object/);
});

test('a module that runs an event route while the script calls it does not change whose turn it is', async (t) => {
  const fixture = new Fixture();
  const fire = () => script.runner.runEvent('p:fired', { fields: { who: Buffer.from('Zoë').toString('latin1') } });
  fixture.functions.set('p', { fire: fn([], fire, { returns: 'void' }) });
  const script = await RunningScript.open(
    t,
    `import { answer, current, note } from 'm'; import { fire } from 'p';
    function helper() { current('after'); }
    export function request_route(req) { fire(); helper(); return answer(req); }
    export const event_route = { 'p:fired': (event) => { current('event'); note(event.fields.who); } };`,
    fixture,
  );
  assert.equal(await script.status(request('PUBLISH', { 'Call-ID': 'c' })), 200);
  assert.deepEqual(fixture.noted, ['event: none', 'Zoë', 'after: c']);
});

test('nothing of the server is in the sandbox', async (t) => {
  const names = ['process', 'global', 'Buffer', '__dirname', 'setTimeout', 'WebAssembly', 'VMError', 'fetch'];
  assert.deepEqual(
    await noted(
      t,
      names.map((name) => `typeof ${name}`),
    ),
    names.map(() => 'undefined'),
  );
});

test('code cannot be made from text', async (t) => {
  const tried = (code: string) => `(() => { try { return ${code}; } catch (e) { return e.name; } })()`;
  const ways = ["eval('1')", "new Function('return 1')()", "(() => {}).constructor('return 1')()"];
  assert.deepEqual(await noted(t, ways.map(tried)), ['EvalError', 'EvalError', 'EvalError']);
});

test('what a script does to its own world stays there', async (t) => {
  await noted(t, ['Object.prototype.polluted = 1', 'Array.prototype.polluted = 1', 'String.prototype.polluted = 1']);
  assert.equal(Reflect.get({}, 'polluted'), undefined);
  assert.equal(Reflect.get([], 'polluted'), undefined);
});

test('console writes to the log', async (t) => {
  const script = await RunningScript.open(
    t,
    `import { answer } from 'm';
    console.info('loaded');
    export function request_route(req) { console.log('a', 1, { b: [2] }); console.error(new TypeError('c')); return answer(req); }`,
  );
  await script.status(request());
  assert.deepEqual(
    script.log.map(({ level, text }) => `${level} ${text}`),
    ['info loaded', 'info a 1 {"b":[2]}', 'error TypeError: c'],
  );
});
