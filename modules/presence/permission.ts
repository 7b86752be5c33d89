// Owns who may see what: everybody everything with `force_active`, else what the presentity's rules say at this moment.
import type { Clock, Logger } from '../../core/api';
import type { CompiledRules, EventPackage, RuleFormat, RuleOutcome, View } from './api';
import { type Ending, readEnding } from './ending';
import { closed, everything, type Resource, type RulesDocument } from './resource';

export interface Permission {
  /** `rejected`: the subscription ends, or never begins. */
  readonly status: 'active' | 'pending' | 'rejected';
  /** What may be seen, by name: `everything`, `closed`, or the key of `transformation`. Stored with the subscription. */
  readonly view: string;
  /** Undefined when the document goes out as it is, or nothing of it. */
  readonly transformation: View | undefined;
  /** Whether the presentity's rules say so, or the lack of them: then the watcher is noted in `watchers`. */
  readonly byRules: boolean;
  /** Why a subscription that was active ends when this is all that it is permitted. */
  readonly ends: Ending;
}

interface PermissionsOptions {
  readonly formats: ReadonlyMap<string, RuleFormat>;
  readonly events: ReadonlyMap<string, EventPackage>;
  readonly clock: Clock;
  readonly log: Logger;
  forceActive(): boolean;
  /** `xcapauth_userdel_reason`. */
  readonly userdelReason: string;
}

/** What was worked out for a resource, as long as its circumstances are the same. */
interface Worked {
  readonly document: RulesDocument | undefined;
  readonly format: RuleFormat | undefined;
  /** Undefined: there are none, or none that can be read. */
  readonly rules: CompiledRules | undefined;
  /** Why the document cannot be read. */
  readonly fault: string | undefined;
  circumstances: Circumstances;
  readonly byWatcher: Map<string, Permission>;
  /** The permissions of running subscriptions have been looked at under these circumstances. */
  applied: boolean;
}

export interface Grounds {
  /** Why the rules document cannot be read. */
  readonly fault: string | undefined;
  readonly sphere: string | undefined;
  /** Undefined when there are no rules that can be read. */
  readonly outcome: RuleOutcome | undefined;
}

interface Circumstances {
  readonly publications: string;
  readonly sphere: string | undefined;
  /** Unix seconds: time alone changes nothing before. */
  readonly until: number;
}

const granted: Permission = {
  status: 'active',
  view: everything,
  transformation: undefined,
  byRules: false,
  ends: 'rejected',
};
const allowed: Permission = { ...granted, byRules: true };
const politelyBlocked: Permission = { ...allowed, view: closed };
// The presentity has to be asked again: the watcher subscribes anew, and is pending then.
const pending: Permission = { ...politelyBlocked, status: 'pending', ends: 'deactivated' };
const rejected: Permission = { ...politelyBlocked, status: 'rejected' };

/** Watchers whose permission is remembered, of one resource: anybody can ask, so there is an end to it. */
const mostRemembered = 16_384;

export class Permissions {
  private worked = new WeakMap<Resource, Worked>();
  /** Stands for these permissions at resources that are open to all, of which nothing else is remembered. */
  private readonly self = {};
  /** By event package. When the module of one was reloaded, nothing that its old code made is kept. */
  private readonly formats = new Map<string, RuleFormat | undefined>();
  /** Without rules, or none that can be read; under rules of which none matches. */
  private readonly withoutRules: Permission;
  private readonly withoutRule: Permission;

  constructor(private readonly options: PermissionsOptions) {
    const ends = readEnding(options.userdelReason) ?? 'probation';
    this.withoutRules = { ...pending, ends };
    this.withoutRule = { ...rejected, ends };
  }

  /**
   * What the presentity allows a watcher now. Watcherinfo is for the presentity itself (RFC 3857 §4.6). No document, or one
   * that cannot be read: pending. A document in which no rule matches: rejected (RFC 5025 §3.2.1, the default is block).
   * Rules are not asked with `force_active`, nor for a package that is open.
   */
  of(resource: Resource, watcher: string, winfo: boolean): Permission {
    if (this.options.forceActive()) return granted;
    if (winfo) return watcher === resource.key.uri ? granted : rejected;
    if (this.isOpen(resource)) return granted;
    const worked = this.workedOut(resource);
    const known = worked.byWatcher.get(watcher);
    if (known) return known;
    const permission = worked.rules
      ? this.permissionOf(this.evaluate(resource, watcher, worked.rules))
      : this.withoutRules;
    if (worked.byWatcher.size >= mostRemembered) worked.byWatcher.clear();
    worked.byWatcher.set(watcher, permission);
    return permission;
  }

  /** What a permission rests on. */
  grounds(resource: Resource, watcher: string): Grounds {
    const { rules, fault, circumstances } = this.workedOut(resource);
    return { fault, sphere: circumstances.sphere, outcome: rules && this.evaluate(resource, watcher, rules) };
  }

  /**
   * Whether permissions may differ from those that running subscriptions have: the resource was just read, a rule began or
   * ended, the presentity went to another sphere. True once for each such change.
   */
  haveMoved(resource: Resource): boolean {
    if (this.isOpen(resource)) {
      if (resource.openedBy === this.self) return false;
      resource.openedBy = this.self;
      this.worked.delete(resource);
      return true;
    }
    resource.openedBy = undefined;
    const worked = this.workedOut(resource);
    const moved = !worked.applied;
    worked.applied = true;
    return moved;
  }

  /** Unix seconds at which permissions may change by time alone, or Infinity. */
  nextChange(resource: Resource): number {
    return this.isOpen(resource) ? Number.POSITIVE_INFINITY : this.workedOut(resource).circumstances.until;
  }

  private isOpen({ key }: Resource): boolean {
    return this.options.forceActive() || this.options.events.get(key.event)?.forceActive === true;
  }

  private permissionOf({ handling, view }: RuleOutcome): Permission {
    switch (handling) {
      case 'allow':
        if (view.grantsNothing) return politelyBlocked;
        return view.key === everything ? allowed : { ...allowed, view: view.key, transformation: view };
      case 'polite-block':
        return politelyBlocked;
      case 'confirm':
        return pending;
      case 'block':
        return rejected;
      default:
        return this.withoutRule;
    }
  }

  private evaluate(resource: Resource, watcher: string, rules: CompiledRules): RuleOutcome {
    const { sphere } = this.workedOut(resource).circumstances;
    return rules.evaluate({ watcher, now: this.options.clock.now() / 1000, sphere });
  }

  private workedOut(resource: Resource): Worked {
    const { event } = resource.key;
    const format = this.options.formats.get(event);
    if (this.formats.get(event) !== format) {
      this.formats.set(event, format);
      this.worked = new WeakMap();
    }
    let worked = this.worked.get(resource);
    if (!worked || worked.document !== resource.rules || worked.format !== format) {
      const compiled = this.compile(resource, format);
      const circumstances = this.circumstances(resource, compiled.rules);
      worked = { document: resource.rules, format, ...compiled, circumstances, byWatcher: new Map(), applied: false };
      this.worked.set(resource, worked);
    } else if (worked.rules && this.isOver(resource, worked.circumstances)) {
      const before = worked.circumstances;
      worked.circumstances = this.circumstances(resource, worked.rules);
      if (before.sphere !== worked.circumstances.sphere || before.until !== worked.circumstances.until) {
        worked.byWatcher.clear();
        worked.applied = false;
      }
    }
    return worked;
  }

  private compile(resource: Resource, format: RuleFormat | undefined): Pick<Worked, 'rules' | 'fault'> {
    const { rules, key } = resource;
    if (!rules || this.isOpen(resource)) return { rules: undefined, fault: undefined };
    const compiled = format?.compile(rules.body) ?? { ok: false, reason: 'no module reads rules of this package' };
    const about = { presentity: key.uri, document: rules.name };
    if (!compiled.ok) {
      this.options.log.warn(
        { ...about, reason: compiled.reason },
        'a rules document cannot be used: watchers are pending',
      );
      return { rules: undefined, fault: compiled.reason };
    }
    for (const warning of compiled.warnings) this.options.log.warn({ ...about, warning }, 'a rules document is odd');
    return { rules: compiled.rules, fault: undefined };
  }

  private isOver(resource: Resource, circumstances: Circumstances): boolean {
    return this.options.clock.now() / 1000 >= circumstances.until || published(resource) !== circumstances.publications;
  }

  private circumstances(resource: Resource, rules: CompiledRules | undefined): Circumstances {
    const documents = [...resource.publications.values()].map((publication) => publication.document);
    const sphere = rules && this.options.events.get(resource.key.event)?.sphere?.(documents);
    const until = rules?.nextChange(this.options.clock.now() / 1000) ?? Number.POSITIVE_INFINITY;
    return { publications: published(resource), sphere, until };
  }
}

/** Stands for the contents that are published: a refresh leaves it. */
function published(resource: Resource): string {
  let text = '';
  for (const { document } of resource.publications.values()) text += `${document.sequence} `;
  return text;
}
