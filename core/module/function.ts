// Owns what a module lends out: functions to the routing script, commands to the control socket.

/** One argument of a script function. Optional ones come last. */
export interface ScriptArg {
  readonly name: string;
  readonly type: 'request' | 'string' | 'number';
  readonly optional?: boolean;
  readonly doc?: string;
}

/** A function that a routing script imports from the module. Only plain values cross; a request crosses as a number. */
export interface ScriptFunction {
  /** One sentence for the manual and the editor. */
  readonly summary: string;
  readonly args: readonly ScriptArg[];
  readonly returns: 'boolean' | 'number' | 'string' | 'void';
  /** True: the script gets a promise, and `call` may return one. */
  readonly waits: boolean;
  /** Takes what `args` declares: the facade checks that before it calls. */
  call(...args: unknown[]): unknown;
}

/** A command for the control socket: `MODULE.NAME`. */
export interface Command {
  readonly summary: string;
  readonly args: readonly { readonly name: string; readonly optional?: boolean; readonly doc?: string }[];
  /**
   * The result is sent as JSON. Throws RollcallError for what the operator can mend.
   * @param tell sends a value ahead of the result, to callers who take such
   */
  run(args: readonly string[], tell: (value: unknown) => void): unknown;
}
