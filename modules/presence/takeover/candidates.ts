// Owns the records that may be taken over: how each compares with what is here, and the change that takes it.
import type { ResourceChange } from '../changes';
import { counterOf, cseqCeiling, documentCeiling, type Resource, type ResourceKey } from '../resource';
import { recordName, type Standing } from './memory';
import { type Circumstances, publicationOf, subscriptionOf, waitingWatcherOf } from './records';
import { type SourceRow, textOf } from './tables';

/** A record of the old server that is worth something here. */
export interface Candidate {
  readonly key: ResourceKey;
  /** Its name in the memory of what was taken, over all its states. */
  readonly record: string;
  /** Stands for the state it has. */
  readonly stamp: string;
  /** @param taken the stamp it was taken under before */
  standing(resource: Resource, taken: string | undefined): Standing;
  change(resource: Resource, taken: string | undefined): ResourceChange;
}

/** The candidate that a row is, or the reason why it is none. */
export type ReadCandidate = (row: SourceRow, around: Circumstances) => Candidate | string;

/** A publication is known by the name it gets here; its state by the entity-tag. */
export const publicationCandidate: ReadCandidate = (row, around) => {
  const found = publicationOf(row, around);
  if (typeof found === 'string') return found;
  const { key, publication } = found;
  return {
    key,
    record: publication.ruid,
    stamp: publication.etag,
    standing({ publications }, taken) {
      if (taken !== undefined) return publications.has(taken) ? 'as taken' : 'nothing';
      return publications.has(publication.etag) ? 'the same' : 'nothing';
    },
    change: ({ publications }, taken) => ({
      kind: 'publish',
      publication,
      replaces: taken === undefined ? undefined : publications.get(taken),
    }),
  };
};

/** A subscription is known by its dialog; its state by the CSeq of the last SUBSCRIBE and how far NOTIFYs have come. */
export const subscriptionCandidate: ReadCandidate = (row, around) => {
  const found = subscriptionOf(row, around);
  if (typeof found === 'string') return found;
  const { key, subscription } = found;
  const { callId, toTag, fromTag, remoteCseq } = subscription;
  return {
    key,
    record: recordName('active_watchers', callId, toTag, fromTag),
    stamp: [remoteCseq, subscription.localCseq, subscription.version, subscription.status].join(' '),
    standing({ subscriptions }, taken) {
      const here = subscriptions.get(subscription.id);
      if (!here) return 'nothing';
      // What the watcher has said to this server since is a SUBSCRIBE with a higher CSeq.
      if (taken !== undefined) return here.remoteCseq === Number(taken.split(' ')[0]) ? 'as taken' : 'something else';
      return 'something else';
    },
    change(resource) {
      const here = resource.subscriptions.get(subscription.id);
      const fanoutsAt = counterOf(resource, subscription.winfo);
      if (!here) return { kind: 'subscribe', subscription: { ...subscription, fanoutsAt }, replaces: undefined };
      // NOTIFYs of this server may have gone out in the dialog: its numbers go on above both servers'.
      const localCseq = Math.max(subscription.localCseq, cseqCeiling(resource, here));
      const version = Math.max(subscription.version, documentCeiling(resource, here));
      const { watcherId, subscribedAt } = here;
      const after = { ...subscription, localCseq, version, fanoutsAt, watcherId, subscribedAt };
      return { kind: 'subscribe', subscription: after, replaces: here };
    },
  };
};

export const watcherCandidate: ReadCandidate = (row, around) => {
  const found = waitingWatcherOf(row, around);
  if (typeof found === 'string') return found;
  const { key, watcher } = found;
  return {
    key,
    record: recordName('watchers', key.uri, key.event, watcher.watcher),
    stamp: `${textOf(row, 'status')} ${watcher.insertedTime}`,
    standing({ watchers }, taken) {
      const here = watchers.get(watcher.watcher);
      if (!here) return 'nothing';
      return taken !== undefined && here.status === 'waiting' ? 'as taken' : 'something else';
    },
    change({ subscriptions }) {
      // Who is still subscribed does not wait yet: he does when the subscription ends before the presentity decides.
      const isSubscribed = [...subscriptions.values()].some((each) => each.watcher === watcher.watcher && !each.winfo);
      const pending = { ...watcher, status: 'pending', expires: Number.POSITIVE_INFINITY } as const;
      return { kind: 'authorise', watcher: isSubscribed ? pending : watcher };
    },
  };
};
