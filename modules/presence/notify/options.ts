// Owns what the notifier is given: the floors below it, where its outcomes go, and what the script is told of an answer.
import type { ClientOutcome, Clock, EventRouteInput, Logger, SipServices } from '../../../core/api';
import type { EventPackage, WatcherinfoFormat } from '../api';
import type { Followup } from '../handover';
import type { Permission } from '../permission';
import type { Resource, ResourceKey, Subscription } from '../resource';
import type { Channel } from './channel';
import type { Lines } from './traffic';

export interface NotifierOptions {
  readonly sip: SipServices;
  readonly clock: Clock;
  /** ms for which the event loop has had nothing to do. */
  idle(): number;
  readonly log: Logger;
  readonly events: ReadonlyMap<string, EventPackage>;
  readonly watcherinfo: ReadonlyMap<string, WatcherinfoFormat>;
  /** What a watcher may see now. */
  permission(resource: Resource, watcher: string): Permission;
  /** Sees to it that what became of a NOTIFY is stored. */
  follow(up: Followup): void;
  /** False while other nodes may take this one for dead, and tell its watchers. */
  maySend(): boolean;
  /** Told when nothing is owed to a resource's watchers any more. */
  onQuiet(key: ResourceKey): void;
  /** Told of each outcome; `replyOf` makes of it what the script is told. */
  replied(outcome: ClientOutcome, channel: Channel, subscription: Subscription): void;
  /** The channels of an earlier life of the module: `resume` takes them up. */
  readonly lines: Lines | undefined;
}

/** What `event_route['presence:notify-reply']` is told. */
export function replyOf(
  { resource, cseq }: Channel,
  { watcher, callId }: Subscription,
  { response }: ClientOutcome,
): EventRouteInput {
  return {
    ...(response ? { response } : {}),
    fields: {
      status: response?.status ?? 408,
      presentity: resource.key.uri,
      watcher,
      event: resource.key.event,
      call_id: callId,
      cseq,
    },
  };
}
