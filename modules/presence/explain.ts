// Owns the answer to "why does this watcher see this": rules, what they combine to, the subscription, the very document.
import { type Command, parseUri, RollcallError } from '../../core/api';
import { canonical } from './handlers';
import type { Permission } from './permission';
import type { Presence } from './presence';
import type { Resource } from './resource';
import { keyOf } from './steer';

/** `presence.explain WATCHER PRESENTITY`: a rehearsal, nothing is changed and nobody is told. */
export function explainCommand(presence: Presence): Command {
  return {
    summary: 'Says what a watcher may see of a presentity and why: rules, permission, subscriptions, the document.',
    args: [
      {
        name: 'watcher',
        doc: 'sip:user@host or tel:NUMBER, as a script would name it; `anonymous` for nobody in particular',
      },
      { name: 'presentity', doc: 'sip:user@host' },
      { name: 'event', optional: true, doc: 'the event package, without .winfo; presence when left out' },
    ],
    run: ([watcher = '', presentity = '', event]) => {
      const who = watcher === 'anonymous' ? 'sip:anonymous@anonymous.invalid' : canonical(watcher);
      for (const text of [who, presentity]) {
        if (parseUri(text)) continue;
        throw new RollcallError(`"${text}" is not a URI`, { hint: 'it looks like sip:bob@example.com' });
      }
      return presence.door.look(keyOf(presence, presentity, event), (resource) => explain(presence, resource, who));
    },
  };
}

function explain(presence: Presence, resource: Resource, watcher: string): object {
  const { permissions, notifier } = presence;
  const permission = permissions.of(resource, watcher, false);
  const { fault, sphere, outcome } = permissions.grounds(resource, watcher);
  const next = permissions.nextChange(resource);
  return {
    watcher,
    presentity: resource.key.uri,
    decided_by: decidedBy(resource, permission, fault),
    ...(outcome === undefined
      ? {}
      : {
          rules: outcome.explanation.map(({ rule, matched, reasons }) => ({
            rule,
            matches: matched ? 'yes' : 'no',
            because: reasons.join('; '),
          })),
          sphere: sphere ?? 'none that is known',
          sub_handling: outcome.handling ?? 'block, because no rule matches',
          may_see: outcome.grants,
          changes_by_time: next === Number.POSITIVE_INFINITY ? 'never' : time(next),
        }),
    permission: meanings[permission.status],
    subscriptions: subscriptions(resource, watcher),
    document: permission.status === 'active' ? notifier.contents.preview(resource, permission) : 'none',
  };
}

const meanings = {
  active: 'active: a subscription gets the document below',
  pending: 'pending: a subscription waits for the presentity, and its NOTIFYs have no body',
  rejected: 'rejected: a subscription ends at once with terminated;reason=rejected',
} as const;

function decidedBy({ rules }: Resource, { byRules }: Permission, fault: string | undefined): string {
  if (!byRules) return 'force_active: everybody may see everything';
  if (!rules) return 'nothing: the presentity has no rules document';
  return fault === undefined ? rules.name : `nothing: ${rules.name} cannot be read, ${fault}`;
}

function subscriptions(resource: Resource, watcher: string): object[] {
  const own = [...resource.subscriptions.values()].filter((each) => each.watcher === watcher && !each.winfo);
  const running = own.map(({ status, reason, subscribedAt, expires, callId }) => ({
    status,
    event: reason === 'approved' ? 'approved' : 'subscribe',
    since: time(subscribedAt),
    until: time(expires),
    call_id: callId,
  }));
  const known = resource.watchers.get(watcher);
  if (known?.status !== 'waiting') return running;
  return [
    ...running,
    { status: 'waiting', event: 'timeout', since: time(known.insertedTime), until: time(known.expires), call_id: '' },
  ];
}

function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
