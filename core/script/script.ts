// Owns a loaded script and its runs in flight: what the sandbox asks the server for, when a run is over, and how it ended.
import { RollcallError, SipError } from '../base/errors';
import type { Logger, LogLevel } from '../base/logger';
import { Slots } from '../base/slots';
import type { ScriptFunction } from '../module/function';
import { isPromise } from '../module/gate';
import type { EventRouteInput } from '../module/request';
import { decodeUtf8, encodeUtf8 } from '../sip/text';
import type { CompiledFiles } from './compile';
import { type FunctionOutline, type FunctionTable, outline } from './facade';
import type { Plain } from './fields';
import { argumentStep } from './inside/border';
import { messageDesk } from './messages';
import type { Whereabouts } from './routed-request';
import { Run, type RunSubject } from './run';
import { type Loaded, Sandbox } from './sandbox';

export class Script implements Whereabouts {
  readonly main: string;
  readonly #compiled: CompiledFiles;
  readonly #functions: FunctionTable;
  readonly #outlines: readonly FunctionOutline[];
  readonly #log: Logger;
  readonly #sandbox: Sandbox;
  readonly #runs = new Slots<Run>();
  /** Which run waits for a result. */
  readonly #waits = new Slots<Run>();
  readonly #loaded: Loaded;

  /** Runs the top level of the script; `problem` says how that went. */
  constructor(compiled: CompiledFiles, functions: FunctionTable, options: { log: Logger; maxTurns: number }) {
    this.main = compiled.main;
    this.#compiled = compiled;
    this.#functions = functions;
    this.#log = options.log;
    const told = outline(functions, options.maxTurns);
    this.#outlines = told.functions;
    this.#sandbox = new Sandbox(compiled, told, {
      ...messageDesk({
        take: () => this.#sandbox.take(),
        tray: () => this.#sandbox.tray,
        takeRun: () => this.#takeRun(),
        fail: (error, run) => this.#fail(error, run),
      }),
      invoke: () => this.#invoke(),
      log: () => this.#print(),
      returned: () => this.#returned(),
      failed: () => this.#failed(),
    });
    this.#loaded = this.#sandbox.load();
  }

  /** What the top level threw, and where. */
  get loadError(): { readonly message: string; readonly position: number } | undefined {
    const message = this.#loaded.error;
    return message === undefined ? undefined : { message, position: this.#sandbox.position(0) };
  }

  hasRoute(name: string): boolean {
    return this.#loaded.routes.includes(name);
  }

  hasEventRoute(name: string): boolean {
    return this.#loaded.eventRoutes.includes(name);
  }

  /**
   * Why these functions could not take the place of a module's, for this script: one that it calls is missing, or is to be
   * called in another way. Undefined when they can: calls find them by name, and the script stays as it is.
   */
  refuses(module: string, functions: Readonly<Record<string, ScriptFunction>>): string | undefined {
    const uses = this.#compiled.uses.get(module);
    if (uses === undefined) return undefined;
    for (const known of this.#outlines) {
      if (known.module !== module || !(uses.has(known.name) || uses.has('*'))) continue;
      const next = functions[known.name];
      if (next === undefined) return `${module} has no function ${known.name} any more, and ${this.main} calls it`;
      const fits =
        next.waits === known.waits &&
        known.args.every(
          (arg, i) => next.args[i]?.type === arg.type && (next.args[i]?.optional ?? false) === arg.optional,
        ) &&
        next.args.slice(known.args.length).every((arg) => arg.optional === true);
      if (!fits) return `${module} declares ${known.name} in another way, and ${this.main} calls it as it was`;
    }
    return undefined;
  }

  /** Whether another script is made of the same code and calls the same functions. */
  isLike(other: Script): boolean {
    const own = [...this.#compiled.files.values()];
    return (
      own.length === other.#compiled.files.size &&
      own.every(({ name, code }) => other.#compiled.files.get(name)?.code === code) &&
      JSON.stringify(this.#outlines) === JSON.stringify(other.#outlines)
    );
  }

  /** Runs that have not ended. */
  get inFlight(): number {
    return this.#runs.size;
  }

  runRequest(subject: RunSubject, method: string, now: number): void {
    this.#sandbox.request(this.#begin(subject, now).id, method);
  }

  runReply(subject: RunSubject, status: number, now: number): void {
    this.#sandbox.reply(this.#begin(subject, now).id, status);
  }

  runEvent(name: string, fields: EventRouteInput['fields'], subject: RunSubject, now: number): void {
    const { request, response } = subject;
    const id = this.#begin(subject, now).id;
    this.#sandbox.event(id, name, asText(fields), request !== undefined, response !== undefined);
  }

  /** Ends the runs that were started at `time` (ms) or before. */
  endStartedBefore(time: number, limit: string): void {
    for (const run of this.#runs.values()) {
      if (run.startedAt > time) continue;
      this.#log.error(
        { callId: run.callId },
        `${this.whereIs(run.id)}: ${run.subject.title} has not ended within ${limit}`,
      );
      this.#answer(run, 500, 'Server Internal Error');
      this.#finish(run);
      this.#sandbox.forget(run.id);
    }
  }

  /** Where a run is now, for the log. */
  whereIs(run: number): string {
    return this.#compiled.positions.text(this.#sandbox.position(run), this.main);
  }

  #begin(subject: RunSubject, now: number): Run {
    const run = new Run(subject, now);
    run.id = this.#runs.add(run);
    subject.routed?.assign(this, run.id);
    return run;
  }

  #takeRun(): Run | undefined {
    return this.#runs.get(Number(this.#sandbox.take()));
  }

  /** Lays the error out for the sandbox to throw. */
  #fail(error: unknown, run?: Run): undefined {
    const broken = error instanceof SipError;
    if (broken && run !== undefined) run.fault = error;
    this.#sandbox.tray.layOut(broken, error instanceof Error ? error.message : String(error));
    return undefined;
  }

  #print(): void {
    const level = String(this.#sandbox.take()) as LogLevel;
    this.#log[level](String(this.#sandbox.take()));
  }

  #invoke(): Plain | undefined {
    const { take } = this.#sandbox;
    const word = Number(take());
    let left = word % argumentStep;
    const call = Math.floor(word / argumentStep);
    const run = this.#runs.get(Math.floor(call / this.#outlines.length));
    const declared = this.#outlines[call % this.#outlines.length];
    if (declared === undefined) return this.#fail(new RollcallError('there is no such function'));
    if (run === undefined && declared.waits) {
      return this.#fail(new RollcallError(`${declared.name}: can only be called by a route`));
    }
    // Looked up at each call, so that a reloaded module's new function is found.
    const called = this.#functions.get(declared.module)?.[declared.name];
    if (called === undefined)
      return this.#fail(new RollcallError(`${declared.name}: the module is not there any more`));
    const given = declared.args.map((arg) => {
      if (arg.type === 'request') return run?.subject.routed;
      // What crosses costs: arguments that were left out at the end are not asked for.
      const value = left-- > 0 ? take() : undefined;
      // Modules work on header text, one character a byte.
      return typeof value === 'string' ? encodeUtf8(value) : value;
    });
    try {
      const result = called.call(...given);
      if (!isPromise(result)) {
        const value = plain(result, called);
        // A number would be taken for one to wait for.
        if (declared.waits && typeof value === 'number')
          return this.#await(run, declared.name, Promise.resolve(value), called);
        return value;
      }
      if (declared.waits) return this.#await(run, declared.name, result, called);
      return this.#fail(new RollcallError(`${declared.name}: declared to answer at once, and returned a promise`));
    } catch (error) {
      return this.#thrown(run, declared.name, error) ?? this.#fail(named(declared.name, error));
    }
  }

  #await(run: Run | undefined, name: string, promise: PromiseLike<unknown>, called: ScriptFunction): Plain | undefined {
    if (run === undefined) return this.#fail(new RollcallError(`${name}: can only be called by a route`));
    const number = this.#waits.add(run);
    run.pending++;
    promise.then(
      (value) => this.#settle(run, number, plain(value, called)),
      (error) => this.#settle(run, number, this.#thrown(run, name, error) ?? named(name, error)),
    );
    return number;
  }

  /** What a function's error means: an answer when it is a SipError (then the function was false), else nothing yet. */
  #thrown(run: Run | undefined, name: string, error: unknown): false | undefined {
    if (error instanceof SipError && run?.subject.routed !== undefined) {
      if (!run.over) this.#answer(run, error.status, error.reason, error.headers);
      return false;
    }
    // The script sees the message only, and may catch it: the stack is for whoever mends the module.
    this.#log.debug({ callId: run?.callId, err: error }, `${name} failed`);
    return undefined;
  }

  #settle(run: Run, number: number, result: Plain | RollcallError): void {
    run.pending--;
    // Nothing inside still waits for a number when it is used again: what it was for is told, or the run is over.
    this.#waits.remove(number);
    if (run.over) return;
    if (result instanceof RollcallError) this.#sandbox.reject(number, result.message);
    else this.#sandbox.settle(number, result);
    if (!run.hasReturned || run.pending > 0) return;
    // The route ended without waiting for this. What goes on after it may call on: it has until the next turn of the loop.
    setImmediate(() => {
      if (run.over || run.pending > 0) return;
      this.#complete(run);
      this.#sandbox.forget(run.id);
    });
  }

  #returned(): boolean {
    const run = this.#takeRun();
    if (run === undefined) return true;
    run.hasReturned = true;
    if (run.pending > 0) return false;
    this.#complete(run);
    return true;
  }

  #complete(run: Run): void {
    if (run.subject.routed?.answered === false) {
      this.#log.error({ callId: run.callId }, `${this.whereIs(run.id)}: ${run.subject.title} ended without a reply`);
      this.#answer(run, 500, 'Server Internal Error');
    }
    this.#finish(run);
  }

  #failed(): void {
    const run = this.#takeRun();
    const message = String(this.#sandbox.take());
    const broken = this.#sandbox.take() === true;
    if (run === undefined) return;
    const line = `${this.whereIs(run.id)}: ${message}`;
    if (broken && run.fault !== undefined) {
      this.#log.info({ callId: run.callId }, line);
      this.#answer(run, run.fault.status, run.fault.reason, run.fault.headers);
    } else {
      this.#log.error({ callId: run.callId }, line);
      this.#answer(run, 500, 'Server Internal Error');
    }
    this.#finish(run);
  }

  /** Answers the request of a run, if it has one that is not answered. */
  #answer(run: Run, status: number, reason: string, headers = ''): void {
    const { routed } = run.subject;
    if (routed?.answered === false) routed.reply(status, reason, { headers });
  }

  #finish(run: Run): void {
    run.over = true;
    this.#runs.remove(run.id);
  }
}

/** A result as it crosses. Text of messages is one character a byte on this side and as people read it on the other. */
function plain(value: unknown, { returns }: ScriptFunction): Plain {
  if (returns === 'void' || typeof value !== returns) return null;
  return typeof value === 'string' ? decodeUtf8(value) : (value as Plain);
}

/** The values of an event as people read them: modules give header text. */
function asText(fields: EventRouteInput['fields']): object {
  const entries = Object.entries(fields);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? decodeUtf8(value) : value]),
  );
}

function named(name: string, error: unknown): RollcallError {
  return new RollcallError(`${name}: ${error instanceof Error ? error.message : String(error)}`);
}
