// Owns the border between the sandbox and the server, seen from inside: what each calls, and how values get across.
//
// Everything in this folder runs INSIDE vm2, never in the server, which reads its compiled text (see ../sandbox.ts).
//
// What crosses and what it costs (vm2 3.12.2, Node 20): a call without arguments 0.1 to 0.3 µs, each argument 0.9 to 1.4 µs
// more, an object or a promise 8 to 50 µs. So no call has arguments, and nothing but a plain value is returned: whoever
// calls lays values out first, and the other side takes them one by one (`take`, `next`). Promises are made and kept in
// here and settled by number. `new Promise` and `.then` are vm2's guarded ones (1 to 2 µs each): async functions and
// objects with a `then` of their own do the same at a tenth of that.
import type { Plain } from '../fields';
import { Tray } from './tray';

/** More than the arguments of any function, so that their number fits below the rest. */
export const argumentStep = 16;

/** The server, as seen from in here. Each function finds its values by `take`; `next` is the server's `take`. */
export interface Outside {
  next(): Plain | undefined;
  /** [run, part, property] → the value; undefined for failure. */
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
   * [(run × functions + function) × `argumentStep` + number of arguments, argument …] → the result (null for none), undefined for failure. Of a function that waits,
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
  /** [outline as JSON] */
  open(): void;
  /** Adds a file. Called a few times only, so with arguments. */
  define(name: string, file: (...args: unknown[]) => void, imports: string): void;
  /** [main file] Runs the top level. → undefined, or the text of the error. */
  load(): string | undefined;
  /** → the names of exported functions and those of event routes, two lists as JSON. */
  exported(): string;
  /** [run, method] */
  request(): void;
  /** [run, status] */
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

/** An error of the request, not of the script: a header that cannot be read. */
export class BrokenRequest extends Error {}

/** The values laid out for the server, and the server itself. */
export class Border extends Tray {
  constructor(readonly outside: Outside) {
    super();
  }

  /** After a call that returned undefined: the server has the reason. */
  raise(): never {
    const broken = this.outside.next() === true;
    const message = String(this.outside.next());
    throw broken ? new BrokenRequest(message) : new Error(message);
  }
}

/** What to call a value of the wrong type in an error. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  const type = typeof value;
  if (type === 'undefined') return 'undefined';
  if (type === 'number' && Number.isNaN(value)) return 'NaN';
  return type === 'object' ? 'an object' : `a ${type}`;
}

/** An error as it is logged. Whatever was thrown, this does not throw. */
export function describe(error: unknown): string {
  try {
    if (error instanceof Error) return error.name === 'Error' ? error.message : `${error.name}: ${error.message}`;
    return `thrown: ${typeof error === 'object' ? JSON.stringify(error) : String(error)}`;
  } catch {
    return 'thrown: something that cannot be shown';
  }
}
