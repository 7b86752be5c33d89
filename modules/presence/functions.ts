// Owns the declarations of the functions that routing scripts import from presence.
import { RollcallError, type RoutedRequest, type ScriptArg, type ScriptFunction } from '../../core/api';
import { type Decide, isWatched } from './changes';
import { tellEverybody, tellState } from './decide/authorise';
import { canonical, type Handlers } from './handlers';
import type { Presence } from './presence';
import { keyOfUri, type ResourceKey } from './resource';

const req: ScriptArg = { name: 'req', type: 'request' };
const uri: ScriptArg = { name: 'uri', type: 'string', doc: 'The presentity.' };
export const refreshTypes = '0: rules changed; 1: the state in the database changed; 2: both.';
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
      call: (of, name) => presence.door.look(keyOf(presence, of, name), isWatched),
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
        presence.door.look(keyOf(presence, of, 'presence'), (resource) => {
          const who = canonical(String(watcher));
          const { status } = presence.permissions.of(resource, who, false);
          if (status === 'pending' && resource.watchers.get(who)?.status === 'waiting') return authNumbers.waiting;
          return authNumbers[status];
        }),
    },
    pres_refresh_watchers: {
      summary: 'Reads the presentity anew, applies its permissions and sends every watcher its present state.',
      args: [uri, event, { name: 'type', type: 'number', doc: refreshTypes }],
      returns: 'boolean',
      waits: true,
      call: (of, name, type) => refreshWatchers(presence, keyOf(presence, of, name), Number(type)),
    },
    pres_update_watchers: {
      summary: 'Applies the presentity’s permissions to its watchers anew; only those whose status changes are told.',
      args: [uri, event],
      returns: 'boolean',
      waits: true,
      call: (of, name) => updateWatchers(presence, keyOf(presence, of, name)),
    },
  };
}

/** Reads the resource anew, applies its permissions, and tells its watchers. @throws DatabaseUnavailable */
export async function refreshWatchers(presence: Presence, key: ResourceKey, type: number): Promise<boolean> {
  await updateWatchers(presence, key);
  // Who may not know of the state learns from a NOTIFY for a change of state that there was one.
  return through(presence, key, type === 1 ? tellState : tellEverybody, false);
}

/** Reads the resource anew and applies its permissions. @throws DatabaseUnavailable */
export function updateWatchers(presence: Presence, key: ResourceKey): Promise<boolean> {
  return through(presence, key, presence.applyPermissions, true);
}

function through(presence: Presence, key: ResourceKey, decide: Decide, fresh: boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    presence.door.submit({ key, decide, fresh, done: () => resolve(true), failed: reject });
  });
}

/** @throws RollcallError when no module has registered the package */
export function keyOf(presence: Presence, uriText: unknown, eventName: unknown): ResourceKey {
  const name = String(eventName);
  if (!presence.packages.events.has(name)) {
    throw new RollcallError(`no module has registered the event package '${name}'`, {
      hint: `registered: ${[...presence.packages.events.keys()].join(', ') || 'none; add presence_xml to loadmodule'}`,
    });
  }
  return keyOfUri(canonical(String(uriText)), name);
}
