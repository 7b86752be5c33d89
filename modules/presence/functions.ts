// Owns the declarations of the functions that routing scripts import from presence.
import type { RoutedRequest, ScriptArg, ScriptFunction } from '../../core/api';
import { isWatched } from './changes';
import { endings } from './ending';
import { canonical, type Handlers } from './handlers';
import type { Presence } from './presence';
import { endingOf, keyOf, refreshFile, refreshTypes, refreshWatchers, terminate, updateWatchers } from './steer';

const req: ScriptArg = { name: 'req', type: 'request' };
const uri: ScriptArg = { name: 'uri', type: 'string', doc: 'The presentity.' };
const event: ScriptArg = { name: 'event', type: 'string', doc: 'The event package, without .winfo.' };

/** Kamailio's numbers, as `pres_auth_status` answers them. */
const authNumbers = { active: 1, pending: 2, rejected: 3, waiting: 4 } as const;

export function scriptFunctions(presence: Presence, handlers: Handlers): Record<string, ScriptFunction> {
  return {
    handle_publish: {
      summary: 'Handles a PUBLISH and answers it. True when the answer is a 2xx.',
      args: [req, { name: 'sender_uri', type: 'string', optional: true, doc: 'A watcher that is not notified.' }],
      returns: 'boolean',
      waits: true,
      call: (request, sender) => handlers.publish(request as RoutedRequest, sender as string | undefined),
    },
    handle_subscribe: {
      summary: 'Handles a SUBSCRIBE and answers it. True when the answer is a 2xx.',
      args: [
        req,
        { name: 'watcher_uri', type: 'string', optional: true, doc: 'Who watches, if not the From header says so.' },
      ],
      returns: 'boolean',
      waits: true,
      call: (request, watcher) => handlers.subscribe(request as RoutedRequest, watcher as string | undefined),
    },
    pres_has_subscribers: {
      summary: 'Whether anybody subscribes to the presentity’s state; those who watch its watchers do not count.',
      args: [uri, event],
      returns: 'boolean',
      waits: true,
      call: (of, name) => presence.door.look(keyOf(presence, String(of), String(name)), isWatched),
    },
    pres_auth_status: {
      summary: 'What the watcher may be to the presentity: 1 active, 2 pending, 3 terminated, 4 waiting.',
      args: [
        { name: 'watcher_uri', type: 'string' },
        { name: 'presentity_uri', type: 'string' },
      ],
      returns: 'number',
      waits: true,
      call: (watcher, of) =>
        presence.door.look(keyOf(presence, String(of), 'presence'), (resource) => {
          const who = canonical(String(watcher));
          const { status } = presence.permissions.of(resource, who, false);
          if (status === 'pending' && resource.watchers.get(who)?.status === 'waiting') return authNumbers.waiting;
          return authNumbers[status];
        }),
    },
    pres_refresh_watchers: {
      summary: 'Reads the presentity anew, applies its permissions and sends every watcher its present state.',
      args: [
        uri,
        event,
        { name: 'type', type: 'number', doc: refreshTypes },
        ...refreshFile.map((arg): ScriptArg => ({ ...arg, type: 'string' })),
      ],
      returns: 'boolean',
      waits: true,
      call: (of, name, type) => refreshWatchers(presence, keyOf(presence, String(of), String(name)), Number(type)),
    },
    pres_update_watchers: {
      summary: 'Applies the presentity’s permissions to its watchers anew; only those whose status changes are told.',
      args: [uri, event],
      returns: 'boolean',
      waits: true,
      call: (of, name) => updateWatchers(presence, keyOf(presence, String(of), String(name))),
    },
    pres_terminate: {
      summary: 'Ends the subscriptions of a watcher to a presentity with a last NOTIFY. True when there was one.',
      args: [
        uri,
        event,
        { name: 'watcher_uri', type: 'string' },
        { name: 'reason', type: 'string', optional: true, doc: `${endings}; deactivated when left out.` },
      ],
      returns: 'boolean',
      waits: true,
      call: async (of, name, watcher, reason = 'deactivated') => {
        const key = keyOf(presence, String(of), String(name));
        return (await terminate(presence, key, String(watcher), endingOf(String(reason)))) > 0;
      },
    },
  };
}
