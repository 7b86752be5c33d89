// Owns the control commands of presence: what a presentity has, what a dialog is at, and what an operator may end by hand.
import { type Command, type Database, RollcallError } from '../../core/api';
import { isWatched } from './changes';
import { removePublication } from './decide/publish';
import { endings } from './ending';
import { explainCommand } from './explain';
import { listCommands } from './lists';
import type { Presence } from './presence';
import { cseqCeiling, type Resource, type Subscription } from './resource';
import {
  endingOf,
  keyOf as namedKey,
  refreshFile,
  refreshTypes,
  refreshWatchers,
  terminate,
  through,
  updateWatchers,
} from './steer';
import type { Schema } from './store/schema';

const uri = { name: 'uri', doc: 'the presentity, sip:user@host' };
const event = { name: 'event', doc: 'the event package, without .winfo' };
const maybeEvent = { ...event, optional: true, doc: `${event.doc}; presence when left out` };
const callId = { name: 'call_id', doc: 'the Call-ID of the dialog, as `watchers` shows it' };

/** The names that Kamailio has for RPC stay as they are there. */
export function controlCommands(presence: Presence, database: Database, schema: Schema): Record<string, Command> {
  const keyOf = (of = '', name?: string) => namedKey(presence, of, name);
  const now = () => Math.floor(presence.now / 1000);
  return {
    ...listCommands(database, schema, presence),
    publications: {
      summary: 'Lists the publications of a presentity.',
      args: [uri, maybeEvent],
      run: ([of, name]) =>
        presence.door.look(keyOf(of, name), (resource) =>
          [...resource.publications.values()].map(({ etag, expires, receivedTime, sender, document }) => ({
            etag,
            expires_in: expires - now(),
            received: time(receivedTime),
            changed: time(document.changedAt),
            bytes: document.body.length,
            sender,
          })),
        ),
    },
    watchers: {
      summary: 'Lists the subscriptions to a presentity, and who waits for its word.',
      args: [uri, maybeEvent],
      run: ([of, name]) => presence.door.look(keyOf(of, name), (resource) => watchers(presence, resource, now())),
    },
    dialog: {
      summary: 'Says everything about the dialogs of one Call-ID: last NOTIFY, its answer, next expiry.',
      args: [uri, callId, maybeEvent],
      run: ([of, id = '', name]) =>
        presence.door.look(keyOf(of, name), (resource) =>
          found(resource, id).map((subscription) => dialog(presence, resource, subscription, now())),
        ),
    },
    terminate: {
      summary: 'Ends the subscriptions of a watcher, or of one Call-ID, with a last NOTIFY that gives a reason.',
      args: [
        uri,
        { name: 'who', doc: 'the watcher, sip:user@host, or a Call-ID, both as `watchers` shows them' },
        maybeEvent,
        {
          name: 'reason',
          optional: true,
          doc: `${endings}. deactivated when left out: he may subscribe again at once`,
        },
      ],
      run: async ([of, who = '', name, reason = 'deactivated']) => {
        const key = keyOf(of, name);
        const terminated = await terminate(presence, key, who, endingOf(reason));
        if (terminated === 0)
          throw new RollcallError(`${key.uri} has no watcher ${who}, and no dialog of this Call-ID`);
        return { terminated };
      },
    },
    remove: {
      summary: 'Removes a publication, as if its time had come.',
      args: [uri, { name: 'etag', doc: 'as `publications` shows it' }, maybeEvent],
      run: async ([of, etag = '', name]) => {
        const key = keyOf(of, name);
        const isThere = await presence.door.look(key, (resource) => resource.publications.has(etag));
        if (!isThere) throw new RollcallError(`${key.uri} has no publication ${etag}`);
        await through(presence, key, (resource) => removePublication(resource, etag));
        return { removed: etag };
      },
    },
    refreshWatchers: {
      summary:
        'Reads a presentity anew from the database, applies its rules, and tells its watchers the present state.',
      args: [uri, event, { name: 'type', optional: true, doc: `${refreshTypes} 0 when left out` }, ...refreshFile],
      run: async ([of, name, type = '0']) => {
        if (!/^[012]$/.test(type)) throw new RollcallError(`there is no type "${type}"`, { hint: refreshTypes });
        await refreshWatchers(presence, keyOf(of, name), Number(type));
        return { watched: await presence.door.look(keyOf(of, name), isWatched) };
      },
    },
    updateWatchers: {
      summary: 'Applies a presentity’s rules anew; only watchers whose status or view changes are told.',
      args: [uri, event],
      run: async ([of, name]) => {
        await updateWatchers(presence, keyOf(of, name));
        return { watched: await presence.door.look(keyOf(of, name), isWatched) };
      },
    },
    explain: explainCommand(presence),
    nodes: {
      summary: 'Lists the servers that share this database, this one first; `silent` is in ms.',
      args: [],
      run: async () => presence.cluster.members?.list() ?? [],
    },
    cleanup: {
      summary: 'Searches the database now for records that have ended, as clean_period does.',
      args: [],
      run: async () => {
        await presence.sweepNow();
        return { waiting: presence.expiry.waiting };
      },
    },
  };
}

function found(resource: Resource, callId: string): Subscription[] {
  const dialogs = [...resource.subscriptions.values()].filter((subscription) => subscription.callId === callId);
  if (dialogs.length === 0) throw new RollcallError(`${resource.key.uri} has no dialog with Call-ID ${callId}`);
  return dialogs;
}

function watchers(presence: Presence, resource: Resource, now: number): object[] {
  const subscribed = [...resource.subscriptions.values()].map((subscription) => ({
    watcher: subscription.watcher,
    event: eventOf(resource, subscription),
    status: subscription.status,
    expires_in: subscription.expires - now,
    notify: presence.notifier.look(resource.key, subscription.id)?.state ?? 'idle',
    call_id: subscription.callId,
    contact: subscription.contact,
  }));
  const waiting = [...resource.watchers.values()].filter(({ status }) => status === 'waiting');
  return [
    ...subscribed,
    ...waiting.map(({ watcher, expires }) => ({
      watcher,
      event: resource.key.event,
      status: 'waiting',
      expires_in: expires - now,
    })),
  ];
}

function dialog(presence: Presence, resource: Resource, subscription: Subscription, now: number): object {
  const channel = presence.notifier.look(resource.key, subscription.id);
  return {
    presentity: resource.key.uri,
    watcher: subscription.watcher,
    event: eventOf(resource, subscription),
    status: subscription.status,
    reason: subscription.reason,
    call_id: subscription.callId,
    to_tag: subscription.toTag,
    from_tag: subscription.fromTag,
    subscribed: time(subscription.subscribedAt),
    expires: time(subscription.expires),
    expires_in: subscription.expires - now,
    contact: subscription.contact,
    route: subscription.routes,
    socket: subscription.socket,
    source: subscription.source,
    user_agent: subscription.userAgent,
    subscribe_cseq: subscription.remoteCseq,
    notify_cseq: channel?.cseq ?? cseqCeiling(resource, subscription),
    notify_answer: String(channel?.answer ?? 'none lately'),
    notify_state: channel?.state ?? 'idle',
    notify_failures: channel?.failures ?? 0,
    ...(channel?.state === 'backing-off' ? { next_attempt: time(channel.retryAt / 1000) } : {}),
  };
}

function eventOf({ key }: Resource, { winfo, eventId }: Subscription): string {
  return `${key.event}${winfo ? '.winfo' : ''}${eventId === undefined ? '' : `;id=${eventId}`}`;
}

function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
