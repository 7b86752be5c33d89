// Owns one PUBLISH or SUBSCRIBE on its way through the door, and its answer.
import {
  DatabaseUnavailable,
  type Logger,
  type RoutedRequest,
  SipError,
  type SipRequest,
  type Trail,
} from '../../core/api';
import type { Answer, Decide, Decision } from './changes';
import type { Operation } from './draft';
import type { ResourceKey } from './resource';
import { tellRefusal } from './trace';

/** Answers requests. */
export class Answers {
  constructor(
    private readonly log: Logger,
    private readonly trail: Trail,
  ) {}

  /** @returns whether the answer is a 2xx */
  give(req: RoutedRequest, { status, reason, headers, toTag }: Answer): boolean {
    req.reply(status, reason, toTag === undefined ? { headers } : { headers, toTag });
    if (this.log.isLevelEnabled('debug')) {
      const { method, uri, callId } = req.message;
      this.log.debug({ callId, uri, status, reason }, `${method} answered`);
    }
    return status < 300;
  }

  /** Answers what went wrong: a SipError with its status, a database that is away with 503, anything else with 500. */
  refuse(req: RoutedRequest, error: unknown): false {
    const answer = this.answerTo(error, req);
    if (this.trail.followed) tellRefusal(this.trail, req.message, answer);
    this.give(req, answer);
    return false;
  }

  private answerTo(error: unknown, req: RoutedRequest): Answer {
    if (error instanceof SipError) return { status: error.status, reason: error.reason, headers: error.headers };
    if (error instanceof DatabaseUnavailable) {
      this.log.warn({ err: error, callId: req.message.header('Call-ID') }, 'a request could not be stored');
      const headers = `Retry-After: ${Math.max(1, Math.ceil(error.retryAfter))}\r\n`;
      return { status: 503, reason: 'Service Unavailable', headers };
    }
    this.log.error({ err: error, callId: req.message.header('Call-ID') }, 'a request failed');
    return { status: 500, reason: 'Server Internal Error', headers: '' };
  }
}

/** An operation that answers its request. One object, because there is one for every request. */
export class Handling implements Operation {
  /** @param told whether the answer was a 2xx @param since ms since 1970 */
  constructor(
    private readonly answers: Answers,
    private readonly req: RoutedRequest,
    readonly key: ResourceKey,
    readonly decide: Decide,
    readonly since: number,
    private readonly told: (accepted: boolean) => void,
    /** What a 481 leads to instead of an answer, if anything. */
    private readonly unknown?: (answer: Answer) => void,
  ) {}

  get request(): SipRequest {
    return this.req.message;
  }

  done({ answer }: Decision): void {
    if (answer === undefined) this.failed(new Error('a request was decided without an answer'));
    else if (answer.status === 481 && this.unknown !== undefined) this.unknown(answer);
    else this.told(this.answers.give(this.req, answer));
  }

  failed(error: unknown): void {
    this.told(this.answers.refuse(this.req, error));
  }
}
