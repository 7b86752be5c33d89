// Owns what other modules may know of presence: event packages and the watcherinfo format are offered to it through these points.
import { extensionPoint } from '../../core/api';

/** One event package (RFC 6665 §5), say `presence`. Its module offers it under its name; presence itself knows no XML. */
export interface EventPackage {
  /** The token of the Event header, lower case, without a template suffix. */
  readonly name: string;
  /** Seconds granted to a PUBLISH or SUBSCRIBE that names none. */
  readonly defaultExpires: number;
  /** Content types a PUBLISH may carry, lower case, without parameters. Anything else is answered 415 with these as Accept. */
  readonly publishTypes: readonly string[];
  /** Content types a NOTIFY may carry; the first is the default. A watcher whose Accept admits none is answered 406. */
  readonly notifyTypes: readonly string[];
  /** Success code for a SUBSCRIBE unless `subs_respond_200` is set: the seed wants 202 for `presence`. */
  readonly subscribeStatus: 200 | 202;
  /** True: with `force_active` 0, too, whoever subscribes is active; only the routing script may refuse. */
  readonly forceActive?: boolean;
  /**
   * Checks a published body once, before it is stored. Pure and linear in its size; `reason` becomes the reason phrase of a 400.
   * `asIs` is kept with the body for `compose`: when nothing else is published, does it go to the watchers of `presentity` unchanged?
   */
  check(body: Buffer, presentity: string): { ok: true; asIs?: boolean } | { ok: false; reason: string };
  /**
   * One document out of all live publications, newest content first; the package's "nothing there" document for an empty list.
   * Deterministic: the same arguments give the same bytes. `presentity` is `sip:user@host`. `revision` rises with the changes
   * that watchers are told of, over restarts too, for formats that number their documents.
   */
  compose(presentity: string, publications: readonly PublishedDocument[], revision: number): Buffer;
  /**
   * A composed document as a view lets it be seen: what the view does not grant is not in it. Deterministic: equal documents
   * and equal keys give equal bytes. It may hand `document` itself back.
   */
  transform?(presentity: string, document: Buffer, view: View): Buffer;
  /** The sphere the presentity is in (RFC 5025 §3.1.2), from its live publications; undefined when they name none, or several. */
  sphere?(publications: readonly PublishedDocument[]): string | undefined;
}

/** What a package sees of a publication. The object stays the same until its content changes, so it may be the key of a cache. */
export interface PublishedDocument {
  readonly etag: string;
  readonly body: Buffer;
  /** What `check` said; undefined when it said nothing or was not asked because the body comes from the database. */
  readonly asIs?: boolean | undefined;
  /** Unix seconds of the last change of content; a refresh leaves it. */
  readonly changedAt: number;
  /** Rises with every change of content of the presentity: the greater is the newer. */
  readonly sequence: number;
}

export const eventPackages = extensionPoint<EventPackage>('presence.event_packages');

/** What a presentity's rules decide about a subscription (RFC 5025 §3.2.1), in rising order. */
export type Handling = 'block' | 'confirm' | 'polite-block' | 'allow';

/** What a watcher may see of a document. Equal keys let the same be seen, so that one document serves all who have the key. */
export interface View {
  /** Canonical and short. */
  readonly key: string;
  /** Nothing at all: the document is the package's "nothing there", whatever the presentity publishes. */
  readonly grantsNothing: boolean;
}

export interface RuleInput {
  /** `sip:user@host`, `tel:+15551234`, or undefined for a watcher who could not be authenticated. */
  readonly watcher: string | undefined;
  /** Unix seconds. */
  readonly now: number;
  /** What `EventPackage.sphere` found. */
  readonly sphere: string | undefined;
}

/** Why a rule matched, or did not. */
export interface RuleExplanation {
  /** Its id. */
  readonly rule: string;
  readonly matched: boolean;
  /** In words: `identity: sip:carol@example.com is not among those named`. */
  readonly reasons: readonly string[];
}

export interface RuleOutcome {
  /** The highest value of all rules that match; undefined when none does. */
  readonly handling: Handling | undefined;
  /** The union of what they grant. */
  readonly view: View;
  /** What the view lets be seen, in words: `all services, with note`. Worked out when it is read. */
  readonly grants: string;
  /** One entry for each rule of the document, in its order; worked out when it is read. */
  readonly explanation: readonly RuleExplanation[];
}

/** The rules of one presentity, compiled once per document. Pure. */
export interface CompiledRules {
  /** Combines all rules that match (RFC 4745 §10.2). */
  evaluate(input: RuleInput): RuleOutcome;
  /** The next unix second after `now` at which a rule may start or cease to match by time alone, or Infinity. */
  nextChange(now: number): number;
  /** Each rule in words, in the order of the document. */
  describe(): readonly string[];
}

/** Reads the rules documents of an event package. Offered under the package's name. */
export interface RuleFormat {
  /** `doc_type` of such documents in table `xcap`. */
  readonly docType: 2;
  /** Never throws and is linear. `reason` and `warnings` say line:column and what, in printable ASCII. */
  compile(
    document: Buffer,
  ): { ok: true; rules: CompiledRules; warnings: readonly string[] } | { ok: false; reason: string };
}

export const ruleFormats = extensionPoint<RuleFormat>('presence.rule_formats');

export type WatcherStatus = 'active' | 'pending' | 'waiting' | 'terminated';

/** What made a watcher's subscription enter its status (RFC 3857 §4.7.1). */
export type WatcherEvent =
  | 'subscribe'
  | 'approved'
  | 'deactivated'
  | 'probation'
  | 'rejected'
  | 'timeout'
  | 'giveup'
  | 'noresource';

/** One `watcher` element of RFC 3858 §3. */
export interface WatcherEntry {
  readonly uri: string;
  /** Stable for the subscription, unique in the document, and telling nothing. */
  readonly id: string;
  readonly status: WatcherStatus;
  readonly event: WatcherEvent;
  /** Seconds since the subscription was made. */
  readonly durationSubscribed?: number;
  /** Seconds left. */
  readonly expiration?: number;
  readonly displayName?: string;
}

export interface WatcherinfoDocument {
  /** `sip:user@host` of the presentity. */
  readonly resource: string;
  /** The package that is watched, without `.winfo`. */
  readonly package: string;
  /** 0 for the first document of a subscription, one more for each (RFC 3858 §3). */
  readonly version: number;
  readonly state: 'full' | 'partial';
  readonly watchers: readonly WatcherEntry[];
}

/** Writes a watcherinfo document. Offered under its content type; its presence turns the `.winfo` packages on. */
export interface WatcherinfoFormat {
  readonly suffix: 'winfo';
  readonly type: string;
  render(document: WatcherinfoDocument): Buffer;
}

export const watcherinfoFormats = extensionPoint<WatcherinfoFormat>('presence.watcherinfo_formats');
