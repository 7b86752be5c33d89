// Owns one vm2 sandbox with one script in it, and the laying out and taking of plain values on the server's side.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VM } from 'vm2';
import type { CompiledFiles } from './compile';
import type { Outline } from './facade';
import type { Plain } from './fields';
import type { Inside, Outside } from './inside/border';
import { Tray } from './inside/tray';
import type { createInside } from './inside/world';

/** How long the top level of a script may take to run, in ms. Functions called later are bounded by their loop turns. */
const loadTimeout = 2000;

/** The names and parameters of the function around each file. */
const wrapper = (code: string) =>
  `(function (module, exports, require, __rollcall, __rollcall0) {'use strict';${code}\n})`;

/** What came of running the top level of a script. */
export interface Loaded {
  readonly routes: readonly string[];
  readonly eventRoutes: readonly string[];
  /** What went wrong, if anything did. */
  readonly error: string | undefined;
}

export class Sandbox {
  readonly #vm = new VM({ eval: false, wasm: false });
  readonly #main: string;
  readonly #inside: Inside;
  /** What is laid out for the sandbox to take. */
  readonly tray = new Tray();

  /** The functions of `outside` are called from the sandbox; `next` is the sandbox's own. */
  constructor(compiled: CompiledFiles, outline: Outline, outside: Omit<Outside, 'next'>) {
    this.#main = compiled.main;
    const create: typeof createInside = this.#vm.run(insideSource());
    const inside = create({ ...outside, next: () => this.tray.take() });
    // Each look at a property of an object of the sandbox crosses the border: once is enough.
    this.#inside = {
      take: inside.take,
      open: inside.open,
      define: inside.define,
      load: inside.load,
      exported: inside.exported,
      request: inside.request,
      reply: inside.reply,
      event: inside.event,
      settle: inside.settle,
      forget: inside.forget,
      position: inside.position,
    };
    this.tray.layOut(JSON.stringify(outline));
    this.#inside.open();
    for (const file of compiled.files.values()) {
      const body = this.#vm.run(wrapper(file.code), file.name);
      this.#inside.define(file.name, body, JSON.stringify(Object.fromEntries(file.imports)));
    }
    this.take = this.#inside.take;
  }

  /** The next value that the sandbox has laid out. */
  readonly take: () => Plain | undefined;

  /** Runs the top level of the script. */
  load(): Loaded {
    let error: string | undefined;
    this.tray.layOut(this.#main);
    this.#vm.setGlobal('__rollcall_load', this.#inside.load);
    this.#vm.timeout = loadTimeout;
    try {
      error = this.#vm.run('__rollcall_load()');
    } catch {
      error = `the script has not been loaded within ${loadTimeout} ms`;
    }
    this.#vm.timeout = 0;
    this.#vm.run('delete globalThis.__rollcall_load');
    const [routes, eventRoutes]: [string[], string[]] = JSON.parse(this.#inside.exported());
    return { routes, eventRoutes, error };
  }

  request(run: number, method: string): void {
    this.tray.layOut(run, method);
    this.#inside.request();
  }

  reply(run: number, status: number): void {
    this.tray.layOut(run, status);
    this.#inside.reply();
  }

  event(run: number, name: string, fields: object, hasRequest: boolean, hasResponse: boolean): void {
    this.tray.layOut(run, name, JSON.stringify(fields));
    this.tray.add(hasRequest);
    this.tray.add(hasResponse);
    this.#inside.event();
  }

  /** Hands a result to what waits for it. */
  settle(number: number, result: Plain): void {
    this.tray.layOut(number, result);
    this.#inside.settle();
  }

  /** Fails what waits. */
  reject(number: number, message: string): void {
    this.tray.layOut(-number, message);
    this.#inside.settle();
  }

  forget(run: number): void {
    this.tray.layOut(run);
    this.#inside.forget();
  }

  /** Where a run is now: a number of the script's positions. */
  position(run: number): number {
    this.tray.layOut(run);
    return this.#inside.position();
  }
}

let insideText: string | undefined;

/**
 * An expression that gives `createInside`: the compiled text of the files of `inside/`, and a `require` for them. They lie
 * beside the compiled text of this file, and are read because they belong to the other side; only the tray is used on this one too.
 */
function insideSource(): string {
  if (insideText !== undefined) return insideText;
  const folder = join(__dirname, 'inside');
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .map(
      (name) =>
        `'./${name.slice(0, -'.js'.length)}': (exports, require) => {${readFileSync(join(folder, name), 'utf8')}\n}`,
    );
  insideText = `(() => {
    const files = {${files.join(',')}};
    const loaded = {};
    const require = (name) => {
      if (!(name in loaded)) files[name](loaded[name] = {}, require);
      return loaded[name];
    };
    return require('./world').createInside;
  })()`;
  return insideText;
}
