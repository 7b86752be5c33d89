// Owns what is added to a script's code: the current line, the counting of loop turns, and the run that each piece works for.
//
// vm2 hides line numbers, stops no loop in a function that is called later, and cannot tell which request a piece of code
// works for once something was awaited. One small object, the run, answers all three: code says where it is by storing a
// number in its run, counts its turns there, and makes its run the current one again whenever it goes on after an await.
//
//   async function helper(a) {                    async function helper(a) {const __rollcall1=__rollcall.enter();
//     for (const x of a) await look(x);     →       __rollcall1.at=7;for (const x of a){__rollcall.turn(__rollcall1,7);
//   }                                                 __rollcall1.at=8;__rollcall.back(__rollcall1,8,await look(x));} }
import type { AnyNode, Node, Program } from 'acorn';
import { base, type RecursiveVisitors, recursive } from 'acorn-walk';

/** The object with `run`, `enter`, `again`, `turn` and `back` that the code is given; runs are this and a depth. */
export const instrumentName = '__rollcall';

/** How deep in functions a piece of code is, and what surrounds it there. */
interface Surroundings {
  /** 0: the top level of the file; its run is `__rollcall0`. */
  readonly depth: number;
  readonly async: boolean;
  readonly generator: boolean;
  readonly insideTry: boolean;
  /** Number of the statement's place. */
  readonly position: number;
}

interface Insertion {
  readonly offset: number;
  /** What closes something comes before what opens the next thing at the same offset. */
  readonly opens: boolean;
  readonly text: string;
}

/** Statements that only name things: nothing can go wrong in them, and an import may not have code before it. */
const silent = new Set([
  'FunctionDeclaration',
  'ImportDeclaration',
  'ExportAllDeclaration',
  'EmptyStatement',
  'BlockStatement',
]);
/** What a `return` may hand back that can be a promise. Only these are worth an `await`. */
const mayBePromise = new Set([
  'CallExpression',
  'ConditionalExpression',
  'LogicalExpression',
  'TaggedTemplateExpression',
]);

/**
 * Adds the code. `arrows` are the offsets of all `=>` tokens, rising; `position` gives the number of a node's place.
 * The result has the same lines as `code`.
 */
export function instrument(
  code: string,
  program: Program,
  arrows: readonly number[],
  position: (node: Node) => number,
): string {
  const insertions: Insertion[] = [];
  const open = (offset: number, text: string) => insertions.push({ offset, opens: true, text });
  const close = (offset: number, text: string) => insertions.push({ offset, opens: false, text });
  const run = (around: Surroundings) => instrumentName + around.depth;

  /** A statement in a list: records its place, then goes into it. */
  function statement(node: AnyNode, around: Surroundings, visit: Visit): void {
    const here = silent.has(node.type) || isDirective(node) ? around : { ...around, position: position(node) };
    if (here !== around) open(node.start, `${run(around)}.at=${here.position};`);
    visit(node, here);
  }

  /** A statement that stands where a block may stand: becomes a block, so that its place can be recorded. */
  function branch(node: AnyNode | null | undefined, around: Surroundings, visit: Visit, first = ''): void {
    if (node === null || node === undefined) return;
    if (node.type === 'BlockStatement') {
      if (first !== '') open(node.start + 1, first);
      visit(node, around);
      return;
    }
    open(node.start, `{${first}`);
    statement(node, around, visit);
    close(node.end, '}');
  }

  function loop(body: AnyNode, around: Surroundings, visit: Visit): void {
    branch(body, around, visit, `${instrumentName}.turn(${run(around)},${around.position});`);
  }

  /** The offset behind the last `=>` before the body: nothing but a bracket stands between the two. */
  function behindArrow(bodyStart: number): number {
    return (arrows.findLast((offset) => offset < bodyStart) ?? 0) + '=>'.length;
  }

  const visitors: RecursiveVisitors<Surroundings> = {
    Function(node, around, visit) {
      // Parameters belong to the surroundings: the run of the body is not known there yet.
      for (const param of node.params) visit(param, around);
      const inside: Surroundings = {
        depth: around.depth + 1,
        async: node.async,
        generator: node.generator,
        insideTry: false,
        position: around.position,
      };
      // Code of the top level is called by whoever runs now; a nested function belongs to the run that made it.
      const entry = `const ${run(inside)}=${instrumentName}.${around.depth === 0 ? 'enter()' : `again(${run(around)})`};`;
      if (node.body.type === 'BlockStatement') {
        const directives = node.body.body.filter(isDirective);
        open(directives.at(-1)?.end ?? node.body.start + 1, entry);
        visit(node.body, inside);
        return;
      }
      const here = { ...inside, position: position(node.body) };
      const wait = node.async && mayBePromise.has(node.body.type) ? 'await ' : '';
      open(behindArrow(node.body.start), `{${entry}${run(here)}.at=${here.position};return ${wait}(`);
      visit(node.body, here);
      close(node.end, ')}');
    },
    Program: (node, around, visit) => {
      for (const child of node.body) statement(child, around, visit);
    },
    BlockStatement: (node, around, visit) => {
      for (const child of node.body) statement(child, around, visit);
    },
    StaticBlock: (node, around, visit) => {
      for (const child of node.body) statement(child, around, visit);
    },
    SwitchCase(node, around, visit) {
      if (node.test) visit(node.test, around);
      for (const child of node.consequent) statement(child, around, visit);
    },
    IfStatement(node, around, visit) {
      visit(node.test, around);
      branch(node.consequent, around, visit);
      branch(node.alternate, around, visit);
    },
    WhileStatement(node, around, visit) {
      visit(node.test, around);
      loop(node.body, around, visit);
    },
    DoWhileStatement(node, around, visit) {
      loop(node.body, around, visit);
      visit(node.test, around);
    },
    ForStatement(node, around, visit) {
      for (const part of [node.init, node.test, node.update]) if (part) visit(part, around);
      loop(node.body, around, visit);
    },
    ForInStatement(node, around, visit) {
      visit(node.left, around);
      visit(node.right, around);
      loop(node.body, around, visit);
    },
    ForOfStatement(node, around, visit) {
      visit(node.left, around);
      visit(node.right, around);
      // `for await` goes on after a pause at each turn, and `turn` makes the run the current one again.
      loop(node.body, around, visit);
    },
    TryStatement(node, around, visit) {
      visit(node.block, { ...around, insideTry: true });
      // A handler can be where the code goes on after an await that failed.
      const resume = around.async ? `${instrumentName}.run=${run(around)};` : '';
      if (node.handler) {
        if (node.handler.param) visit(node.handler.param, around);
        branch(node.handler.body, around, visit, resume);
      }
      branch(node.finalizer, around, visit, resume);
    },
    ReturnStatement(node, around, visit) {
      const { argument } = node;
      if (!argument) return;
      // `return p` costs vm2 three ticks and its guard of `then`; outside `try`, `return await p` means the same.
      const wait = around.async && !around.generator && !around.insideTry && mayBePromise.has(argument.type);
      if (wait) open(argument.start, 'await (');
      visit(argument, around);
      if (wait) close(argument.end, ')');
    },
    AwaitExpression(node, around, visit) {
      open(node.start, `${instrumentName}.back(${run(around)},${around.position},`);
      visit(node.argument, around);
      close(node.end, ')');
    },
  };
  // A file's own top level has no function around it; the wrapper declares its run.
  const top: Surroundings = { depth: 0, async: false, generator: false, insideTry: false, position: 0 };
  recursive(program, top, visitors, base);
  return weave(code, insertions);
}

type Visit = (node: AnyNode, state: Surroundings) => void;

function isDirective(node: AnyNode): boolean {
  return node.type === 'ExpressionStatement' && node.directive !== undefined;
}

function weave(code: string, insertions: Insertion[]): string {
  // The sort is stable: what opens at one offset stays outermost first, what closes there innermost first.
  insertions.sort((a, b) => a.offset - b.offset || Number(a.opens) - Number(b.opens));
  const pieces: string[] = [];
  let from = 0;
  for (const { offset, text } of insertions) {
    pieces.push(code.slice(from, offset), text);
    from = offset;
  }
  pieces.push(code.slice(from));
  return pieces.join('');
}
