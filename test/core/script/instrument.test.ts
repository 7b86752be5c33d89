// Checks that instrumented code does what it did before, line by line, and records where it is.
import assert from 'node:assert/strict';
import test from 'node:test';
import { runInNewContext } from 'node:vm';
import { parse } from 'acorn';
import { instrument } from '../../../core/script/instrument';

/** Instruments a script whose positions are lines. */
function instrumented(code: string): string {
  const arrows: number[] = [];
  const program = parse(code, {
    ecmaVersion: 'latest',
    sourceType: 'module',
    locations: true,
    onToken: (token) => {
      if (token.type.label === '=>') arrows.push(token.start);
    },
  });
  return instrument(code, program, arrows, (node) => node.loc?.start.line ?? 0);
}

interface World {
  result: unknown;
  readonly lines: number[];
  readonly turns: number;
}

/** Runs code that sets `result`, perhaps later; with instruments when it has them. */
async function evaluate(code: string): Promise<World> {
  const lines: number[] = [];
  const run = {
    set at(line: number) {
      lines.push(line);
    },
  };
  const world = { result: undefined as unknown, turns: 0 };
  const instruments = {
    run,
    enter: () => run,
    again: (maker: unknown) => maker,
    turn: () => void world.turns++,
    back: (_run: unknown, _at: number, value: unknown) => value,
  };
  const set = (value: unknown) => {
    world.result = value;
  };
  runInNewContext(`'use strict';(function (__rollcall, __rollcall0, set) {${code}\n})`)(instruments, run, set);
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  return { result: world.result, turns: world.turns, lines };
}

const programs: Record<string, string> = {
  'branches without braces': 'let a = 0; if (true) a = 1; else a = 2; if (false) a = 3; else if (true) a += 4; set(a);',
  'a branch that hangs on the inner if': 'let a = 0; if (true) if (false) a = 1; else a = 2; set(a);',
  'loops without braces':
    'let s = ""; for (let i = 0; i < 3; i++) s += i; for (const x of [7, 8]) s += x; for (const k in { a: 1 }) s += k; let n = 2; while (n--) s += n; do s += "d"; while (false); set(s);',
  'labels, break and continue':
    'let s = ""; outer: for (const a of [1, 2, 3]) { for (const b of [1, 2]) { if (b === 2) continue outer; if (a === 3) break outer; s += a; } } set(s);',
  'arrows of every form':
    'const f = (a) => a + 1; const g = (a) => ({ v: a }); const h = (a, b = () => 2) => a + b(); const k = x => y => x * y; set([f(1), g(2).v, h(1), k(3)(4), [1, 2].map((v) => v > 1)]);',
  'an arrow whose body is in brackets over lines': 'const f = (a) => (\n  a + 1\n);\nset(f(1));',
  'switches that fall through':
    'let s = ""; for (const x of [1, 2, 3]) switch (x) { case 1: s += "a"; case 2: s += "b"; break; default: s += "c"; } set(s);',
  'classes with super, getters, fields and static blocks':
    'class A { #p = 1; static s; static { A.s = 5; } constructor(v) { this.v = v; } get p() { return this.#p; } } class B extends A { f = () => this.v; constructor() { super(3); this.w = 4; } } const b = new B(); set([b.v, b.w, b.p, b.f(), A.s]);',
  generators:
    'function* g() { const x = yield 1; yield x * 2; return 3; } const i = g(); set([i.next(), i.next(5), i.next()].map((r) => r.value));',
  'return in try and finally': 'function f() { try { return 1; } finally { set("finally"); } } f();',
  'async functions, await in expressions, promises returned':
    'const p = async (v) => v; async function f() { const a = (await p(1)) + (await p(2)); for (const x of [1]) await p(x); return p(a); } f().then(set);',
  'return of a rejected promise is caught inside try only if it is awaited':
    'const bad = async () => { throw new Error("x"); }; async function f() { try { return bad(); } catch { return "caught"; } } f().then(set, () => set("rejected"));',
  'return of a rejected promise outside try rejects':
    'const bad = async () => { throw new Error("x"); }; async function f() { return bad(); } f().catch((e) => set(e.message));',
  'for await and async generators':
    'async function* g() { yield 1; yield 2; } async function f() { let s = 0; for await (const v of g()) s += v; set(s); } f();',
  'catch without and with a pattern':
    'let s = ""; try { throw { a: 1 }; } catch { s += "x"; } try { throw { a: 2 }; } catch ({ a }) { s += a; } set(s);',
  'directives stay first': '"use strict"; function f() { "use strict"; return this === undefined; } set(f());',
  'default values that are functions':
    'function f(g = () => 4, { h = function () { return 5; } } = {}) { return g() + h(); } set(f());',
  'optional chains and tagged templates': 'const o = { f: (s) => s[0] }; set([o.f`x`, o.g?.(1), o.f?.(["y"])]);',
  'conditional and logical values returned from async functions':
    'const p = async (v) => v; async function f(c) { return c ? p(1) : p(2); } async function g() { return null ?? p(3); } Promise.all([f(true), f(false), g()]).then(set);',
  'comma, spread and nested destructuring':
    'const [a, { b = 2, ...rest }] = [1, { c: 3 }]; let x = (1, 2); set([a, b, rest, ...[x]]);',
};

for (const [name, code] of Object.entries(programs)) {
  test(`instruments change nothing: ${name}`, async () => {
    const plain = await evaluate(code);
    const traced = await evaluate(instrumented(code));
    assert.notEqual(plain.result, undefined);
    assert.equal(JSON.stringify(traced.result), JSON.stringify(plain.result));
  });
}

test('the lines of the code stay where they were', () => {
  for (const code of Object.values(programs)) {
    assert.equal(instrumented(code).split('\n').length, code.split('\n').length);
  }
});

test('every statement records its place, in the order of running', async () => {
  const code = 'let a = 1;\nif (a)\n  a = 2;\nconst f = () => {\n  return a;\n};\nset(f());';
  assert.deepEqual((await evaluate(instrumented(code))).lines, [1, 2, 3, 4, 7, 5]);
});

test('every turn of every kind of loop is counted', async () => {
  const code =
    'let n = 2; while (n--); do n++; while (n < 2); for (const x of [1, 2]) for (const y in { a: 1 }); for (let i = 0; i < 3; i++) {}';
  assert.equal((await evaluate(instrumented(code))).turns, 2 + 3 + 2 + 2 + 3);
});
