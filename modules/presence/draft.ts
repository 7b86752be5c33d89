// Owns what is decided for one resource in one turn: what was missed, what time and rules call for, each request, and all their changes.

import type { SipRequest } from '../../core/api';
import {
  applyChanges,
  type Decide,
  type Decision,
  type Notice,
  type ResourceChange,
  type Surroundings,
} from './changes';
import { noteDue } from './due';
import type { Duties, Duty } from './nodes/duty';
import { handedOver } from './nodes/duty';
import { nextExpiry, nextVersion, owed, type Resource, type ResourceKey, type Stored } from './resource';

/** One thing to do with a resource. `done` comes after the commit; `failed` when nothing was stored. */
export interface Operation {
  readonly key: ResourceKey;
  readonly decide: Decide;
  /** What asks for it, when it is a request. */
  readonly request?: SipRequest;
  /** ms since 1970: when what asks for it came, for the metrics. */
  readonly since?: number;
  /** What is in memory may be outdated: read the resource from the database first. */
  readonly fresh?: boolean;
  done(decision: Decision, resource: Resource): void;
  failed(error: unknown): void;
}

/** What is decided beside the requests themselves. */
export interface Deciding {
  readonly duties: Duties;
  /** What time has done to the resource, to be decided before anything else. */
  readonly expire: Decide;
  /** What the decisions of a turn mean for the permissions of running subscriptions. */
  readonly review: Decide;
  /** Told of a resource before anything is decided about it. */
  before(resource: Resource): void;
  /** When permissions may change by time alone: unix seconds, or Infinity. */
  reviewAt(resource: Resource): number;
}

export interface Draft {
  readonly resource: Resource;
  /** What the resource was to this node when the turn began. */
  readonly duty: Duty;
  /** The operations that were decided, and in the same places their decisions. */
  readonly taken: Operation[];
  readonly decisions: Decision[];
  readonly changes: ResourceChange[];
  readonly notices: Notice[];
  /** What is owed after it, by whomever; see `owed`. */
  owing: number;
}

/** Decides in memory; what throws is the business of the whole turn, but a request that cannot be decided fails alone. */
export function draftOf(
  resource: Resource,
  operations: readonly Operation[],
  deciding: Deciding,
  around: Surroundings,
  failed: (operation: Operation, error: unknown) => void,
): Draft {
  const duty = deciding.duties.of(resource);
  const draft: Draft = { resource, duty, taken: [], decisions: [], changes: [], notices: [], owing: resource.owed };
  deciding.before(resource);
  if (duty !== 'ours') take(draft, deciding.duties.missed(resource, duty));
  if (resource.dueAt <= around.now / 1000) {
    take(draft, deciding.expire(resource, around));
    resource.dueAt = nextExpiry(resource);
  }
  take(draft, deciding.review(resource, around));
  for (const operation of operations) {
    try {
      const decision = operation.decide(resource, around);
      take(draft, decision);
      draft.taken.push(operation);
      draft.decisions.push(decision);
    } catch (error) {
      failed(operation, error);
    }
  }
  take(draft, deciding.review(resource, around));
  resource.reviewAt = deciding.reviewAt(resource);
  resource.dueAt = Math.min(resource.dueAt, resource.reviewAt);
  take(draft, noteDue(resource, draft.changes, around.now / 1000));
  return draft;
}

/** What is stored beside the changes. */
export function nextOf({ resource, duty, owing }: Draft, duties: Duties, now: number): Stored {
  return { version: nextVersion(resource, now), owed: owing, notifier: duties.notifierAfter(resource, duty, owing) };
}

function take(draft: Draft, decision: Decision): void {
  // A note that NOTIFYs are owed goes only when all have been answered.
  for (const { to } of decision.notices)
    draft.owing = Math.max(draft.owing, to === 'dialog' ? owed.ownEvents : owed.state);
  const { changes, notices } = draft.duty === 'theirs' ? handedOver(decision) : decision;
  if (changes.length > 0) {
    applyChanges(draft.resource, changes);
    for (const change of changes) draft.changes.push(change);
  }
  for (const notice of notices) draft.notices.push(notice);
}
