// Owns the two kinds of error the house knows: one for the operator, one that is the answer to a SIP request.

/** Something the operator has to mend. The message says what is wrong, `hint` what to do next. Never holds a secret. */
export class RollcallError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RollcallError';
    this.hint = options.hint;
  }
}

/** A request that cannot be served. Whoever catches it answers `status reason` with `headers` added. */
export class SipError extends Error {
  /** Raw header lines to add to the answer, each ending in CRLF. */
  readonly headers: string;

  constructor(
    readonly status: number,
    readonly reason: string,
    headers = '',
  ) {
    super(`${status} ${reason}`);
    this.name = 'SipError';
    this.headers = headers;
  }
}
