// Checks that no script holds the server up: loops, recursion and waiting end, and nothing of a run that has ended goes on.
import assert from 'node:assert/strict';
import test from 'node:test';
import { RunningScript, request, settle } from './harness';

const imports = "import { answer, wait, note } from 'm';\n";

const endless: Record<string, string> = {
  'while in the route': 'while (true);',
  'for without a condition': 'for (;;) {}',
  'do while': 'do {} while (true);',
  'for of an endless generator': 'for (const x of (function* () { for (;;) yield 1; })()) void x;',
  'in a function called later': 'const spin = () => { while (true); }; await null; spin();',
  'in a callback': '[1].forEach(() => { while (true); });',
  'behind a try that catches everything': 'for (;;) try { for (;;); } catch {}',
  'with an await in it': 'while (true) await null;',
  'by calling itself after an await': 'async function again() { await null; return again(); } await again();',
  'by functions that call each other twice':
    'function f() { try { f(); } catch {} try { f(); } catch {} } f(); throw new Error("out");',
  'by promises that call back':
    'await new Promise(() => { const next = () => Promise.resolve().then(next); return next(); });',
};

for (const [name, code] of Object.entries(endless)) {
  test(`it ends with 500: ${name}`, async (t) => {
    const script = await RunningScript.open(t, `export async function request_route(req) {\n  ${code}\n}`);
    const answers = script.start(request());
    await settle();
    script.clock.advance(31_000, 1000);
    await settle();
    assert.deepEqual(
      answers.map(({ status }) => status),
      [500],
    );
    assert.equal(script.runner.inFlight, 0);
    assert.match(script.errors[0] ?? '', /^main\.ts:2:\d+: /);
  });
}

test('recursion without end is an error like any other', async (t) => {
  const script = await RunningScript.open(t, 'export function request_route(req) { return request_route(req) + 1; }');
  assert.equal(await script.status(request()), 500);
});

test('a run may take max_while_loops turns, and each run has its own', async (t) => {
  const script = await RunningScript.open(
    t,
    `${imports}export async function request_route(req) {
      for (let i = 0; i < 900; i++) if (i % 300 === 0) await null;
      return answer(req);
    }`,
  );
  const all = Array.from({ length: 10 }, () => script.start(request()));
  await settle();
  for (const answers of all) assert.equal(answers[0]?.status, 200);
});

test('a run that waits for ever is ended after script_timeout, and the log says where it waited', async (t) => {
  const script = await RunningScript.open(
    t,
    `${imports}export async function request_route(req) {
  note('before');
  await wait('never');
  note('after');
}`,
  );
  const answers = script.start(request());
  await settle();
  script.clock.advance(29_000, 1000);
  assert.equal(answers.length, 0);
  script.clock.advance(3000, 1000);
  assert.equal(answers[0]?.status, 500);
  assert.equal(script.runner.inFlight, 0);
  assert.deepEqual(script.errors, ['main.ts:4:3: request_route has not ended within 30 s (script_timeout)']);
  script.fixture.waiting.get('never')?.resolve('late');
  await settle();
  assert.deepEqual(script.fixture.noted, ['before']);
});

test('what a run that was ended still does comes to nothing', async (t) => {
  const script = await RunningScript.open(
    t,
    `${imports}const gates = [];
    export async function request_route(req) {
      if (req.method === 'OPTIONS') {
        for (const open of gates) open();
        return answer(req);
      }
      await new Promise((resolve) => gates.push(resolve));
      note('it goes on');
      return answer(req);
    }`,
  );
  const answers = script.start(request());
  await settle();
  script.clock.advance(32_000, 1000);
  assert.equal(answers[0]?.status, 500);
  assert.equal(await script.status(request('OPTIONS')), 200);
  assert.deepEqual(script.fixture.noted, []);
  assert.equal(answers.length, 1);
});

test('ten thousand runs that never end are all forgotten', async (t) => {
  const script = await RunningScript.open(t, 'export const request_route = () => new Promise(() => {});');
  for (let i = 0; i < 10_000; i++) script.start(request());
  assert.equal(script.runner.inFlight, 10_000);
  script.clock.advance(32_000, 1000);
  await settle();
  assert.equal(script.runner.inFlight, 0);
});
