// Owns the script's world: everything in this file runs INSIDE vm2, never in the server. The server reads the compiled text.
//
// What crosses the border and what it costs (vm2 3.12.2, Node 20): a call without arguments 0.1 to 0.3 µs, each argument
// 0.9 to 1.4 µs more, an object or a promise 8 to 50 µs. So no call has arguments and nothing but a plain value is
// returned: whoever calls lays values out first and the other side takes them one by one (`take`, `next`). Promises are
// made and kept here and settled by number. `new Promise` and `.then` are vm2's guarded ones (1 to 2 µs each): async
// functions and objects with a `then` of their own do the same at a tenth of that.
import type { FunctionOutline, Outline } from './facade';
import type { Plain } from './fields';

/** The server, as seen from in here. Each function finds its values by `take`; `next` is the server's `take`. */
export interface Outside {
  next(): Plain | undefined;
  /** [run, field, part] → the value; undefined means failure and that the text of the error is next. */
  field(): Plain | undefined;
  /** [run, part, name] → the first value of a header, or null. */
  header(): Plain | undefined;
  /** [run, part, name] → how many values come next. */
  headers(): number;
  /** [run, id] → the value, or null. */
  avp(): Plain | undefined;
  /** [run, id, value] */
  setAvp(): Plain | undefined;
  /**
   * [run × functions + function, argument …] → the result (null for none), undefined for failure. Of a function that waits,
   * a number to wait for, or the result when it is there already. Requests are left out: a run has one.
   */
  invoke(): Plain | undefined;
  /** [level, text] */
  log(): void;
  /** [run] The route has returned. → whether the run is over. */
  returned(): boolean;
  /** [run, text, whether a broken request is to blame] The route has failed. */
  failed(): void;
}

/** What the server calls. */
export interface Inside {
  /** The next value laid out in here. */
  take(): Plain | undefined;
  /** Takes the outline as JSON. */
  open(): void;
  define(name: string, file: (...args: unknown[]) => void, importsJson: string): void;
  /** [main file] Runs the top level. → undefined, or the text of the error. */
  load(): string | undefined;
  /** What the script exports: function names, then '', then names of event routes. JSON. */
  exported(): string;
  /** [run, method] */
  request(): void;
  /** [run] */
  reply(): void;
  /** [run, name, fields as JSON, whether there is a request, whether there is a response] */
  event(): void;
  /** [number, result], or [-number, text of the error] */
  settle(): void;
  /** [run] Nothing of the run may go on. */
  forget(): void;
  /** [run] → where the run is. */
  position(): number;
}

/** One run of a route. `at` is where it is, `turns` what it has spent. */
interface Run {
  readonly id: number;
  at: number;
  turns: number;
  live: boolean;
  request: unknown;
  /** The numbers of what it waits for. */
  readonly waits: Set<number>;
}

/** An error of the request, not of the script: a header that cannot be read. */
class BrokenRequest extends Error {}

/** Awaiting one of these costs no promise of vm2's. */
class Waiter {
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #settled = false;
  #value: unknown;
  #error: Error | undefined;

  constructor(readonly run: Run) {}

  /** Called by the engine, a tick after the await. */
  // biome-ignore lint/suspicious/noThenProperty: being thenable is what it is for
  then(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
    this.#resolve = resolve;
    this.#reject = reject;
    if (this.#settled) this.#pass();
  }

  settle(value: unknown, error?: Error): void {
    this.#settled = true;
    this.#value = value;
    this.#error = error;
    this.#pass();
  }

  #pass(): void {
    if (this.#error) this.#reject?.(this.#error);
    else this.#resolve?.(this.#value);
  }
}

/** Makes the world. Runs once in a new sandbox; afterwards the script is defined file by file and loaded. */
export function createInside(outside: Outside): Inside {
  const { next, field, header, headers, avp, setAvp, invoke, log, returned, failed } = outside;
  const { parse, stringify } = JSON;

  // The values laid out for the server.
  let out: (Plain | undefined)[] = [];
  let taken = 0;
  const layOut = (...values: (Plain | undefined)[]) => {
    out = values;
    taken = 0;
  };

  const runs = new Map<number, Run>();
  /** What is waited for, by the number the server gave it. */
  const waiters = new Map<number, Waiter>();
  let maxTurns = 0;
  const makeRun = (id: number): Run => ({ id, at: 0, turns: 0, live: true, request: undefined, waits: new Set() });
  /** Stands in where no run is to be found: a function of the top level that a promise calls back, all runs being over. */
  let nobody = makeRun(0);

  /** What instrumented code sees as `__rollcall`. */
  const instruments = {
    run: makeRun(0),
    /** At the start of a function of the top level: it works for whoever calls it. */
    enter(): Run {
      if (!instruments.run.live) instruments.run = nobody;
      spend(instruments.run);
      return instruments.run;
    },
    /** At the start of a function inside another: it works for the run that made it, or, once that is over, as `enter`. */
    again(maker: Run): Run {
      if (maker.live) instruments.run = maker;
      return instruments.enter();
    },
    turn(run: Run, at: number): void {
      instruments.back(run, at, undefined);
      spend(run);
    },
    /** After an await. A run that is over does not go on. */
    back<T>(run: Run, at: number, value: T): T {
      if (!run.live) throw new Error('the run is over');
      instruments.run = run;
      run.at = at;
      return value;
    },
  };

  function spend(run: Run): void {
    // Where a `try` catches this, the next turn of the loop around it throws again: no loop keeps going.
    if (++run.turns > maxTurns) {
      throw new RangeError(`more than ${maxTurns} loop turns and calls in one run (max_while_loops)`);
    }
  }

  /** After a call that returned undefined: the server has the reason. */
  function raise(): never {
    const broken = next() === true;
    const message = String(next());
    throw broken ? new BrokenRequest(message) : new Error(message);
  }

  let requestNames: readonly string[] = [];
  let replyNames: readonly string[] = [];

  /** A message of a run. Properties are fetched when they are asked for and kept until something may have changed them. */
  class Message {
    readonly #run: Run;
    readonly #part: number;
    /** Property 0, which no edit changes and which is nearly always asked for: method, or status. */
    readonly #first: Plain | undefined;
    #kept: (Plain | undefined)[] | undefined;

    constructor(run: Run, part: number, first?: Plain) {
      this.#run = run;
      this.#part = part;
      this.#first = first;
    }

    static runOf(message: Message): Run {
      if (!message.#run.live) throw new Error('this request is over: it cannot be used after its route has ended');
      return message.#run;
    }

    static forgetFields(message: Message): void {
      message.#kept = undefined;
    }

    static get(message: Message, number: number): Plain | undefined {
      const run = Message.runOf(message);
      if (number === 0 && message.#first !== undefined) return message.#first;
      message.#kept ??= [];
      let value = message.#kept[number];
      if (value === undefined) {
        layOut(run.id, message.#part, number);
        value = field();
        if (value === undefined) raise();
        message.#kept[number] = value;
      }
      return value === null ? undefined : value;
    }

    header(name: string): string | undefined {
      checkText(name, 'header', 'name');
      layOut(Message.runOf(this).id, this.#part, name);
      const value = header();
      return value === null ? undefined : String(value);
    }

    headers(name: string): string[] {
      checkText(name, 'headers', 'name');
      layOut(Message.runOf(this).id, this.#part, name);
      const values: string[] = [];
      for (let count = headers(); count > 0; count--) values.push(String(next()));
      return values;
    }
  }
  class RequestView extends Message {}
  /** The request of `request_route`: the only message that functions of modules take. */
  class Request extends RequestView {}
  class Reply extends Message {}

  function addFields(type: typeof Message, names: readonly string[]): void {
    names.forEach((name, number) => {
      Object.defineProperty(type.prototype, name, {
        get(this: Message) {
          return Message.get(this, number);
        },
      });
    });
  }

  function checkText(value: unknown, called: string, argument: string): asserts value is string {
    if (typeof value !== 'string') throw new TypeError(`${called}: ${argument} must be a string, not ${kindOf(value)}`);
  }

  function kindOf(value: unknown): string {
    if (value === null) return 'null';
    if (value instanceof Request) return 'a request';
    const type = typeof value;
    return type === 'object' ? 'an object' : type === 'undefined' ? 'undefined' : `a ${type}`;
  }

  function requestOf(value: unknown, called: string, argument = 'req'): Request {
    if (value instanceof Request) return value;
    throw new TypeError(`${called}: ${argument} must be the request of the route, not ${kindOf(value)}`);
  }

  async function settled(value: unknown): Promise<unknown> {
    return value;
  }

  async function wait(waiter: Waiter): Promise<unknown> {
    return await waiter;
  }

  function makeFunction(
    { name, args, waits }: FunctionOutline,
    number: number,
    count: number,
  ): (...given: unknown[]) => unknown {
    const required = args.filter((arg) => arg.optional !== true).length;
    // A request that is optional and comes first may be left out; then the run's own stands in for it.
    const [first] = args;
    const implied = first?.type === 'request' && first.optional === true;
    return (...given) => {
      if (implied && !(given[0] instanceof Message)) given.unshift(instruments.run.request);
      let run = instruments.run;
      if (given.length > args.length) {
        throw new TypeError(`${name}: takes ${args.length} arguments at most, not ${given.length}`);
      }
      const laid: (Plain | undefined)[] = [0];
      for (let i = 0; i < args.length; i++) {
        const arg = args[i];
        const value = given[i];
        if (arg === undefined) break;
        if (value === undefined) {
          if (arg.optional !== true)
            throw new TypeError(`${name}: ${arg.name} is missing (${required} arguments needed)`);
          if (arg.type !== 'request') laid.push(undefined);
        } else if (arg.type === 'request') {
          run = Message.runOf(requestOf(value, name, arg.name));
          Message.forgetFields(value as Request);
        } else if (typeof value === arg.type && !Number.isNaN(value)) {
          laid.push(value as string | number);
        } else {
          throw new TypeError(`${name}: ${arg.name} must be a ${arg.type}, not ${kindOf(value)}`);
        }
      }
      if (!run.live) throw new Error(`${name}: the run is over`);
      laid[0] = run.id * count + number;
      out = laid;
      taken = 0;
      const result = invoke();
      if (result === undefined) raise();
      if (!waits) return result === null ? undefined : result;
      if (typeof result !== 'number') return settled(result === null ? undefined : result);
      const waiter = new Waiter(run);
      waiters.set(result, waiter);
      run.waits.add(result);
      return wait(waiter);
    };
  }

  /** Modules by name, files of the script by theirs. */
  const modules = new Map<string, Record<string, unknown>>();
  const files = new Map<
    string,
    { readonly body: (...args: unknown[]) => void; readonly imports: Record<string, string> }
  >();
  let exports: Record<string, unknown> = {};
  const routes = new Map<string, (argument: unknown) => unknown>();
  const eventRoutes = new Map<string, (argument: unknown) => unknown>();

  const avpKey = (id: unknown, called: string): string => {
    if (typeof id === 'number' || typeof id === 'string') return String(id);
    throw new TypeError(`${called}: id must be a number or a string, not ${kindOf(id)}`);
  };

  const rollcall = {
    avp(req: unknown, id: unknown): Plain | undefined {
      layOut(Message.runOf(requestOf(req, 'avp')).id, avpKey(id, 'avp'));
      const value = avp();
      return value === null ? undefined : value;
    },
    set_avp(req: unknown, id: unknown, value: unknown): void {
      if (typeof value !== 'string' && typeof value !== 'number') {
        throw new TypeError(`set_avp: value must be a string or a number, not ${kindOf(value)}`);
      }
      layOut(Message.runOf(requestOf(req, 'set_avp')).id, avpKey(id, 'set_avp'), value);
      setAvp();
    },
    async route(req: unknown, name: unknown): Promise<unknown> {
      const request = requestOf(req, 'route');
      const target = routes.get(String(name));
      if (target === undefined) throw new TypeError(`route: the script exports no function "${String(name)}"`);
      return await target(request);
    },
  };

  function requireFile(name: string): Record<string, unknown> {
    const known = modules.get(name);
    if (known !== undefined) return known;
    const file = files.get(name);
    if (file === undefined) throw new Error(`cannot find "${name}"`);
    const module: { exports: Record<string, unknown> } = { exports: {} };
    modules.set(name, module.exports);
    const require = (specifier: string) => {
      const target = file.imports[specifier] ?? specifier;
      return requireFile(target);
    };
    // esbuild's CommonJS replaces `module.exports` first thing, before it requires anything.
    const holder = {
      get exports() {
        return module.exports;
      },
      set exports(value) {
        module.exports = value;
        modules.set(name, value);
      },
    };
    file.body(holder, module.exports, require, instruments, instruments.run);
    return module.exports;
  }

  function describe(error: unknown): string {
    try {
      if (error instanceof Error) return error.name === 'Error' ? error.message : `${error.name}: ${error.message}`;
      return `thrown: ${typeof error === 'object' ? stringify(error) : String(error)}`;
    } catch {
      return 'thrown: something that cannot be shown';
    }
  }

  /** Runs a route to its end. Only `await` on what it returns, so that none of vm2's `then` is met. */
  async function drive(run: Run, route: (argument: unknown) => unknown, argument: unknown): Promise<void> {
    try {
      await route(argument);
    } catch (error) {
      if (!run.live) return;
      layOut(run.id, describe(error), error instanceof BrokenRequest);
      failed();
      end(run);
      return;
    }
    if (!run.live) return;
    layOut(run.id);
    if (returned()) end(run);
  }

  function begin(): Run {
    const run = makeRun(Number(next()));
    runs.set(run.id, run);
    instruments.run = run;
    if (nobody.turns > 0) nobody = makeRun(0);
    return run;
  }

  function end(run: Run): void {
    run.live = false;
    for (const number of run.waits) waiters.delete(number);
    runs.delete(run.id);
  }

  const level =
    (name: string) =>
    (...values: unknown[]): void => {
      layOut(name, values.map((value) => (typeof value === 'string' ? value : show(value))).join(' '));
      log();
    };

  function show(value: unknown): string {
    if (value instanceof Error) return describe(value);
    try {
      return typeof value === 'object' ? stringify(value) : String(value);
    } catch {
      return kindOf(value);
    }
  }

  const console = {
    log: level('info'),
    info: level('info'),
    debug: level('debug'),
    warn: level('warn'),
    error: level('error'),
  };
  const world = globalThis as unknown as Record<string, unknown>;
  // vm2 passes the server's Buffer in, at the price of the border for each use of it. Nothing of the server stays.
  for (const name of ['Buffer', 'VMError', 'WebAssembly', 'global', 'GLOBAL', 'root']) delete world[name];
  world.console = console;

  return {
    take: () => out[taken++],
    open() {
      const outline: Outline = parse(String(next()));
      maxTurns = outline.maxTurns;
      requestNames = outline.requestFields;
      replyNames = outline.replyFields;
      addFields(RequestView, requestNames);
      addFields(Reply, replyNames);
      modules.set('rollcall', rollcall);
      outline.functions.forEach((declared, number) => {
        const functions = modules.get(declared.module) ?? {};
        functions[declared.name] = makeFunction(declared, number, outline.functions.length);
        modules.set(declared.module, functions);
      });
    },
    define(name, body, importsJson) {
      files.set(name, { body, imports: parse(importsJson) });
    },
    load() {
      try {
        exports = requireFile(String(next()));
        for (const name of Object.keys(exports)) {
          const value = exports[name];
          if (typeof value === 'function') routes.set(name, value as (argument: unknown) => unknown);
        }
        const events = exports.event_route;
        if (typeof events === 'object' && events !== null) {
          for (const [name, route] of Object.entries(events)) {
            if (typeof route === 'function') eventRoutes.set(name, route);
          }
        }
        return undefined;
      } catch (error) {
        return describe(error);
      } finally {
        instruments.run.live = false;
        runs.set(0, instruments.run);
      }
    },
    exported: () => stringify([[...routes.keys()], [...eventRoutes.keys()]]),
    request() {
      const run = begin();
      const request = new Request(run, 0, next());
      run.request = request;
      void drive(run, routes.get('request_route') as (argument: unknown) => unknown, request);
    },
    reply() {
      const run = begin();
      void drive(run, routes.get('reply_route') as (argument: unknown) => unknown, new Reply(run, 1));
    },
    event() {
      const run = begin();
      const name = String(next());
      const fields = parse(String(next()));
      const request = next() === true ? new RequestView(run, 0) : undefined;
      const response = next() === true ? new Reply(run, 1) : undefined;
      const route = eventRoutes.get(name) as (argument: unknown) => unknown;
      void drive(run, route, { name, fields, request, response });
    },
    settle() {
      const given = Number(next());
      const value = next();
      const number = Math.abs(given);
      const waiter = waiters.get(number);
      if (waiter === undefined) return;
      waiters.delete(number);
      waiter.run.waits.delete(number);
      waiter.settle(value === null ? undefined : value, given > 0 ? undefined : new Error(String(value)));
    },
    forget() {
      const run = runs.get(Number(next()));
      if (run !== undefined) end(run);
    },
    position: () => runs.get(Number(next()))?.at ?? 0,
  };
}
