// Owns the script's world: its modules and files, its console, its routes, and the start and end of each run.
import type { Outline } from '../facade';
import { Border, BrokenRequest, describe, type Inside, kindOf, type Outside } from './border';
import { makeFunction, makeRollcall } from './functions';
import { addProperties, Message, Reply, Request, RequestView } from './message';
import { type Run, Runs } from './runs';

type Route = (argument: unknown) => unknown;
type Exports = Record<string, unknown>;

interface ScriptFile {
  /** The function (module, exports, require, __rollcall, __rollcall0) around its code. */
  readonly body: (...args: unknown[]) => void;
  readonly imports: Readonly<Record<string, string>>;
}

/** Makes the world. Runs once in a new sandbox; afterwards the script is defined file by file, and loaded. */
export function createInside(outside: Outside): Inside {
  const border = new Border(outside);
  const runs = new Runs();
  const { next } = outside;
  Message.border = border;
  const modules = new Map<string, Exports>();
  const files = new Map<string, ScriptFile>();
  const routes = new Map<string, Route>();
  const eventRoutes = new Map<string, Route>();
  furnish(border);

  function load(name: string): Exports {
    const known = modules.get(name);
    if (known !== undefined) return known;
    const file = files.get(name);
    if (file === undefined) throw new Error(`cannot find "${name}"`);
    let exports: Exports = {};
    modules.set(name, exports);
    const module = {
      get exports() {
        return exports;
      },
      // esbuild's CommonJS puts another object here before it requires anything; who imports in a circle has to get that.
      set exports(value: Exports) {
        exports = value;
        modules.set(name, value);
      },
    };
    const require = (specifier: string) => load(file.imports[specifier] ?? specifier);
    file.body(module, exports, require, runs, runs.run);
    return exports;
  }

  function findRoutes(exports: Exports): void {
    for (const name of Object.keys(exports)) {
      const value = exports[name];
      if (typeof value === 'function') routes.set(name, value as Route);
    }
    for (const [name, route] of Object.entries(exports.event_route ?? {})) {
      if (typeof route !== 'function')
        throw new TypeError(`event_route['${name}'] must be a function, not ${kindOf(route)}`);
      eventRoutes.set(name, route);
    }
  }

  /** Starts a route. Whoever was at work goes on afterwards: a function of a module may run an event route by the way. */
  function start(run: Run, before: Run, route: Route | undefined, argument: unknown): void {
    void drive(run, route, argument);
    runs.run = before;
  }

  /** Runs a route to its end. Nothing but `await`, so that none of vm2's `then` is met. */
  async function drive(run: Run, route: Route | undefined, argument: unknown): Promise<void> {
    try {
      await route?.(argument);
    } catch (error) {
      if (!run.live) return;
      border.layOut(run.id, describe(error), error instanceof BrokenRequest);
      outside.failed();
      runs.end(run);
      return;
    }
    if (!run.live) return;
    border.layOut(run.id);
    if (outside.returned()) runs.end(run);
  }

  return {
    take: () => border.take(),
    open() {
      const outline: Outline = JSON.parse(String(next()));
      runs.maxTurns = outline.maxTurns;
      addProperties(RequestView, outline.requestFields);
      addProperties(Reply, outline.replyFields);
      modules.set('rollcall', makeRollcall(border, routes));
      for (const name of outline.modules) modules.set(name, {});
      outline.functions.forEach((declared, number) => {
        const functions = modules.get(declared.module);
        if (functions)
          functions[declared.name] = makeFunction(border, runs, declared, number, outline.functions.length);
      });
    },
    define: (name, body, imports) => void files.set(name, { body, imports: JSON.parse(imports) }),
    load() {
      try {
        findRoutes(load(String(next())));
        return undefined;
      } catch (error) {
        return describe(error);
      } finally {
        runs.endLoading();
      }
    },
    exported: () => JSON.stringify([[...routes.keys()], [...eventRoutes.keys()]]),
    request() {
      const before = runs.run;
      const run = runs.begin(Number(next()));
      run.request = new Request(run, 0, next());
      start(run, before, routes.get('request_route'), run.request);
    },
    reply() {
      const before = runs.run;
      const run = runs.begin(Number(next()));
      start(run, before, routes.get('reply_route'), new Reply(run, 1, next()));
    },
    event() {
      const before = runs.run;
      const run = runs.begin(Number(next()));
      const name = String(next());
      const fields: unknown = JSON.parse(String(next()));
      const request = next() === true ? new RequestView(run, 0) : undefined;
      const response = next() === true ? new Reply(run, 1) : undefined;
      start(run, before, eventRoutes.get(name), { name, fields, request, response });
    },
    settle() {
      const number = Number(next());
      const value = next();
      if (number < 0) runs.settle(-number, undefined, new Error(String(value)));
      else runs.settle(number, value === null ? undefined : value, undefined);
    },
    forget() {
      const run = runs.find(Number(next()));
      if (run !== undefined) runs.end(run);
    },
    position: () => runs.find(Number(next()))?.at ?? 0,
  };
}

/** Puts a console into the world, and takes out what vm2 passes in from the server: each use of it would cross the border. */
function furnish(border: Border): void {
  const world = globalThis as unknown as Record<string, unknown>;
  for (const name of ['Buffer', 'VMError', 'WebAssembly', 'global', 'GLOBAL', 'root']) delete world[name];
  const writer = (level: string) => {
    return (...values: unknown[]): void => {
      border.layOut(level, values.map(show).join(' '));
      border.outside.log();
    };
  };
  const info = writer('info');
  world.console = { log: info, info, debug: writer('debug'), warn: writer('warn'), error: writer('error') };
}

function show(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return describe(value);
  try {
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  } catch {
    return kindOf(value);
  }
}
