// Owns one run of a route from its start to its end: for which message, since when, and what it still waits for.
import type { SipError } from '../base/errors';
import type { Readable } from './fields';
import type { TransactionRequest } from './routed-request';

/** What a run is about. Part 0 is the request and part 1 the response, as far as there is one. */
export interface RunSubject {
  /** `request_route`, `reply_route` or `event_route[NAME]`, for the log. */
  readonly title: string;
  /** The request to be answered: in `request_route` only. */
  readonly routed?: TransactionRequest;
  readonly request?: Readable;
  readonly response?: Readable;
}

export class Run {
  /** Finds it, as long as it is not over. */
  id = 0;
  /** Functions of modules that it called and that have not come back. */
  pending = 0;
  /** The route itself has ended; what it called and did not await may still be under way. */
  hasReturned = false;
  over = false;
  /** What was found wrong with the message when the script read it. */
  fault: SipError | undefined;

  constructor(
    readonly subject: RunSubject,
    /** ms since 1970 */
    readonly startedAt: number,
  ) {}

  get callId(): string {
    const message = (this.subject.request ?? this.subject.response)?.message;
    return message?.header('Call-ID') ?? '';
  }

  part(number: unknown): Readable | undefined {
    return number === 1 ? this.subject.response : this.subject.request;
  }
}
