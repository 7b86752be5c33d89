// Owns the way of a PUBLISH or SUBSCRIBE through the module: read it, take it through the door, answer it.
import {
  addressOfRecord,
  detach,
  isToken,
  type Logger,
  type Random,
  type RoutedRequest,
  type Trail,
} from '../../core/api';
import type { Answer, Decide } from './changes';
import { decidePublish } from './decide/publish';
import { type Authorise, decideSubscribe } from './decide/subscribe';
import { Answers, Handling } from './handling';
import type { Presence } from './presence';
import { readAddress } from './request/common';
import { readPublish } from './request/publish';
import { readSubscribe, type SubscribeRequest } from './request/subscribe';
import { keyOfUri } from './resource';
import { sizes } from './sizes';

/** Takes whether the answer to a request was a 2xx. */
type Told = (accepted: boolean) => void;

export class Handlers {
  private readonly answers: Answers;

  constructor(
    private readonly presence: Presence,
    private readonly random: Random,
    private readonly log: Logger,
    trail: Trail,
  ) {
    this.answers = new Answers(log, trail);
  }

  /** Resolves to whether the answer was a 2xx. `sender` is a URI that is not notified. */
  publish(req: RoutedRequest, sender: string | undefined): Promise<boolean> {
    return this.answered(req, (told) => {
      const { presence } = this;
      const except = sender === undefined ? '' : canonical(sender);
      const published = readPublish(req.message, req.flow, except, presence.packages, presence.settings);
      const decide: Decide = (resource, around) => decidePublish(resource, published, presence.settings, around);
      presence.door.submit(new Handling(this.answers, req, published.key, decide, presence.now, told));
    });
  }

  /** Resolves to whether the answer was a 2xx. `watcher` is who watches if not the From header says so. */
  subscribe(req: RoutedRequest, watcher: string | undefined): Promise<boolean> {
    return this.answered(req, (told) => {
      const { answers, presence } = this;
      const subscribed = this.readSubscribe(req, watcher);
      const decide = this.deciding(subscribed);
      const unknown = subscribed.inDialog
        ? (answer: Answer) => this.elsewhere(req, subscribed, answer, told)
        : undefined;
      presence.door.submit(new Handling(answers, req, subscribed.key, decide, presence.now, told, unknown));
    });
  }

  /** The To header does not lead to the resource: the first Request-URI was another. The dialog's own row knows. */
  private elsewhere(req: RoutedRequest, subscribed: SubscribeRequest, answer: Answer, told: Told): void {
    const { answers, presence } = this;
    const { callId, toTag, fromTag, key } = subscribed;
    presence.store.findDialog(callId, toTag, fromTag).then(
      (uri) => {
        if (uri === undefined || uri === key.uri) told(answers.give(req, answer));
        else {
          const decide = this.deciding(subscribed);
          presence.door.submit(new Handling(answers, req, keyOfUri(uri, key.event), decide, presence.now, told));
        }
      },
      (error: unknown) => told(answers.refuse(req, error)),
    );
  }

  /** What `begin` throws is answered. */
  private answered(req: RoutedRequest, begin: (told: Told) => void): Promise<boolean> {
    return new Promise((told) => {
      try {
        begin(told);
      } catch (error) {
        told(this.answers.refuse(req, error));
      }
    });
  }

  private readSubscribe(req: RoutedRequest, watcher: string | undefined): SubscribeRequest {
    const { settings, packages } = this.presence;
    const { flowRoutes } = this.presence.cluster;
    const given = { tag: () => this.dialogTag(req), flowRoute: (source: string) => flowRoutes?.of(source) ?? '' };
    return readSubscribe(req.message, req.flow, watcher, packages, settings, given);
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
    const tag = detach(toTagPref + this.random.token());
    req.avps.set(avp, tag);
    return tag;
  }
}

/** An address as resources and watchers are named by; what is none stays as written. */
export function canonical(text: string): string {
  const parsed = readAddress(text);
  return parsed ? addressOfRecord(parsed) : text;
}
