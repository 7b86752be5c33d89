// Checks runs of request_route: every request is answered once, whatever the script does, and the log says where and why.
import assert from 'node:assert/strict';
import test from 'node:test';
import { SipError } from '../../../core/base/errors';
import { Fixture, fn, RunningScript, req, request, settle } from './harness';

const imports = "import { answer, wait, note } from 'm';\n";

test('a route that calls a function that answers is all there is to say', async (t) => {
  const script = await RunningScript.open(
    t,
    `${imports}export async function request_route(req) {
      switch (req.method) {
        case 'PUBLISH': return answer(req, 202);
        default: return answer(req, 405);
      }
    }`,
  );
  assert.equal(await script.status(request('PUBLISH')), 202);
  assert.equal(await script.status(request('INFO')), 405);
  assert.deepEqual(script.log, []);
  assert.equal(script.runner.inFlight, 0);
});

test('an error is answered 500 and logged with its line, its message and the Call-ID', async (t) => {
  const script = await RunningScript.open(
    t,
    `interface Lots { of: string;
  types: number }
export async function request_route(req): Promise<void> {
  const table: Record<string, Lots> = {};
  if (req.method)
    table.missing.of = 'x';
}`,
  );
  assert.equal(await script.status(request('PUBLISH', { 'Call-ID': 'it-was-me' })), 500);
  const text = "main.ts:6:5: TypeError: Cannot set properties of undefined (setting 'of')";
  assert.deepEqual(script.log, [{ level: 'error', text, callId: 'it-was-me' }]);
});

test('an error in another file of the script is found there', async (t) => {
  const script = await RunningScript.open(t, {
    'main.ts': "import { look } from './lib/look';\nexport const request_route = (req) => look(req);",
    'lib/look.ts': "export function look(req) {\n  const twice = 2;\n  throw new Error('no ' + twice);\n}\n",
  });
  assert.equal(await script.status(request()), 500);
  assert.deepEqual(script.errors, ['lib/look.ts:3:3: no 2']);
});

test('the line is right after an await, while other requests run', async (t) => {
  const script = await RunningScript.open(
    t,
    `${imports}export async function request_route(req) {
  const name = await wait(req.callId);
  if (name === 'bad') {
    throw new Error('bad');
  }
  return answer(req);
}`,
  );
  const bad = script.start(request('PUBLISH', { 'Call-ID': 'one' }));
  const good = script.start(request('PUBLISH', { 'Call-ID': 'two' }));
  await settle();
  script.fixture.waiting.get('one')?.resolve('bad');
  script.fixture.waiting.get('two')?.resolve('good');
  await settle();
  assert.deepEqual([bad[0]?.status, good[0]?.status], [500, 200]);
  assert.deepEqual(script.errors, ['main.ts:5:5: bad']);
});

test('whatever is thrown can be logged', async (t) => {
  const script = await RunningScript.open(
    t,
    `export function request_route(req) {
      switch (req.callId) {
        case 'text': throw 'text';
        case 'object': throw { a: 1 };
        case 'nothing': throw undefined;
        default: throw { get message() { throw 1; }, toJSON() { throw 2; } };
      }
    }`,
  );
  for (const callId of ['text', 'object', 'nothing', 'trap']) {
    assert.equal(await script.status(request('PUBLISH', { 'Call-ID': callId })), 500);
  }
  assert.deepEqual(
    script.errors.map((text) => text.replace(/^main\.ts:\d+:\d+: /, '')),
    ['thrown: text', 'thrown: {"a":1}', 'thrown: undefined', 'thrown: something that cannot be shown'],
  );
});

test('a route that ends without a reply is answered 500, and the log says so', async (t) => {
  const script = await RunningScript.open(t, 'export function request_route(req) {\n  return;\n}');
  assert.equal(await script.status(request()), 500);
  assert.deepEqual(script.errors, ['main.ts:2:3: request_route ended without a reply']);
});

test('a second reply is refused, is false to the script, and is logged with its line', async (t) => {
  const script = await RunningScript.open(
    t,
    `${imports}export async function request_route(req) {
  const first = await answer(req, 200);
  const second = await answer(req, 404);
  note(first + ' ' + second);
}`,
  );
  const answers = script.start(request());
  await settle();
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200],
  );
  assert.deepEqual(script.fixture.noted, ['true false']);
  assert.deepEqual(script.errors, ['main.ts:4:3: second reply 404 Answered refused, the request has been answered']);
});

test('a SipError of a function becomes the answer, and the function is false to the script', async (t) => {
  const fixture = new Fixture();
  const refuse = () => {
    throw new SipError(489, 'Bad Event', 'Allow-Events: presence\r\n');
  };
  fixture.functions.set('p', {
    now: fn([req], refuse),
    later: fn([req], async () => refuse(), { waits: true }),
  });
  const script = await RunningScript.open(
    t,
    `import { note } from 'm';
    import { now, later } from 'p';
    export async function request_route(req) {
      note(String(req.method === 'PUBLISH' ? now(req) : await later(req)));
    }`,
    fixture,
  );
  for (const method of ['PUBLISH', 'SUBSCRIBE']) {
    const answers = script.start(request(method));
    await settle();
    assert.match(answers[0]?.text ?? '', /^SIP\/2\.0 489 Bad Event\r\n/);
    assert.match(answers[0]?.text ?? '', /\r\nAllow-Events: presence\r\n/);
  }
  assert.deepEqual(fixture.noted, ['false', 'false']);
  assert.deepEqual(script.errors, []);
});

test('any other error of a function is an error where it was called, which the script may catch', async (t) => {
  const script = await RunningScript.open(
    t,
    `${imports}export async function request_route(req) {
      try {
        await wait('w');
      } catch (error) {
        note(error.message);
        return answer(req, 480);
      }
    }`,
  );
  const answers = script.start(request());
  await settle();
  script.fixture.waiting.get('w')?.reject(new Error('the disk is full'));
  await settle();
  assert.deepEqual(script.fixture.noted, ['wait: the disk is full']);
  assert.equal(answers[0]?.status, 480);
  assert.deepEqual(script.errors, []);
});

test('arguments of the wrong type are named, with the function', async (t) => {
  const calls = [
    "answer('x')",
    "answer(req, '200')",
    'answer(req, NaN)',
    'note()',
    'note(1)',
    'note(req)',
    "note('a', 'b')",
  ];
  const script = await RunningScript.open(
    t,
    `${imports}const calls = [${calls.map((call) => `(req) => ${call}`).join(', ')}];
    export function request_route(req) { return calls[Number(req.callId)](req); }`,
  );
  for (let i = 0; i < calls.length; i++) await script.status(request('PUBLISH', { 'Call-ID': String(i) }));
  assert.deepEqual(
    script.errors.map((text) => text.replace(/^main\.ts:\d+:\d+: /, '')),
    [
      'TypeError: answer: req must be the request of the route, not a string',
      'TypeError: answer: code must be a number, not a string',
      'TypeError: answer: code must be a number, not NaN',
      'TypeError: note: text is missing (1 argument needed)',
      'TypeError: note: text must be a string, not a number',
      'TypeError: note: text must be a string, not an object',
      'TypeError: note: takes 1 arguments at most',
    ],
  );
});

test('a broken header that the script reads is the request’s fault: 400, not 500', async (t) => {
  const script = await RunningScript.open(
    t,
    `${imports}export function request_route(req) { return answer(req, req.from === 'x' ? 200 : 202); }`,
  );
  const answers = script.start(request('PUBLISH', { From: 'nonsense' }));
  await settle();
  assert.match(answers[0]?.text ?? '', /^SIP\/2\.0 400 Bad From\r\n/);
  assert.deepEqual(script.errors, []);
});

test('who forgets an await is served: the run goes on until its functions have come back', async (t) => {
  const script = await RunningScript.open(
    t,
    `${imports}export async function request_route(req) {
      wait('w').then((name) => answer(req, name === 'yes' ? 200 : 500));
    }`,
  );
  const answers = script.start(request());
  await settle();
  assert.equal(answers.length, 0);
  assert.equal(script.runner.inFlight, 1);
  script.fixture.waiting.get('w')?.resolve('yes');
  await settle();
  assert.equal(answers[0]?.status, 200);
  assert.equal(script.runner.inFlight, 0);
});

test('a request that is kept and used later is refused clearly', async (t) => {
  const script = await RunningScript.open(
    t,
    `${imports}let kept;
    export async function request_route(req) {
      if (kept === undefined) {
        kept = req;
        return answer(req);
      }
      note(kept.header('To') ?? 'nothing');
    }`,
  );
  assert.equal(await script.status(request()), 200);
  assert.equal(await script.status(request()), 500);
  assert.match(script.errors[0] ?? '', /this request is over: it cannot be used after its route has ended/);
});

test('a new script takes new requests, and requests in flight end on the old one', async (t) => {
  const text = (code: number) =>
    `${imports}export async function request_route(req) { await wait('${code}'); return answer(req, ${code}); }`;
  const script = await RunningScript.open(t, { 'main.ts': text(201), 'next.ts': text(202) });
  const first = script.start(request());
  script.runner.use(await RunningScript.compile(script.folder, script.fixture, script.log, 'next.ts'));
  const second = script.start(request());
  await settle();
  assert.equal(script.runner.inFlight, 2);
  script.fixture.waiting.get('202')?.resolve('');
  script.fixture.waiting.get('201')?.resolve('');
  await settle();
  assert.deepEqual([first[0]?.status, second[0]?.status], [201, 202]);
  assert.equal(script.runner.inFlight, 0);
});
