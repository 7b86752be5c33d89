// Owns the way of a PUBLISH or SUBSCRIBE through the module: read it, take it through the door, answer it.
import {
  addressOfRecord,
  DatabaseUnavailable,
  isToken,
  type Logger,
  type Random,
  type RoutedRequest,
  SipError,
  type Trail,
} from '../../core/api';
import type { Answer, Decide } from './changes';
import { decidePublish } from './decide/publish';
import { type Authorise, decideSubscribe } from './decide/subscribe';
import type { Presence } from './presence';
import { readAddress } from './request/common';
import { readPublish } from './request/publish';
import { readSubscribe, type SubscribeRequest } from './request/subscribe';
import { keyOfUri, type ResourceKey } from './resource';
import { sizes } from './sizes';
import { tellRefusal } from './trace';

export class Handlers {
  constructor(
    private readonly presence: Presence,
    private readonly random: Random,
    private readonly log: Logger,
    private readonly trail: Trail,
  ) {}

  /** Resolves to whether the answer was a 2xx. `sender` is a URI that is not notified. */
  async publish(req: RoutedRequest, sender: string | undefined): Promise<boolean> {
    const { presence } = this;
    return this.answering(req, async () => {
      const except = sender === undefined ? '' : canonical(sender);
      const published = readPublish(req.message, req.flow, except, presence.packages, presence.settings);
      return this.through(req, published.key, (resource, around) =>
        decidePublish(resource, published, presence.settings, around),
      );
    });
  }

  /** Resolves to whether the answer was a 2xx. `watcher` is who watches if not the From header says so. */
  async subscribe(req: RoutedRequest, watcher: string | undefined): Promise<boolean> {
    return this.answering(req, async () => {
      const subscribed = this.readSubscribe(req, watcher);
      const answer = await this.through(req, subscribed.key, this.deciding(subscribed));
      if (!subscribed.inDialog || answer.status !== 481) return answer;
      // The To header does not lead to the resource: the first Request-URI was another. The dialog's own row knows.
      const { callId, toTag, fromTag, key } = subscribed;
      const uri = await this.presence.store.findDialog(callId, toTag, fromTag);
      if (uri === undefined || uri === key.uri) return answer;
      return this.through(req, keyOfUri(uri, key.event), this.deciding(subscribed));
    });
  }

  private readSubscribe(req: RoutedRequest, watcher: string | undefined): SubscribeRequest {
    const { settings, packages } = this.presence;
    return readSubscribe(req.message, req.flow, watcher, packages, settings, () => this.dialogTag(req));
  }

  private deciding(subscribed: SubscribeRequest): Decide {
    const { permissions, settings, waitingTime } = this.presence;
    const { maxSubscriptions } = settings;
    const authorise: Authorise = (resource, watcher, winfo) => permissions.of(resource, watcher, winfo);
    return (resource, around) =>
      decideSubscribe(resource, subscribed, { maxSubscriptions, waitingTime, authorise }, around);
  }

  /** The tag that the script put into AVP `totag_avpid`, else one of our own, put there for the script to read. */
  private dialogTag(req: RoutedRequest): string {
    const { totagAvpid, toTagPref } = this.presence.settings;
    const avp = String(totagAvpid);
    const given = req.avps.get(avp);
    const text = given === undefined ? '' : String(given);
    if (isToken(text) && text.length <= sizes.tag) return text;
    if (given !== undefined) this.log.warn({ avp }, 'the To tag in the AVP is no SIP token, or too long: one is made');
    const tag = toTagPref + this.random.token();
    req.avps.set(avp, tag);
    return tag;
  }

  private through({ message }: RoutedRequest, key: ResourceKey, decide: Decide): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.presence.door.submit({
        key,
        request: message,
        since: this.presence.now,
        decide,
        done: ({ answer }) => (answer ? resolve(answer) : reject(new Error('a request was decided without an answer'))),
        failed: reject,
      });
    });
  }

  private async answering(req: RoutedRequest, decide: () => Promise<Answer>): Promise<boolean> {
    let answer: Answer;
    try {
      answer = await decide();
    } catch (error) {
      answer = this.answerTo(error, req);
      if (this.trail.followed) tellRefusal(this.trail, req.message, answer);
    }
    const { status, reason, headers, toTag } = answer;
    req.reply(status, reason, { headers, ...(toTag === undefined ? {} : { toTag }) });
    if (this.log.isLevelEnabled('debug')) {
      const { method, uri, callId } = req.message;
      this.log.debug({ callId, uri, status, reason }, `${method} answered`);
    }
    return status < 300;
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

/** An address as resources and watchers are named by; what is none stays as written. */
export function canonical(text: string): string {
  const parsed = readAddress(text);
  return parsed ? addressOfRecord(parsed) : text;
}
