// Owns messages inside the sandbox: small objects that fetch what the script asks for and keep it while nothing changes.
import type { Plain } from '../fields';
import { type Border, kindOf } from './border';
import type { Run } from './runs';

/** A message of a run; part 0 is the request and part 1 the response. */
export class Message {
  static border: Border;
  readonly #run: Run;
  readonly #part: number;
  /** Property 0, which no edit changes and which is nearly always asked for: the method, or the status. */
  readonly #first: Plain | undefined;
  #kept: (Plain | undefined)[] | undefined;

  constructor(run: Run, part: number, first?: Plain) {
    this.#run = run;
    this.#part = part;
    this.#first = first;
  }

  /** The run of a message. @throws when it is over */
  static runOf(message: Message): Run {
    if (!message.#run.live) throw new Error('this request is over: it cannot be used after its route has ended');
    return message.#run;
  }

  /** Something may edit the headers now. */
  static forget(message: Message): void {
    message.#kept = undefined;
  }

  static property(message: Message, number: number): Plain | undefined {
    const run = Message.runOf(message);
    if (number === 0 && message.#first !== undefined) return message.#first;
    message.#kept ??= [];
    let value = message.#kept[number];
    if (value === undefined) {
      Message.border.layOut(run.id, message.#part, number);
      value = Message.border.outside.field();
      if (value === undefined) Message.border.raise();
      message.#kept[number] = value;
    }
    return value === null ? undefined : value;
  }

  header(name: string): string | undefined {
    Message.border.layOut(Message.runOf(this).id, this.#part, text(name, 'header'));
    const value = Message.border.outside.header();
    return value === null ? undefined : String(value);
  }

  headers(name: string): string[] {
    Message.border.layOut(Message.runOf(this).id, this.#part, text(name, 'headers'));
    const values: string[] = [];
    for (let left = Message.border.outside.headers(); left > 0; left--) {
      values.push(String(Message.border.outside.next()));
    }
    return values;
  }
}

/** A request to look at. */
export class RequestView extends Message {}

/** The request of `request_route`: the only message that functions of modules take. */
export class Request extends RequestView {}

export class Reply extends Message {}

/** Gives a kind of message its properties; their places are their numbers. */
export function addProperties(type: typeof Message, names: readonly string[]): void {
  names.forEach((name, number) => {
    Object.defineProperty(type.prototype, name, {
      get(this: Message) {
        return Message.property(this, number);
      },
    });
  });
}

/** The run of a function's request argument. @throws TypeError when it is something else, Error when the run is over */
export function runOfRequest(value: unknown, called: string, argument: string): Run {
  if (value instanceof Request) return Message.runOf(value);
  throw new TypeError(`${called}: ${argument} must be the request of the route, not ${kindOf(value)}`);
}

function text(name: unknown, called: string): string {
  if (typeof name === 'string') return name;
  throw new TypeError(`${called}: name must be a string, not ${kindOf(name)}`);
}
